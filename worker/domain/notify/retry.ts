/** When is a delivery tried again, and when is it given up? A table, a little chance against crowds, and what answers mean. */

/** Waiting before each try: the first goes out at once, the last after about a day and a half. */
export const RETRY_AFTER_MS: readonly number[] = [
  0,
  5_000,
  30_000,
  2 * 60_000,
  10 * 60_000,
  3_600_000,
  6 * 3_600_000,
  24 * 3_600_000,
];
export const MOST_TRIES = RETRY_AFTER_MS.length;
/** Waits vary by this share, so that many deliveries to one receiver do not come back together. */
const JITTER = 0.2;
/** A receiver that asks for more patience than this is asked again then. */
const MOST_PATIENCE_MS = 24 * 3_600_000;

/** How one try ended. `permanent`: trying again cannot help. */
export interface TryResult {
  ok: boolean;
  permanent: boolean;
  /** HTTP status or SMTP reply code; null = no answer */
  code: number | null;
  /** the receiver's own words, or what kept us from hearing them: short */
  text: string;
  /** how long the receiver asked to wait */
  retryAfterMs?: number | null;
  /** the receiver is gone for good: its channel is switched off */
  gone?: boolean;
}

/**
 * The instant of the next try after `tries` of this round, or null when it is over. `chance` in [0, 1) moves it; what the receiver
 * asked for is the least.
 */
export function nextTryAt(
  { tries, result, nowMs }: { tries: number; result: TryResult; nowMs: number },
  chance: number,
): number | null {
  if (result.ok || result.permanent || tries >= MOST_TRIES) return null;
  const planned = RETRY_AFTER_MS[tries]! * (1 + JITTER * (2 * chance - 1));
  const asked = Math.min(result.retryAfterMs ?? 0, MOST_PATIENCE_MS);
  return nowMs + Math.round(Math.max(planned, asked));
}

/** What an HTTP answer means. `strict` receivers (Slack, Discord) mean a 4xx; a webhook's may be a mistake that is being repaired. */
export function resultOfStatus(
  { status, text, retryAfterMs }: { status: number; text: string; retryAfterMs: number | null },
  { strict }: { strict: boolean },
): TryResult {
  const ok = status >= 200 && status < 300;
  const gone = status === 410;
  const permanent = gone || (strict && status >= 400 && status < 500 && status !== 408 && status !== 429);
  return { ok, permanent: !ok && permanent, code: status, text, retryAfterMs, ...(gone ? { gone } : {}) };
}

/** Retry-After as seconds or a date; null = not said. */
export function retryAfterMs(header: string | null, nowMs: number): number | null {
  if (header === null) return null;
  if (/^\d+(\.\d+)?$/.test(header.trim())) return Math.ceil(Number(header) * 1000);
  const at = Date.parse(header);
  return Number.isNaN(at) ? null : Math.max(0, at - nowMs);
}
