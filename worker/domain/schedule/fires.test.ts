import { describe, expect, it } from 'vitest';
import { fireAfter, firesAfter, latestFires } from './fires.ts';

const iso = (times: number[]) => times.map((ms) => new Date(ms).toISOString());
const three = (cron: string, timeZone: string, from: string) =>
  iso(firesAfter({ cron, timeZone }, Date.parse(from), 3));
/** "04 02:45 +11": what a clock there shows, and how far it is before UTC */
const onLordHowe = (ms: number) => {
  const { day, hour, minute, timeZoneName } = Object.fromEntries(
    new Intl.DateTimeFormat('en-GB', {
      timeZone: 'Australia/Lord_Howe',
      day: '2-digit',
      hour: '2-digit',
      minute: '2-digit',
      timeZoneName: 'shortOffset',
    })
      .formatToParts(ms)
      .map(({ type, value }) => [type, value]),
  );
  return `${day} ${hour}:${minute} ${timeZoneName!.replace('GMT', '')}`;
};

describe('a schedule', () => {
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

  it('fires once a day and once an hour where clocks change by half an hour', () => {
    const from = ['2026-10-03T14:00:00Z', '2026-04-04T13:00:00Z'] as const;
    const [forward, back] = from.map(
      (start) => (cron: string) =>
        firesAfter({ cron, timeZone: 'Australia/Lord_Howe' }, Date.parse(start), 4).map(onLordHowe),
    ) as [(cron: string) => string[], (cron: string) => string[]];
    // 02:00 becomes 02:30
    expect(forward('15 2 * * *').slice(0, 2)).toEqual(['04 02:45 +11', '05 02:15 +11']);
    expect(forward('45 2 * * *').slice(0, 2)).toEqual(['04 02:45 +11', '05 02:45 +11']);
    expect(forward('15 * * * *')).toEqual([
      '04 01:15 +10:30',
      '04 02:45 +11',
      '04 03:15 +11',
      '04 04:15 +11',
    ]);
    expect(forward('*/30 1-3 * * *')).toEqual([
      '04 01:00 +10:30',
      '04 01:30 +10:30',
      '04 02:30 +11',
      '04 03:00 +11',
    ]);
    // 02:00 becomes 01:30
    expect(back('45 1 * * *').slice(0, 2)).toEqual(['05 01:45 +11', '06 01:45 +10:30']);
    expect(back('15 2 * * *').slice(0, 2)).toEqual(['05 02:15 +10:30', '06 02:15 +10:30']);
    expect(back('45 * * * *')).toEqual([
      '05 00:45 +11',
      '05 01:45 +11',
      '05 02:45 +10:30',
      '05 03:45 +10:30',
    ]);
  });

  it('that counts in half hours or less leaves out none and repeats none where clocks change by half an hour', () => {
    for (const day of ['2026-10-03', '2026-04-04'])
      for (const minutes of [10, 15, 30]) {
        const rule = { cron: `*/${minutes} * * * *`, timeZone: 'Australia/Lord_Howe' };
        const fires = firesAfter(rule, Date.parse(`${day}T14:00:00Z`), 12);
        expect(new Set(fires.slice(1).map((ms, n) => ms - fires[n]!))).toEqual(new Set([minutes * 60_000]));
      }
  });

  it('gives the same fires wherever one begins to ask, also between the change and a fire that was moved', () => {
    for (const [timeZone, cron, from, to] of [
      ['Europe/Berlin', '30 2 * * *', '2026-03-28T20:00:00Z', '2026-03-29T20:00:00Z'],
      ['America/New_York', '15,45 2 * * *', '2026-03-07T20:00:00Z', '2026-03-08T20:00:00Z'],
      ['America/New_York', '30 1 * * *', '2026-10-31T20:00:00Z', '2026-11-01T20:00:00Z'],
      ['Australia/Lord_Howe', '15,45 1-2 * * *', '2026-10-03T10:00:00Z', '2026-10-03T22:00:00Z'],
      ['Australia/Lord_Howe', '*/20 * * * *', '2026-04-04T10:00:00Z', '2026-04-04T22:00:00Z'],
    ] as const) {
      const rule = { cron, timeZone };
      const all = firesAfter(rule, Date.parse(from) - 86_400_000, 160);
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
