import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { instantOf, isTimeZone, isWithin, periodAt, wallClockMs, type PeriodRule } from './periods.ts';

const rule = (
  window: PeriodRule['window'],
  timeZone = 'UTC',
  anchor: PeriodRule['anchor'] = {},
): PeriodRule => ({
  window,
  timeZone,
  anchor,
});
const shown = (of: PeriodRule, at: string) => {
  const { startMs, endMs } = periodAt(of, Date.parse(at));
  return [startMs, endMs].map((ms) =>
    ms === null ? null : new Date(ms).toISOString().replace('.000Z', 'Z'),
  );
};
const HOUR_MS = 3_600_000;

describe('B16: a period begins at exact local midnight', () => {
  it.each<[string, PeriodRule, at: string, start: string, end: string]>([
    [
      'Berlin, the month with the spring change',
      rule('month', 'Europe/Berlin'),
      '2026-03-29T12:00:00Z',
      '2026-02-28T23:00:00Z',
      '2026-03-31T22:00:00Z',
    ],
    [
      'Berlin, the month with the autumn change',
      rule('month', 'Europe/Berlin'),
      '2026-10-25T00:30:00Z',
      '2026-09-30T22:00:00Z',
      '2026-10-31T23:00:00Z',
    ],
    [
      'Berlin, one second before a month ends',
      rule('month', 'Europe/Berlin'),
      '2026-10-31T22:59:59Z',
      '2026-09-30T22:00:00Z',
      '2026-10-31T23:00:00Z',
    ],
    [
      'Berlin, the instant a month begins',
      rule('month', 'Europe/Berlin'),
      '2026-10-31T23:00:00Z',
      '2026-10-31T23:00:00Z',
      '2026-11-30T23:00:00Z',
    ],
    [
      'Berlin, the day of 23 hours',
      rule('day', 'Europe/Berlin'),
      '2026-03-29T01:00:00Z',
      '2026-03-28T23:00:00Z',
      '2026-03-29T22:00:00Z',
    ],
    [
      'Berlin, the day of 25 hours',
      rule('day', 'Europe/Berlin'),
      '2026-10-25T22:59:59Z',
      '2026-10-24T22:00:00Z',
      '2026-10-25T23:00:00Z',
    ],
    [
      'Berlin, December 31',
      rule('day', 'Europe/Berlin'),
      '2026-12-31T22:59:59Z',
      '2026-12-30T23:00:00Z',
      '2026-12-31T23:00:00Z',
    ],
    [
      'Berlin, New Year',
      rule('month', 'Europe/Berlin'),
      '2026-12-31T23:00:00Z',
      '2026-12-31T23:00:00Z',
      '2027-01-31T23:00:00Z',
    ],
    ['February 29', rule('day'), '2028-02-29T13:00:00Z', '2028-02-29T00:00:00Z', '2028-03-01T00:00:00Z'],
    [
      'February of a leap year',
      rule('month'),
      '2028-02-29T23:59:59Z',
      '2028-02-01T00:00:00Z',
      '2028-03-01T00:00:00Z',
    ],
    [
      'anchored on the 15th, before it',
      rule('month', 'UTC', { dayOfMonth: 15 }),
      '2026-01-14T23:59:59Z',
      '2025-12-15T00:00:00Z',
      '2026-01-15T00:00:00Z',
    ],
    [
      'anchored on the 28th at 6, on the day before 6',
      rule('month', 'UTC', { dayOfMonth: 28, hour: 6 }),
      '2026-02-28T05:59:59Z',
      '2026-01-28T06:00:00Z',
      '2026-02-28T06:00:00Z',
    ],
    [
      'a week from Monday',
      rule('week'),
      '2026-11-22T23:59:59Z',
      '2026-11-16T00:00:00Z',
      '2026-11-23T00:00:00Z',
    ],
    [
      'a week from Sunday, over the change',
      rule('week', 'America/New_York', { weekday: 7 }),
      '2026-11-02T00:00:00Z',
      '2026-11-01T04:00:00Z',
      '2026-11-08T05:00:00Z',
    ],
    [
      'Kathmandu, 45 minutes off',
      rule('day', 'Asia/Kathmandu'),
      '2026-05-05T18:20:00Z',
      '2026-05-05T18:15:00Z',
      '2026-05-06T18:15:00Z',
    ],
    [
      'Kolkata, 30 minutes off',
      rule('day', 'Asia/Kolkata'),
      '2026-05-05T18:29:59Z',
      '2026-05-04T18:30:00Z',
      '2026-05-05T18:30:00Z',
    ],
    [
      'Lord Howe, a change of half an hour',
      rule('day', 'Australia/Lord_Howe'),
      '2026-10-03T20:00:00Z',
      '2026-10-03T13:30:00Z',
      '2026-10-04T13:00:00Z',
    ],
    [
      'Santiago, whose midnight the spring change skips',
      rule('day', 'America/Santiago'),
      '2026-09-06T12:00:00Z',
      '2026-09-06T04:00:00Z',
      '2026-09-07T03:00:00Z',
    ],
    [
      'Havana, whose midnight comes twice in autumn',
      rule('day', 'America/Havana'),
      '2026-11-01T05:30:00Z',
      '2026-11-01T04:00:00Z',
      '2026-11-02T05:00:00Z',
    ],
    [
      'Apia, which left out December 30 2011',
      rule('day', 'Pacific/Apia'),
      '2011-12-30T10:00:00Z',
      '2011-12-30T10:00:00Z',
      '2011-12-31T10:00:00Z',
    ],
  ])('%s', (_, of, at, start, end) => {
    expect(shown(of, at)).toEqual([start, end]);
  });

  it('and its anchor hour is skipped to the instant of the change', () => {
    expect(shown(rule('day', 'Europe/Berlin', { hour: 2 }), '2026-03-29T12:00:00Z')[0]).toBe(
      '2026-03-29T01:00:00Z',
    );
  });
});

