/** How long to wait before trying the same provider again: full jitter, so that callers who failed together do not come back together. */

export interface Backoff {
  baseMs: number;
  maxMs: number;
  /** a provider that asks for more patience than this is not waited for */
  maxRetryAfterMs: number;
}

/** The longest wait after `failures` failures in a row. */
export const longestWaitMs = ({ baseMs, maxMs }: Backoff, failures: number): number =>
  Math.min(maxMs, baseMs * 2 ** Math.min(30, failures - 1));

/**
 * Somewhere in [0, longest], on top of what the provider asked for; null when it asked for too much. `random` is in [0, 1).
 */
export function waitMs(
  backoff: Backoff,
  { failures, retryAfterMs, random }: { failures: number; retryAfterMs: number | null; random: number },
): number | null {
  const asked = retryAfterMs ?? 0;
  if (asked > backoff.maxRetryAfterMs) return null;
  return asked + Math.floor(random * (longestWaitMs(backoff, failures) + 1));
}
