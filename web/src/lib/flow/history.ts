/** Undo and redo over immutable values. Changes with the same `key` close together are one step (typing a word is one undo). */
export interface History<T> {
  past: readonly T[];
  present: T;
  future: readonly T[];
  /** the key and time (ms) of the last change, to join the next one to it */
  last: { key: string; at: number } | null;
}

export const JOIN_WITHIN_MS = 800;
const DEPTH = 200;

export const startHistory = <T>(present: T): History<T> => ({ past: [], present, future: [], last: null });

/** Records a change. `key` null never joins; equal values change nothing. */
export function record<T>(
  history: History<T>,
  next: T,
  { key = null, now }: { key?: string | null; now: number },
): History<T> {
  if (next === history.present) return history;
  const joins =
    key !== null &&
    history.last?.key === key &&
    now - history.last.at <= JOIN_WITHIN_MS &&
    history.past.length > 0;
  return {
    past: joins ? history.past : [...history.past, history.present].slice(-DEPTH),
    present: next,
    future: [],
    last: key === null ? null : { key, at: now },
  };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return {
    past: history.past.slice(0, -1),
    present: before,
    future: [history.present, ...history.future],
    last: null,
  };
}

export function redo<T>(history: History<T>): History<T> {
  const [after, ...rest] = history.future;
  if (after === undefined) return history;
  return { past: [...history.past, history.present], present: after, future: rest, last: null };
}
