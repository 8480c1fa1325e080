/** The builder's keys (ui.md). Letters and digits only while no field has the cursor. Pure: an event's facts in, an action out. */
export type BuilderAction =
  | 'undo'
  | 'redo'
  | 'copy'
  | 'paste'
  | 'duplicate'
  | 'selectAll'
  | 'delete'
  | 'add'
  | 'fit'
  | 'actualSize'
  | 'tidy'
  | 'left'
  | 'right'
  | 'up'
  | 'down'
  | 'nextNode'
  | 'previousNode';

export interface KeyFacts {
  key: string;
  mod: boolean;
  shift: boolean;
  alt: boolean;
  /** the cursor is in a field, or a dialog or menu is open */
  typing: boolean;
  /** the canvas (or nothing) has the focus */
  onCanvas: boolean;
}

const ARROWS: Record<string, BuilderAction> = {
  ArrowLeft: 'left',
  ArrowRight: 'right',
  ArrowUp: 'up',
  ArrowDown: 'down',
};

export function actionOf({ key, mod, shift, alt, typing, onCanvas }: KeyFacts): BuilderAction | null {
  const letter = key.toLowerCase();
  if (typing) return null;
  if (mod && letter === 'z') return shift ? 'redo' : 'undo';
  if (mod && shift && letter === 'l') return 'tidy';
  if (!onCanvas) return null;
  if (mod)
    return ({ y: 'redo', c: 'copy', v: 'paste', d: 'duplicate', a: 'selectAll' } as const)[letter] ?? null;
  if (alt)
    return key === 'ArrowRight' || key === 'ArrowDown' ? 'nextNode' : ARROWS[key] ? 'previousNode' : null;
  if (key === 'Delete' || key === 'Backspace') return 'delete';
  if (ARROWS[key]) return ARROWS[key];
  if (shift) return null;
  return ({ a: 'add', '1': 'fit', '0': 'actualSize' } as const)[letter] ?? null;
}