describe('B17: a year-long window', () => {
  it('is a year, not a day: 365 days or 366, from local midnight to local midnight', () => {
    const days = (of: PeriodRule, iso: string) => {
      const { startMs, endMs } = periodAt(of, Date.parse(iso));
      return (endMs! - startMs) / (24 * HOUR_MS);
    };
    expect(shown(rule('year', 'Europe/Berlin'), '2026-06-01T00:00:00Z')).toEqual([
      '2025-12-31T23:00:00Z',
      '2026-12-31T23:00:00Z',
    ]);
    expect(days(rule('year', 'Europe/Berlin'), '2026-06-01T00:00:00Z')).toBe(365);
    expect(days(rule('year', 'Europe/Berlin'), '2028-02-29T12:00:00Z')).toBe(366);
  });

  it('begins where its anchor says: a business year from April', () => {
    const business = rule('year', 'Europe/London', { month: 4, dayOfMonth: 6 });
    expect(shown(business, '2027-04-05T22:59:59Z')).toEqual(['2026-04-05T23:00:00Z', '2027-04-05T23:00:00Z']);
    expect(shown(business, '2027-04-05T23:00:00Z')[0]).toBe('2027-04-05T23:00:00Z');
  });
});

describe('B17: a total', () => {
  it('is one period of years, not a day', () => {
    expect(periodAt(rule('total', 'Europe/Berlin'), Date.parse('2026-01-01T00:00:00Z'))).toEqual(
      periodAt(rule('total', 'Europe/Berlin'), Date.parse('2027-01-01T00:00:00Z')),
    );
    expect(periodAt(rule('total'), 0).endMs).toBeNull();
  });

  it('and twelve months are a year: 365 days, or 366', () => {
    const yearOf = (start: number) => {
      let at = start;
      for (let i = 0; i < 12; i++) at = periodAt(rule('month', 'Europe/Berlin'), at).endMs!;
      return (at - start) / (24 * HOUR_MS);
    };
    expect(yearOf(Date.parse('2025-12-31T23:00:00Z'))).toBe(365);
    expect(yearOf(Date.parse('2027-12-31T23:00:00Z'))).toBe(366);
  });
});

describe('periods of any rule', () => {
  const zones = [
    'UTC',
    'Europe/Berlin',
    'America/New_York',
    'Asia/Kathmandu',
    'Australia/Lord_Howe',
    'Pacific/Chatham',
    'America/Havana',
    'Africa/Casablanca',
    'Pacific/Apia',
  ];
  const rules = fc.record({
    window: fc.constantFrom('day' as const, 'week' as const, 'month' as const, 'year' as const),
    timeZone: fc.constantFrom(...zones),
    anchor: fc.record({
      month: fc.integer({ min: 1, max: 12 }),
      dayOfMonth: fc.integer({ min: 1, max: 28 }),
      weekday: fc.integer({ min: 1, max: 7 }),
      hour: fc.integer({ min: 0, max: 23 }),
    }),
  });
  const instants = fc.integer({
    min: Date.parse('2012-01-05T00:00:00Z') / 1000,
    max: Date.parse('2037-01-01T00:00:00Z') / 1000,
  });

  it('hold their instant, follow each other without a gap, and begin on a quarter of an hour', () => {
    fc.assert(
      fc.property(rules, instants, (of, seconds) => {
        const at = seconds * 1000;
        const period = periodAt(of, at);
        expect(isWithin(period, at)).toBe(true);
        expect(period.startMs % (15 * 60_000)).toBe(0);
        expect(periodAt(of, period.endMs!).startMs).toBe(period.endMs);
        expect(periodAt(of, period.endMs! - 1)).toEqual(period);
        expect(periodAt(of, period.startMs)).toEqual(period);
      }),
      { numRuns: 300, seed: 16 },
    );
  });

  it('instantOf gives the first instant at which a wall clock shows a time', () => {
    fc.assert(
      fc.property(fc.constantFrom(...zones), instants, (timeZone, seconds) => {
        const wall = wallClockMs(timeZone, seconds * 1000);
        const first = instantOf(timeZone, wall);
        expect(first).toBeLessThanOrEqual(seconds * 1000);
        expect(seconds * 1000 - first).toBeLessThanOrEqual(HOUR_MS);
        expect(wallClockMs(timeZone, first)).toBe(wall);
      }),
      { numRuns: 300, seed: 17 },
    );
  });
});

it.each([
  ['Europe/Berlin', true],
  ['UTC', true],
  ['Mars/Olympus', false],
  ['+02:00', false],
  ['', false],
])('%s is a time zone: %s', (zone, is) => {
  expect(isTimeZone(zone)).toBe(is);
});
