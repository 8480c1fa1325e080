/** Is today's spend unusual? Against the same stretch of the past days, by medians, so that one odd day neither hides nor makes another. */

/** So many days before today are looked at, at most and at least. */
export const LOOK_BACK_DAYS = 28;
export const LEAST_HISTORY_DAYS = 7;
/** Less above the usual than this is never worth a word: $1. */
export const FLOOR_NANO_USD = 1_000_000_000;
/** At least this many times the usual. */
const TIMES = 2;
/** At least this many robust standard deviations above it; 1.4826 makes a median absolute deviation one. */
const DEVIATIONS = 6 * 1.4826;

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** What is usual, when `spentNanoUsd` is far above it; null when it is not, or when there is too little history to say. */
export function unusual(spentNanoUsd: number, past: readonly number[]): { usualNanoUsd: number } | null {
  if (past.length < LEAST_HISTORY_DAYS) return null;
  const usual = median(past);
  const deviation = median(past.map((value) => Math.abs(value - usual)));
  const bar = Math.max(usual + FLOOR_NANO_USD, usual * TIMES, usual + DEVIATIONS * deviation);
  return spentNanoUsd > bar ? { usualNanoUsd: Math.round(usual) } : null;
}
