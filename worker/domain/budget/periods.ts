/** When does a period begin and end? Right at local midnight (or the anchor's hour) in any IANA zone, over every clock change. */
import type { Budget } from './budget.ts';

/** [startMs, endMs) in UTC milliseconds; `endMs` null = it never ends. */
export interface Period {
  startMs: number;
  endMs: number | null;
}

export type PeriodRule = Pick<Budget, 'window' | 'timeZone' | 'anchor'>;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const clocks = new Map<string, Intl.DateTimeFormat>();

function clockOf(timeZone: string): Intl.DateTimeFormat {
  let clock = clocks.get(timeZone);
  if (!clock) {
    clock = new Intl.DateTimeFormat('en-US-u-ca-iso8601', {
      timeZone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    clocks.set(timeZone, clock);
  }
  return clock;
}

/** Is this a zone that the runtime knows? Bare offsets ("+02:00") are refused: they have no daylight saving. */
export function isTimeZone(timeZone: string): boolean {
  if (!/^[A-Za-z]/.test(timeZone)) return false;
  try {
    clockOf(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** What a clock on the wall shows at an instant, as the UTC milliseconds at which a clock in UTC shows the same. */
export function wallClockMs(timeZone: string, atMs: number): number {
  const shown: Record<string, number> = {};
  for (const part of clockOf(timeZone).formatToParts(atMs)) shown[part.type] = Number(part.value);
  return Date.UTC(shown.year!, shown.month! - 1, shown.day, shown.hour, shown.minute, shown.second);
}

const offsetMs = (timeZone: string, atMs: number) =>
  wallClockMs(timeZone, atMs) - Math.floor(atMs / 1000) * 1000;

/** The first instant at which the wall clock shows this time or, where a clock change skips it, the instant of the change. */
export function instantOf(timeZone: string, wallMs: number): number {
  const before = offsetMs(timeZone, wallMs - DAY_MS);
  const after = offsetMs(timeZone, wallMs + DAY_MS);
  const candidates = [wallMs - before, wallMs - after].sort((a, b) => a - b);
  for (const at of candidates) if (wallClockMs(timeZone, at) === wallMs) return at;
  let [shownEarlier, shownLater] = candidates as [number, number];
  while (shownLater - shownEarlier > 1000) {
    const middle = Math.floor((shownEarlier + shownLater) / 2000) * 1000;
    if (wallClockMs(timeZone, middle) < wallMs) shownEarlier = middle;
    else shownLater = middle;
  }
  return shownLater;
}

/** Civil midnights on which periods of this rule begin: at or before a day, and the neighbours of a beginning. */
function beginnings({ window, anchor }: PeriodRule) {
  if (window === 'month') {
    const dayOfMonth = anchor.dayOfMonth ?? 1;
    const shift = (day: number, months: number) =>
      Date.UTC(new Date(day).getUTCFullYear(), new Date(day).getUTCMonth() + months, dayOfMonth);
    return {
      atOrBefore: (day: number) => shift(day, new Date(day).getUTCDate() < dayOfMonth ? -1 : 0),
      shift,
    };
  }
  if (window === 'year') {
    const month = (anchor.month ?? 1) - 1;
    const dayOfMonth = anchor.dayOfMonth ?? 1;
    const shift = (day: number, years: number) =>
      Date.UTC(new Date(day).getUTCFullYear() + years, month, dayOfMonth);
    return { atOrBefore: (day: number) => shift(day, shift(day, 0) > day ? -1 : 0), shift };
  }
  const days = window === 'week' ? 7 : 1;
  const weekday = anchor.weekday ?? 1;
  const sinceWeekday = (day: number) => (((new Date(day).getUTCDay() || 7) - weekday + 7) % 7) * DAY_MS;
  return {
    atOrBefore: (day: number) => (window === 'week' ? day - sinceWeekday(day) : day),
    shift: (day: number, periods: number) => day + periods * days * DAY_MS,
  };
}

/** The period that an instant (UTC ms) belongs to. A `total` has one period: all of time. */
export function periodAt(rule: PeriodRule, atMs: number): Period {
  if (rule.window === 'total') return { startMs: 0, endMs: null };
  const { atOrBefore, shift } = beginnings(rule);
  const startOf = (day: number) => instantOf(rule.timeZone, day + (rule.anchor.hour ?? 0) * HOUR_MS);
  let day = atOrBefore(Math.floor(wallClockMs(rule.timeZone, atMs) / DAY_MS) * DAY_MS);
  while (startOf(day) > atMs) day = shift(day, -1);
  while (startOf(shift(day, 1)) <= atMs) day = shift(day, 1);
  return { startMs: startOf(day), endMs: startOf(shift(day, 1)) };
}

export const isWithin = (period: Period, atMs: number): boolean =>
  atMs >= period.startMs && (period.endMs === null || atMs < period.endMs);
