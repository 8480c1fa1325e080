/**
 * When does a rule fire on the clocks of its zone? The same for whoever asks, and whenever; no fire is lost and none is doubled where clocks change
 * (by an hour, by half of one as on Lord Howe Island, or by a day as in Samoa):
 *
 * - A rule that is never silent for longer than the clocks move counts in time that passes: it fires whenever the clock shows one of its times.
 * - Any other fires once for each of its times: one that is skipped as much later as the clocks move, one that comes twice at the first.
 */
import { wallClockMs } from '../budget/periods.ts';
import { calendarOf, type CronRule } from './cron.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Fire {
  atMs: number;
  /** once the calendar has been read up to this time, no other fire can come before this one */
  readUntilMs: number;
}

/** How far the clocks of a zone are before UTC, in the days on either side of a time: equal unless they change near it. */
function clocksOf(timeZone: string) {
  const offsetAt = (ms: number) => wallClockMs(timeZone, ms) - ms;
  let known = { day: Number.NaN, before: 0, after: 0 };
  return function around(ms: number): { before: number; after: number } {
    const day = Math.floor(ms / DAY_MS);
    // no zone is a day from UTC, so these are before and after that day both in UTC and on the clocks
    if (known.day !== day)
      known = { day, before: offsetAt((day - 1) * DAY_MS), after: offsetAt((day + 2) * DAY_MS) };
    return known;
  };
}

/** The fires after `afterMs`, one with every call. */
function walk({ cron, timeZone }: CronRule, afterMs: number): () => number {
  const around = clocksOf(timeZone);
  const { before, after } = around(afterMs);
  const calendar = calendarOf(cron, afterMs + Math.min(before, after));
  const countsTime = (changeMs: number) => changeMs < DAY_MS && calendar.longestSilenceMs() <= changeMs;

  /** The fires of one time of the calendar: one, unless it is skipped or comes twice. */
  function firesOf(shownMs: number): Fire[] {
    const { before, after } = around(shownMs);
    const plain = (atMs: number) => ({ atMs, readUntilMs: shownMs });
    if (before === after) return [plain(shownMs - before)];
    // moved, or shown again: later times of the calendar may come before it
    const displaced = (atMs: number) => ({ atMs, readUntilMs: atMs + Math.max(before, after) });
    const instants = [shownMs - Math.max(before, after), shownMs - Math.min(before, after)];
    const [first, second] = instants.filter((atMs) => wallClockMs(timeZone, atMs) === shownMs);
    const counts = countsTime(Math.abs(after - before));
    if (first === undefined) return counts ? [] : [displaced(shownMs - before)];
    return second === undefined || !counts ? [plain(first)] : [plain(first), displaced(second)];
  }

  const ahead: Fire[] = [];
  let readMs = Number.NEGATIVE_INFINITY;
  let lastMs = afterMs;
  return function next() {
    for (;;) {
      const [earliest] = ahead;
      if (earliest && readMs >= earliest.readUntilMs) {
        ahead.shift();
        if (earliest.atMs > lastMs) return (lastMs = earliest.atMs);
      } else {
        readMs = calendar.next();
        ahead.push(...firesOf(readMs));
        ahead.sort((one, other) => one.atMs - other.atMs);
      }
    }
  };
}

/** The first instant after `afterMs` at which the rule fires. */
export const fireAfter = (rule: CronRule, afterMs: number): number => walk(rule, afterMs)();

/** The next `count` instants after `afterMs`. */
export function firesAfter(rule: CronRule, afterMs: number, count: number): number[] {
  const next = walk(rule, afterMs);
  return Array.from({ length: count }, next);
}

/**
 * The last `atMost` fires until `nowMs`, oldest first, and the first after it. `fromMs` is the fire that was to come, and the earliest. A server that
 * was down for a year does not walk through all of it: the stretch that is looked at grows until it holds enough.
 */
export function latestFires(
  rule: CronRule,
  { fromMs, nowMs, atMost }: { fromMs: number; nowMs: number; atMost: number },
): { fires: number[]; nextMs: number } {
  for (let stretchMs = HOUR_MS; ; stretchMs *= 4) {
    const whole = nowMs - stretchMs <= fromMs;
    const next = walk(rule, whole ? fromMs : nowMs - stretchMs);
    const fires = whole ? [fromMs] : [];
    let at = next();
    for (; at <= nowMs; at = next()) fires.push(at);
    if (whole || fires.length >= atMost) return { fires: fires.slice(-atMost), nextMs: at };
  }
}
