/** What the keyboard does in the builder: keys.ts tells which action a key is, this does it. */
import type { WorkflowEditor } from '$lib/flow/editor.svelte.ts';
import { readingOrder } from '$lib/flow/graph.ts';
import { actionOf, type BuilderAction } from './keys.ts';

export interface CanvasControls {
  fit: () => void;
  actualSize: () => void;
  focusNode: (id: string) => void;
}
interface Around {
  editor: WorkflowEditor;
  canvas: () => CanvasControls | null;
  asOutline: () => boolean;
  mayWrite: () => boolean;
  openPalette: () => void;
  tidy: () => void;
  run: () => void;
}

const FIELDS =
  'input, textarea, select, [contenteditable="true"], [role="dialog"], [role="menu"], [role="tree"]';

export function builderKeyboard({ editor, canvas, asOutline, mayWrite, openPalette, tidy, run }: Around) {
  function neighbour(step: 1 | -1) {
    const order = readingOrder(editor.flow).flatMap((node) => [node, ...readingOrder(editor.flow, node.id)]);
    const at = order.findIndex((node) => node.id === editor.selected?.id);
    const next = order[at < 0 ? 0 : Math.max(0, Math.min(order.length - 1, at + step))];
    if (!next) return;
    editor.select([next.id]);
    canvas()?.focusNode(next.id);
  }
  const edits =
    (change: (step: number) => void) =>
    (step: number): void => {
      if (mayWrite()) change(step);
    };
  const does: Record<BuilderAction, (step: number) => void> = {
    undo: edits(() => editor.undo()),
    redo: edits(() => editor.redo()),
    copy: () => editor.copy(),
    paste: edits(() => editor.paste()),
    duplicate: edits(() => editor.duplicate()),
    selectAll: () => editor.selectAll(),
    delete: edits(() => editor.removeSelected()),
    add: edits(openPalette),
    fit: () => canvas()?.fit(),
    actualSize: () => canvas()?.actualSize(),
    tidy: edits(tidy),
    left: edits((step) => editor.nudge(-step, 0)),
    right: edits((step) => editor.nudge(step, 0)),
    up: edits((step) => editor.nudge(0, -step)),
    down: edits((step) => editor.nudge(0, step)),
    nextNode: () => neighbour(1),
    previousNode: () => neighbour(-1),
  };

  return {
    keydown(event: KeyboardEvent) {
      if (event.defaultPrevented) return;
      const focused = document.activeElement as HTMLElement | null;
      const onCanvas =
        !focused ||
        focused === document.body ||
        focused.id === 'main' ||
        Boolean(focused.closest('.flow-canvas'));
      const action = actionOf({
        key: event.key,
        mod: event.metaKey || event.ctrlKey,
        shift: event.shiftKey,
        alt: event.altKey,
        typing: Boolean(focused?.closest(FIELDS)),
        onCanvas: onCanvas && !asOutline(),
      });
      if (!action) return;
      event.preventDefault();
      does[action](event.shiftKey ? 40 : 8);
    },
    /** Mod Enter and Mod S before whatever has the focus: a focused menu button would take Mod Enter for Enter. */
    runOrSave(event: KeyboardEvent) {
      if (!(event.metaKey || event.ctrlKey) || event.shiftKey || event.altKey) return;
      const runs = event.key === 'Enter';
      if (!runs && event.key.toLowerCase() !== 's') return;
      if (runs && document.activeElement?.closest('[role="dialog"]')) return;
      event.preventDefault();
      event.stopPropagation();
      if (runs) run();
      else void editor.save();
    },
  };
}
