/** Cuts a span of time into the hours, days, weeks (from Monday) or months of a time zone. */
import { periodAt, wallClockMs } from './periods.ts';

export const INTERVALS = ['hour', 'day', 'week', 'month'] as const;
export type Interval = (typeof INTERVALS)[number];

const HOUR_MS = 3_600_000;

/** [startMs, endMs) pieces that cover [fromMs, toMs): the first starts at or before it. Null when they are more than `most`. */
export function intervalsOf(
  {
    fromMs,
    toMs,
    interval,
    timeZone,
  }: { fromMs: number; toMs: number; interval: Interval; timeZone: string },
  most: number,
): { startMs: number; endMs: number }[] | null {
  const pieces: { startMs: number; endMs: number }[] = [];
  for (let at = fromMs; at < toMs;) {
    const piece =
      interval === 'hour' ? hourAt(timeZone, at) : periodAt({ window: interval, timeZone, anchor: {} }, at);
    const endMs = piece.endMs ?? toMs;
    if (pieces.length === most) return null;
    pieces.push({ startMs: piece.startMs, endMs });
    at = endMs;
  }
  return pieces;
}

function hourAt(timeZone: string, atMs: number) {
  const startMs = atMs - (((wallClockMs(timeZone, atMs) % HOUR_MS) + HOUR_MS) % HOUR_MS) - (atMs % 1000);
  return { startMs, endMs: startMs + HOUR_MS };
}
