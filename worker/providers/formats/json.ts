/** Reading JSON that others wrote: nothing here throws, whatever it is given. */
export type Json = Record<string, unknown>;

export const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The objects of a list; none when it is no list. */
export const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** No answer counts so many: a number above it is nonsense, and its price would not fit into an amount. */
const MOST_TOKENS = 1_000_000_000;

/** A count of tokens; null when it is none (negative, fractional, text, missing, absurd). */
export const tokens = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MOST_TOKENS
    ? value
    : null;

/** The object that an event's data holds; null when it is anything else. */
export function parsed(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** Later values win over earlier ones, nulls never do, nested details likewise; nothing is added up (B12). */
export function merged(earlier: Json, later: Json): Json {
  const all: Json = { ...earlier };
  for (const [name, value] of Object.entries(later)) {
    if (value === null || value === undefined) continue;
    const before = all[name];
    all[name] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return all;
}
