/** The palette: whether it is open, and where its next step goes. */
import type { AddTarget, WorkflowEditor } from '$lib/flow/editor.svelte.ts';
import { tick } from 'svelte';

export class BuilderPalette {
  open = $state(false);
  #inside = $state<string | null>(null);
  #after = $state<string | null>(null);
  readonly #editor: WorkflowEditor;
  readonly #focus: () => void;

  constructor(editor: WorkflowEditor, focus: () => void) {
    this.#editor = editor;
    this.#focus = focus;
  }

  async show(where: { inside?: string; after?: string } = {}): Promise<void> {
    this.#inside = where.inside ?? null;
    this.#after = where.after ?? null;
    this.open = true;
    await tick();
    this.#focus();
  }
  close(): void {
    this.open = false;
    document.querySelector<HTMLElement>('[data-testid="add-node-btn"]')?.focus();
  }

  get target(): AddTarget {
    const known = (id: string | null): id is string => this.#editor.flow.nodes.some((node) => node.id === id);
    if (known(this.#inside)) return { inside: this.#inside };
    if (known(this.#after)) return { after: this.#after };
    return this.#editor.addTarget;
  }
  /** The target in words. */
  get place(): string {
    const { target } = this;
    if (!target) return 'A click adds the first step; dragging places it.';
    const id = 'inside' in target ? target.inside : target.after;
    const node = this.#editor.flow.nodes.find((one) => one.id === id);
    const name = node ? this.#editor.labelOf(node) : id;
    const handle = 'after' in target && target.handle ? ` (${target.handle})` : '';
    return `${'inside' in target ? 'Inside' : 'After'} “${name}”${handle}`;
  }

  /** Adds a step of this kind there; the next one follows it. */
  add(kind: string): string {
    const id = this.#editor.add(kind, this.target);
    this.#inside = null;
    this.#after = null;
    return id;
  }
}
