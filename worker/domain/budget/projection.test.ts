import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { daysAhead, fullDaysBefore, project, runsOutSoon, type PastDay } from './projection.ts';
import { FLOOR_NANO_USD, median, unusual } from './unusual.ts';

const DAY = 86_400_000;
const NOW = Date.parse('2026-11-16T00:00:00Z');
const END = Date.parse('2026-12-01T00:00:00Z');
const DOLLAR = 1_000_000_000;
const past = (...dollars: number[]): PastDay[] =>
  dollars.map((amount, at) => ({ weekday: at % 7, spentNanoUsd: amount * DOLLAR }));
const asked = (days: PastDay[], more: Partial<Parameters<typeof project>[0]> = {}) => ({
  past: days,
  ahead: daysAhead('UTC', NOW, END),
  spentNanoUsd: 150 * DOLLAR,
  limitNanoUsd: 500 * DOLLAR,
  ...more,
});

describe('where a budget will stand', () => {
  it('BUD-5: says nothing from fewer than three full days, or without any spend', () => {
    expect(project(asked(past(10, 10)))).toBeNull();
    expect(project(asked(past(0, 0, 0, 0, 10, 10)))).toBeNull();
    expect(project(asked(past(0, 0, 0, 0)))).toBeNull();
    expect(project(asked(past(10, 10, 10)))).toMatchObject({ basisDays: 3 });
  });

  it('goes on at the mean, exactly when every day is alike', () => {
    expect(project(asked(past(10, 10, 10, 10)))).toEqual({
      expectedNanoUsd: 300 * DOLLAR,
      lowNanoUsd: 300 * DOLLAR,
      highNanoUsd: 300 * DOLLAR,
      until: '2026-12-01T00:00:00.000Z',
      exhaustsAt: null,
      basisDays: 4,
    });
  });

  it('with two weeks each weekday has its own mean', () => {
    const days = fullDaysBefore('UTC', NOW).map(({ weekday }) => ({
      weekday,
      spentNanoUsd: (weekday === 0 || weekday === 6 ? 0 : 20) * DOLLAR,
    }));
    // 16 to 30 November has eleven working days
    expect(project(asked(days))).toMatchObject({ expectedNanoUsd: 370 * DOLLAR, basisDays: 14 });
  });

  it('names the instant at which the limit is reached, inside a day', () => {
    const projection = project(asked(past(20, 20, 20), { limitNanoUsd: 200 * DOLLAR }))!;
    expect(projection.exhaustsAt).toBe('2026-11-18T12:00:00.000Z');
    expect(runsOutSoon(projection, { spentNanoUsd: 150 * DOLLAR, limitNanoUsd: 200 * DOLLAR }, NOW)).toBe(
      true,
    );
    expect(
      runsOutSoon(projection, { spentNanoUsd: 150 * DOLLAR, limitNanoUsd: 200 * DOLLAR }, NOW - DAY),
    ).toBe(false);
    expect(runsOutSoon(projection, { spentNanoUsd: 200 * DOLLAR, limitNanoUsd: 200 * DOLLAR }, NOW)).toBe(
      false,
    );
    expect(runsOutSoon(null, { spentNanoUsd: 0, limitNanoUsd: 1 }, NOW)).toBe(false);
  });

  it('a reached limit ran out now, and no limit never does', () => {
    expect(project(asked(past(1, 1, 1), { limitNanoUsd: 100 * DOLLAR }))!.exhaustsAt).toBe(
      '2026-11-16T00:00:00.000Z',
    );
    expect(project(asked(past(1, 1, 1), { limitNanoUsd: null }))!.exhaustsAt).toBeNull();
  });

  it('the days ahead fill the time exactly, also over a clock change', () => {
    const zones = fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu');
    fc.assert(
      fc.property(
        zones,
        fc.integer({ min: 0, max: 400 * 96 }),
        fc.integer({ min: 1, max: 40 * 96 }),
        (zone, from, quarters) => {
          const start = Date.parse('2026-01-01T00:00:00Z') + from * 900_000;
          const end = start + quarters * 900_000;
          const ahead = daysAhead(zone, start, end);
          expect(ahead[0]!.startMs).toBe(start);
          expect(ahead.at(-1)!.endMs).toBe(end);
          for (const [at, piece] of ahead.entries()) {
            if (at > 0) expect(piece.startMs).toBe(ahead[at - 1]!.endMs);
            expect(piece.share).toBeGreaterThan(0);
            expect(piece.share).toBeLessThanOrEqual(1);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('for any history: low <= expected <= high, never below what is spent, and more spend never ends later', () => {
    const amounts = fc.array(fc.integer({ min: 0, max: 50_000 }), { minLength: 3, maxLength: 20 });
    fc.assert(
      fc.property(
        amounts,
        fc.integer({ min: 0, max: 400 }),
        fc.integer({ min: 0, max: 400 }),
        (days, spent, more) => {
          const history = past(...days.map((cents) => cents / 100));
          const less = project(asked(history, { spentNanoUsd: spent * DOLLAR }));
          const greater = project(asked(history, { spentNanoUsd: (spent + more) * DOLLAR }));
          if (!less || !greater) {
            expect(less).toBe(greater);
            return;
          }
          expect(less.lowNanoUsd).toBeLessThanOrEqual(less.expectedNanoUsd);
          expect(less.expectedNanoUsd).toBeLessThanOrEqual(less.highNanoUsd);
          expect(less.lowNanoUsd).toBeGreaterThanOrEqual(spent * DOLLAR);
          if (less.exhaustsAt !== null) expect(greater.exhaustsAt! <= less.exhaustsAt).toBe(true);
          if (less.exhaustsAt !== null) expect(less.expectedNanoUsd).toBeGreaterThanOrEqual(500 * DOLLAR - 1);
        },
      ),
    );
  });

  it('the band holds about four of five outcomes of days that vary', () => {
    // seeded: a linear congruential generator, so that the test is the same every time
    let seed = 7;
    const dice = () => (seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31) / 2 ** 31;
    const cost = () => Math.round((dice() + dice() + dice()) * 10 * DOLLAR);
    let inside = 0;
    for (let round = 0; round < 500; round++) {
      const days = fullDaysBefore('UTC', NOW, 10).map(({ weekday }) => ({ weekday, spentNanoUsd: cost() }));
      const { lowNanoUsd, highNanoUsd } = project(asked(days, { spentNanoUsd: 0 }))!;
      const actual = Array.from({ length: 15 }, cost).reduce((sum, one) => sum + one, 0);
      if (actual >= lowNanoUsd && actual <= highNanoUsd) inside++;
    }
    expect(inside / 500).toBeGreaterThan(0.72);
    expect(inside / 500).toBeLessThan(0.88);
  });
});

describe('unusual spend', () => {
  const week = [10, 11, 9, 10, 12, 10, 8].map((dollars) => dollars * DOLLAR);

  it('is far above what is usual, and needs a week of history', () => {
    expect(unusual(50 * DOLLAR, week)).toEqual({ usualNanoUsd: 10 * DOLLAR });
    expect(unusual(19 * DOLLAR, week)).toBeNull();
    expect(unusual(500 * DOLLAR, week.slice(1))).toBeNull();
  });

  it('one odd day in the past neither hides nor makes another', () => {
    expect(unusual(50 * DOLLAR, [...week.slice(0, 6), 500 * DOLLAR])).toEqual({ usualNanoUsd: 10 * DOLLAR });
  });

  it('is never about less than a dollar', () => {
    expect(
      unusual(
        FLOOR_NANO_USD,
        Array.from({ length: 10 }, () => 0),
      ),
    ).toBeNull();
    expect(
      unusual(
        FLOOR_NANO_USD + 1,
        Array.from({ length: 10 }, () => 0),
      ),
    ).toEqual({ usualNanoUsd: 0 });
  });

  it('for any history: a usual day is never unusual, and more spend never becomes usual', () => {
    const history = fc.array(fc.integer({ min: 0, max: 1e12 }), { minLength: 7, maxLength: 28 });
    fc.assert(
      fc.property(
        history,
        fc.integer({ min: 0, max: 1e13 }),
        fc.integer({ min: 0, max: 1e12 }),
        (days, spent, more) => {
          expect(unusual(median(days), days)).toBeNull();
          if (unusual(spent, days)) expect(unusual(spent + more, days)).not.toBeNull();
        },
      ),
    );
  });
});
