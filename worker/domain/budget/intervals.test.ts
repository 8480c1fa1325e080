import { describe, expect, it } from 'vitest';
import { intervalsOf, type Interval } from './intervals.ts';

const cut = (from: string, to: string, interval: Interval, timeZone = 'UTC', most = 1000) =>
  intervalsOf({ fromMs: Date.parse(from), toMs: Date.parse(to), interval, timeZone }, most)?.map(
    ({ startMs }) => new Date(startMs).toISOString().slice(0, 16),
  );

describe('intervalsOf', () => {
  it('begins days at local midnight, over a clock change', () => {
    expect(cut('2026-03-28T12:00Z', '2026-03-30T12:00Z', 'day', 'Europe/Berlin')).toEqual([
      '2026-03-27T23:00',
      '2026-03-28T23:00',
      '2026-03-29T22:00',
    ]);
  });
  it('begins hours at the local full hour, in zones of half an hour too', () => {
    expect(cut('2026-03-28T12:00Z', '2026-03-28T14:00Z', 'hour', 'Asia/Kolkata')).toEqual([
      '2026-03-28T11:30',
      '2026-03-28T12:30',
      '2026-03-28T13:30',
    ]);
  });
  it('begins weeks on Monday and months on the first', () => {
    expect(cut('2026-11-20T00:00Z', '2026-11-24T00:00Z', 'week')).toEqual([
      '2026-11-16T00:00',
      '2026-11-23T00:00',
    ]);
    expect(cut('2026-11-20T00:00Z', '2026-12-01T00:00Z', 'month')).toEqual(['2026-11-01T00:00']);
  });
  it('says so when there are too many', () => {
    expect(cut('2026-01-01T00:00Z', '2026-01-03T00:00Z', 'hour', 'UTC', 47)).toBeUndefined();
    expect(cut('2026-01-01T00:00Z', '2026-01-03T00:00Z', 'hour', 'UTC', 48)).toHaveLength(48);
  });
});
