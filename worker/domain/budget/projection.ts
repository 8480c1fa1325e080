/** Where will a budget stand at the end of its period, and when does it run out? From the last full days, with an honest band. */
import { periodAt, wallClockMs } from './periods.ts';

/** At most so many full days are looked at: each weekday twice. */
export const PROJECTION_DAYS = 14;
/** Fewer say nothing (BUD-5). */
export const LEAST_DAYS = 3;
/** Half the width of an 80% band in standard deviations: 10% of outcomes lie below it and 10% above. */
const BAND = 1.2816;
/** A budget without an end is projected this far. */
export const HORIZON_MS = 30 * 86_400_000;
/** An early end is told when it is no further away than this. */
const SOON_MS = 3 * 86_400_000;

/** A full day that is over. */
export interface PastDay {
  weekday: number;
  spentNanoUsd: number;
}
/** A piece of a day that is to come: `share` of a whole day. */
export interface AheadDay {
  weekday: number;
  startMs: number;
  endMs: number;
  share: number;
}
export interface Projection {
  expectedNanoUsd: number;
  /** 10% of outcomes are expected below */
  lowNanoUsd: number;
  /** 10% of outcomes are expected above */
  highNanoUsd: number;
  /** ISO: the end of the period; of a budget without one, 30 days from now */
  until: string;
  /** ISO: when the limit is expected to be reached; null = not before `until`, or no limit */
  exhaustsAt: string | null;
  /** full days it stands on */
  basisDays: number;
}

const day = (timeZone: string, atMs: number) => {
  const { startMs, endMs } = periodAt({ window: 'day', timeZone, anchor: {} }, atMs);
  return { startMs, endMs: endMs!, weekday: new Date(wallClockMs(timeZone, startMs)).getUTCDay() };
};

/** The full days of a zone before today, oldest first. */
export function fullDaysBefore(timeZone: string, nowMs: number, count = PROJECTION_DAYS) {
  const days: ReturnType<typeof day>[] = [];
  for (let at = day(timeZone, nowMs).startMs - 1; days.length < count; at = days[0]!.startMs - 1)
    days.unshift(day(timeZone, at));
  return days;
}

/** What is left of today and the days after it, until `endMs`. */
export function daysAhead(timeZone: string, nowMs: number, endMs: number): AheadDay[] {
  const ahead: AheadDay[] = [];
  for (let at = nowMs; at < endMs; at = ahead.at(-1)!.endMs) {
    const whole = day(timeZone, at);
    const end = Math.min(whole.endMs, endMs);
    ahead.push({
      weekday: whole.weekday,
      startMs: at,
      endMs: end,
      share: (end - at) / (whole.endMs - whole.startMs),
    });
  }
  return ahead;
}

/** Days before the first spend are no history: the budget's subject may not have been there yet. */
const sinceFirstSpend = (past: readonly PastDay[]) => {
  const first = past.findIndex(({ spentNanoUsd }) => spentNanoUsd !== 0);
  return first === -1 ? [] : past.slice(first);
};

/**
 * Null when there are too few full days. With 14 days each weekday has its own mean, with fewer all days share one. The band holds
 * how much days vary around their mean, and how little is known about the mean itself.
 */
export function project({
  past,
  ahead,
  spentNanoUsd,
  limitNanoUsd,
}: {
  past: readonly PastDay[];
  ahead: readonly AheadDay[];
  spentNanoUsd: number;
  limitNanoUsd: number | null;
}): Projection | null {
  const days = sinceFirstSpend(past).slice(-PROJECTION_DAYS);
  const [first] = ahead;
  if (days.length < LEAST_DAYS || !first) return null;
  const byWeekday = days.length === PROJECTION_DAYS;
  const meanOf = (weekday: number) => {
    const same = byWeekday ? days.filter((one) => one.weekday === weekday) : days;
    return same.reduce((sum, one) => sum + one.spentNanoUsd, 0) / same.length;
  };
  const means = new Map(Array.from({ length: 7 }, (_, weekday) => [weekday, Math.max(0, meanOf(weekday))]));
  const rest = days.reduce((sum, one) => sum + (one.spentNanoUsd - means.get(one.weekday)!) ** 2, 0);
  const deviation = Math.sqrt(rest / (days.length - (byWeekday ? 7 : 1)));
  const shares = ahead.reduce((sum, { share }) => sum + share, 0);
  const spread = BAND * deviation * Math.sqrt(shares + shares ** 2 / days.length);

  let expected = spentNanoUsd;
  let exhaustsAtMs: number | null =
    limitNanoUsd !== null && spentNanoUsd >= limitNanoUsd ? first.startMs : null;
  for (const piece of ahead) {
    const amount = means.get(piece.weekday)! * piece.share;
    const left = limitNanoUsd === null ? null : limitNanoUsd - expected;
    if (exhaustsAtMs === null && left !== null && amount > 0 && amount >= left)
      exhaustsAtMs = Math.floor(piece.startMs + (left / amount) * (piece.endMs - piece.startMs));
    expected += amount;
  }
  const nano = (value: number) =>
    Math.min(Number.MAX_SAFE_INTEGER, Math.max(spentNanoUsd, Math.round(value)));
  return {
    expectedNanoUsd: nano(expected),
    lowNanoUsd: nano(expected - spread),
    highNanoUsd: nano(expected + spread),
    until: new Date(ahead.at(-1)!.endMs).toISOString(),
    exhaustsAt: exhaustsAtMs === null ? null : new Date(exhaustsAtMs).toISOString(),
    basisDays: days.length,
  };
}

/** Is an early end worth an alert now? Only of a limit that is not reached yet: that has an alert of its own. */
export const runsOutSoon = (
  projection: Projection | null,
  budget: { spentNanoUsd: number; limitNanoUsd: number | null },
  nowMs: number,
): boolean =>
  projection !== null &&
  projection.exhaustsAt !== null &&
  budget.limitNanoUsd !== null &&
  budget.spentNanoUsd < budget.limitNanoUsd &&
  Date.parse(projection.exhaustsAt) - nowMs <= SOON_MS;
