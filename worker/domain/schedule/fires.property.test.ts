import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { wallClockMs } from '../budget/periods.ts';
import { firesAfter } from './fires.ts';

const MINUTE_MS = 60_000;
const DAY_MINUTES = 24 * 60;

/** The clocks of a zone around a change, minute by minute. Every change of these years is of one of these kinds. */
const CHANGES = [
  ['Australia/Lord_Howe', '2026-10-03', 'forward by half an hour'],
  ['Australia/Lord_Howe', '2026-04-04', 'back by half an hour'],
  ['Europe/Berlin', '2026-03-29', 'forward'],
  ['Europe/Berlin', '2026-10-25', 'back'],
  ['America/New_York', '2026-03-08', 'forward'],
  ['America/New_York', '2026-11-01', 'back'],
  ['America/Havana', '2026-03-08', 'forward at midnight'],
  ['America/Havana', '2026-11-01', 'back to midnight'],
  ['Asia/Beirut', '2026-03-28', 'forward at midnight'],
  ['Asia/Beirut', '2026-10-24', 'back over midnight'],
  ['Pacific/Chatham', '2026-09-26', 'forward at a quarter to'],
  ['Pacific/Chatham', '2026-04-04', 'back at a quarter to'],
  ['Pacific/Apia', '2011-12-30', 'forward by a day'],
  ['America/Caracas', '2016-05-01', 'forward by half an hour, for good'],
  ['Asia/Pyongyang', '2015-08-14', 'back by half an hour, for good'],
  ['Asia/Kathmandu', '2026-03-29', 'not at all'],
] as const;

/** One minute after the other, as they pass: what the clock shows, and how far it was just set forward (or back, below 0). */
function minutesPass(timeZone: string, day: string) {
  const startMs = Date.parse(`${day}T00:00:00Z`) - 6 * 60 * MINUTE_MS;
  let shownBefore = wallClockMs(timeZone, startMs - MINUTE_MS);
  return Array.from({ length: 40 * 60 }, (_, minute) => {
    const atMs = startMs + minute * MINUTE_MS;
    const shownMs = wallClockMs(timeZone, atMs);
    const setByMs = shownMs - shownBefore - MINUTE_MS;
    shownBefore = shownMs;
    return { atMs, shownMs, setByMs };
  });
}
const passing = CHANGES.map(([timeZone, day]) => ({ timeZone, minutes: minutesPass(timeZone, day) }));

/** The rule of fires.ts, told as somebody would follow it who watches the clock all the time. */
function watched(
  minutes: ReturnType<typeof minutesPass>,
  names: (shownMs: number) => boolean,
  silenceMs: number,
) {
  const fires = new Set<number>();
  let furthestMs = Number.NEGATIVE_INFINITY;
  let setBackMs = 0;
  for (const { atMs, shownMs, setByMs } of minutes) {
    const counts = silenceMs <= Math.abs(setByMs) && setByMs < DAY_MINUTES * MINUTE_MS;
    if (setByMs > 0 && !counts)
      for (let skipped = 0; skipped < setByMs; skipped += MINUTE_MS)
        if (names(shownMs - setByMs + skipped)) fires.add(atMs + skipped);
    if (setByMs < 0) setBackMs = -setByMs;
    const isAgain = shownMs <= furthestMs;
    if (names(shownMs) && (!isAgain || silenceMs <= setBackMs)) fires.add(atMs);
    furthestMs = Math.max(furthestMs, shownMs);
  }
  return [...fires].sort((one, other) => one - other);
}

const someOf = (count: number) =>
  fc.oneof(
    fc.constant(Array.from({ length: count }, (_, value) => value)),
    fc.integer({ min: 0, max: count - 1 }).map((value) => [value]),
    fc
      .integer({ min: 2, max: count / 2 })
      .map((step) =>
        Array.from({ length: count }, (_, value) => value).filter((value) => value % step === 0),
      ),
    fc.uniqueArray(fc.integer({ min: 0, max: count - 1 }), { minLength: 1, maxLength: 6 }),
  );

describe('a schedule whose clocks change', () => {
  it('fires as somebody does who watches the clock: none is lost, none is doubled', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...passing),
        someOf(60),
        someOf(24),
        fc.integer({ min: 0, max: 30 * 60 }),
        fc.integer({ min: 0, max: 59_999 }),
        ({ timeZone, minutes }, ofHour, ofDay, fromMinute, laterMs) => {
          const times = ofDay
            .flatMap((hour) => ofHour.map((minute) => hour * 60 + minute))
            .sort((a, b) => a - b);
          const silenceMs =
            MINUTE_MS * Math.max(...times.map((at, n) => (times[n + 1] ?? times[0]! + DAY_MINUTES) - at));
          const named = new Set(times);
          const names = (shownMs: number) =>
            named.has((((shownMs / MINUTE_MS) % DAY_MINUTES) + DAY_MINUTES) % DAY_MINUTES);
          // from anywhere before or after the change, also within a minute
          const afterMs = minutes[fromMinute]!.atMs + laterMs;
          const due = watched(minutes, names, silenceMs).filter((ms) => ms > afterMs);
          const rule = { cron: `${ofHour.join(',')} ${ofDay.join(',')} * * *`, timeZone };
          expect(firesAfter(rule, afterMs, due.length).join(), `${timeZone} ${rule.cron}`).toBe(due.join());
        },
      ),
      { numRuns: 150, seed: 20261127 },
    );
  });

  it('gives every fire to whoever asks from the one before it', () => {
    for (const { timeZone, minutes } of passing) {
      const changeMs = minutes.find(({ setByMs }) => setByMs !== 0)?.atMs ?? minutes[0]!.atMs;
      for (const cron of ['*/20 * * * *', '15,50 * * * *', '10 0-3,23 * * *', '45 1 * * *']) {
        const rule = { cron, timeZone };
        const all = firesAfter(rule, changeMs - 4 * 60 * MINUTE_MS, 24);
        for (const [n, fire] of all.slice(0, -1).entries())
          expect(firesAfter(rule, fire, 1), `${timeZone} ${cron}`).toEqual([all[n + 1]]);
      }
    }
  });
});
