import { describe, expect, it } from 'vitest';
import { cronOf, rhythmOf, switchRhythm } from './schedule.ts';

describe('a rhythm', () => {
  it.each([
    ['* * * * *', 'minutes'],
    ['*/15 * * * *', 'minutes'],
    ['5 * * * *', 'hour'],
    ['30 7 * * *', 'day'],
    ['0 8 * * 1-5', 'weekday'],
    ['0 18 * * 5', 'week'],
    ['0 0 31 * *', 'month'],
  ])('%s is said as every %s, and written back as it was', (cron, every) => {
    const rhythm = rhythmOf(cron);
    expect(rhythm.every).toBe(every);
    expect(cronOf(rhythm)).toBe(cron);
  });

  it.each([
    '*/7 * * * *',
    '0 8 1 1 *',
    '0 8,12 * * *',
    '0 8 * * MON',
    '0 8 1 * 1',
    '61 * * * *',
    '@daily',
    '',
    '0 8 0 * *',
  ])('%s stays an expression', (cron) => {
    expect(rhythmOf(cron)).toEqual({ every: 'cron', cron });
    expect(cronOf(rhythmOf(cron))).toBe(cron);
  });

  it('keeps its time of day when it becomes another', () => {
    const weekly = switchRhythm(rhythmOf('15 6 * * *'), 'week');
    expect(cronOf(weekly)).toBe('15 6 * * 1');
    expect(cronOf(switchRhythm(weekly, 'cron'))).toBe('15 6 * * 1');
    expect(cronOf(switchRhythm({ every: 'minutes', minutes: 5 }, 'weekday'))).toBe('0 8 * * 1-5');
  });
});
