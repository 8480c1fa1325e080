import { describe, expect, it } from 'vitest';
import { cronFault, fireAfter, firesAfter, latestFires, timeZoneFault } from './cron.ts';

const iso = (times: number[]) => times.map((ms) => new Date(ms).toISOString());
const three = (cron: string, timeZone: string, from: string) =>
  iso(firesAfter({ cron, timeZone }, Date.parse(from), 3));

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

  it('on the day clocks go forward fires an hour later, once, when its hour does not exist', () => {
    expect(three('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([
      '2026-03-29T01:30:00.000Z',
      '2026-03-30T00:30:00.000Z',
      '2026-03-31T00:30:00.000Z',
    ]);
    expect(three('30 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z')[0]).toBe(
      '2026-03-08T07:30:00.000Z',
    );
  });

  it('on the day clocks go back fires once, at the first of its two hours', () => {
    expect(three('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30:00.000Z',
      '2026-10-26T01:30:00.000Z',
      '2026-10-27T01:30:00.000Z',
    ]);
    expect(three('30 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z').slice(0, 2)).toEqual([
      '2026-11-01T05:30:00.000Z',
      '2026-11-02T06:30:00.000Z',
    ]);
  });

  it('that counts in minutes leaves out none and repeats none on either day', () => {
    for (const day of ['2026-03-29', '2026-10-25']) {
      const fires = firesAfter(
        { cron: '*/30 * * * *', timeZone: 'Europe/Berlin' },
        Date.parse(`${day}T00:00:00Z`),
        6,
      );
      expect(fires.map((ms, n) => ms - (fires[n - 1] ?? fires[0]!))).toEqual([
        0,
        ...Array(5).fill(1_800_000),
      ]);
    }
  });

  it('gives the same fires wherever one begins to ask, also between the change and a fire that was moved', () => {
    for (const [timeZone, cron, from, to] of [
      ['Europe/Berlin', '30 2 * * *', '2026-03-28T20:00:00Z', '2026-03-29T20:00:00Z'],
      ['America/New_York', '15,45 2 * * *', '2026-03-07T20:00:00Z', '2026-03-08T20:00:00Z'],
      ['America/New_York', '30 1 * * *', '2026-10-31T20:00:00Z', '2026-11-01T20:00:00Z'],
    ] as const) {
      const rule = { cron, timeZone };
      const all = firesAfter(rule, Date.parse(from) - 86_400_000, 8);
      for (let ms = Date.parse(from); ms < Date.parse(to); ms += 5 * 60_000)
        expect(fireAfter(rule, ms)).toBe(all.find((at) => at > ms));
    }
  });

  it('gives the last fires of a long absence without walking through all of it', () => {
    const rule = { cron: '* * * * *', timeZone: 'UTC' };
    const nowMs = Date.parse('2026-11-27T12:00:30Z');
    const { fires, nextMs } = latestFires(rule, {
      fromMs: Date.parse('2016-01-01T00:00:00Z'),
      nowMs,
      atMost: 3,
    });
    expect(iso([...fires, nextMs])).toEqual([
      '2026-11-27T11:58:00.000Z',
      '2026-11-27T11:59:00.000Z',
      '2026-11-27T12:00:00.000Z',
      '2026-11-27T12:01:00.000Z',
    ]);
    const rare = { cron: '0 0 29 2 *', timeZone: 'Asia/Kolkata' };
    const all = latestFires(rare, { fromMs: fireAfter(rare, Date.parse('2016-01-01')), nowMs, atMost: 10 });
    expect(iso(all.fires)).toEqual([
      '2016-02-28T18:30:00.000Z',
      '2020-02-28T18:30:00.000Z',
      '2024-02-28T18:30:00.000Z',
    ]);
  });
});
