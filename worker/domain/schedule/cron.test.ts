import { CronExpressionParser } from 'cron-parser';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { calendarOf, cronFault, timeZoneFault } from './cron.ts';

describe('a cron expression', () => {
  it.each([
    ['0 0 31 2 *', 'never fires'],
    ['0 0 30 2 *', 'never fires'],
    ['0 0 31 4,6,9,11 *', 'never fires'],
    ['', 'five fields'],
    ['0 8', 'five fields'],
    ['0 0 8 * * 1', 'five fields'],
    ['60 8 * * *', 'not a cron expression'],
    ['*/0 * * * *', 'not a cron expression'],
    ['a b c d e', 'not a cron expression'],
    ['H * * * *', 'chance'],
    ['0 H(0-5) * * *', 'chance'],
    ['@secondly', 'not one of'],
  ])('%s is refused: %s', (cron, why) => expect(cronFault(cron)).toContain(why));

  it.each([
    '0 8 * * 1-5',
    '*/15 9-17 * * MON-FRI',
    '@daily',
    '0 0 29 2 *',
    '0 0 L 2 *',
    '0 0 * * 5#5',
    '0 0 31 2 1',
  ])('%s is taken', (cron) => expect(cronFault(cron)).toBeNull());

  it('needs a time zone that exists', () => {
    expect(timeZoneFault('Europe/Berlin')).toBeNull();
    expect(timeZoneFault('Mars/Base')).toContain('no time zone "Mars/Base"');
    expect(timeZoneFault('')).toContain('no time zone');
  });
});

describe('the times an expression names', () => {
  it('are those that the parser finds in a zone without clock changes', () => {
    const fields = fc.tuple(
      fc.constantFrom('0', '*/20', '5,50', '59'),
      fc.constantFrom('*', '0', '8-17/3', '23'),
      fc.constantFrom('*', '1', '13', '29-31', 'L', '*/2', '31,L'),
      fc.constantFrom('*', '2', '1-12/3', 'FEB,NOV'),
      fc.constantFrom('*', '1-5', '0', '7', 'MON#1', '5#5', '5L', 'SAT,SUN', '1L,3L'),
    );
    fc.assert(
      fc.property(fields, fc.integer({ min: 0, max: 100 * 365 * 86_400 }), (parts, afterS) => {
        const cron = parts.join(' ');
        if (cronFault(cron)) return;
        const afterMs = Date.parse('2020-01-01') + afterS * 1000;
        const { next } = calendarOf(cron, afterMs);
        const parser = CronExpressionParser.parse(cron, { currentDate: new Date(afterMs), tz: 'UTC' });
        for (let n = 0; n < 10; n++)
          expect(new Date(next()).toISOString(), `${cron} after ${new Date(afterMs).toISOString()}`).toBe(
            parser.next().toDate().toISOString(),
          );
      }),
      { numRuns: 150, seed: 14 },
    );
  });
});
