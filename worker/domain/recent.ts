/**
 * What an isolate read a moment ago. When a value has become old, the first who asks reads it anew and the others meanwhile take the old
 * one: were they all to read, a busy team's calls would stand in line before one database, again and again.
 */
export interface Recent<T> {
  /** The value, read now or lately. `read` is the asker's own: requests of one isolate cannot wait for each other. Null is not kept. */
  get(key: string, now: () => number, read: () => Promise<T>): Promise<T>;
  /** What changed here is read anew by the next who asks, and a reading that began before is not kept. */
  forget(key: string): void;
  forgetWhere(test: (value: T) => boolean): void;
}

interface Entry<T> {
  value: T;
  untilMs: number;
  /** somebody reads it anew since then */
  readingSinceMs: number | null;
}

/** Who reads may take so long before the next one reads too: at most, a value is as old as this and `forMs` together. */
export const PATIENCE_MS = 1_000;

/** `size`: so many keys are known at most, the oldest leave first. */
export function recent<T>({ forMs, size }: { forMs: number; size: number }): Recent<T> {
  const entries = new Map<string, Entry<T>>();
  /** how often something was forgotten */
  let forgotten = 0;

  function keep(key: string, value: T, nowMs: number): void {
    entries.delete(key);
    if (entries.size >= size) entries.delete(entries.keys().next().value!);
    entries.set(key, { value, untilMs: nowMs + forMs, readingSinceMs: null });
  }

  return {
    async get(key, now, read) {
      const nowMs = now();
      const known = entries.get(key);
      if (known && nowMs < known.untilMs) return known.value;
      if (known && known.readingSinceMs !== null && nowMs < known.readingSinceMs + PATIENCE_MS)
        return known.value;
      if (known && nowMs < known.untilMs + PATIENCE_MS) known.readingSinceMs = nowMs;
      else entries.delete(key);
      const before = forgotten;
      const value = await read();
      if (before === forgotten && value !== null) keep(key, value, nowMs);
      else if (value === null) entries.delete(key);
      return value;
    },
    forget(key) {
      forgotten++;
      entries.delete(key);
    },
    forgetWhere(test) {
      forgotten++;
      for (const [key, { value }] of entries) if (test(value)) entries.delete(key);
    },
  };
}
