import { describe, expect, it } from 'vitest';
import { formatDuration, formatInZone, formatKpi, formatWhen, percentOf } from './numbers.ts';

describe('numbers for the eye', () => {
  it('floors how much of a budget is used, and keeps none apart from zero', () => {
    expect(percentOf(90_160, 100_000)).toBe(90);
    expect(percentOf(99_999, 100_000)).toBe(99);
    expect(percentOf(5, null)).toBeNull();
    expect(percentOf(0, 0)).toBe(0);
    expect(percentOf(1, 0)).toBe(100);
  });
  it('shortens headline figures from 100,000 up', () => {
    expect([99_999, 120_400, 1_200_000].map(formatKpi)).toEqual(['99,999', '120.4K', '1.2M']);
  });
  it('writes durations', () => {
    expect([840, 2300, 65_000, 120_000].map(formatDuration)).toEqual([
      '840 ms',
      '2.3 s',
      '1 min 5 s',
      '2 min',
    ]);
  });
  it('is relative under a day, a date after that', () => {
    const now = Date.parse('2026-11-20T12:00:00Z');
    expect(formatWhen('2026-11-20T11:55:00Z', now)).toBe('5 min ago');
    expect(formatWhen('2026-11-20T09:00:00Z', now)).toBe('3 h ago');
    expect(formatWhen('2026-11-01T09:00:00Z', now)).toBe('1 Nov 2026');
  });
  it('tells what is to come as such: a key that expires tomorrow did not expire just now', () => {
    const now = Date.parse('2026-11-20T12:00:00Z');
    expect(formatWhen('2026-11-20T12:05:00Z', now)).toBe('in 5 min');
    expect(formatWhen('2026-11-21T11:00:00Z', now)).toBe('in 23 h');
    expect(formatWhen('2026-12-24T09:00:00Z', now)).toBe('24 Dec 2026');
    // clocks differ a little
    expect(formatWhen('2026-11-20T12:00:10Z', now)).toBe('in a moment');
  });
  it('names the zone of a moment', () => {
    expect(formatInZone('2026-11-30T23:00:00Z', 'Europe/Berlin')).toBe('1 Dec 00:00 Europe/Berlin');
  });
});
