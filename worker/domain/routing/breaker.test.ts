import { describe, expect, it } from 'vitest';
import {
  begun,
  CLOSED,
  COOL_DOWN_MS,
  failed,
  FAILURES_IN_A_ROW,
  isCalm,
  letGo,
  MIN_OUTCOMES,
  PROBE_MS,
  standing,
  succeeded,
  WINDOW_MS,
  type Breaker,
} from './breaker.ts';
import { breakers } from './breakers.ts';

const NOW = Date.UTC(2026, 10, 27);
const after = (outcomes: string, gapMs = 100) => {
  let breaker: Breaker = CLOSED;
  [...outcomes].forEach((one, index) => {
    breaker = (one === 'x' ? failed : succeeded)(breaker, NOW + index * gapMs);
  });
  return breaker;
};
const open = () => after('x'.repeat(FAILURES_IN_A_ROW), 0);

describe('a circuit breaker', () => {
  it('opens after so many failures in a row, not one fewer', () => {
    expect(standing(after('xxxx'), NOW + 1_000)).toBe('closed');
    expect(standing(after('xxxxx'), NOW + 1_000)).toBe('open');
    expect(standing(after('xxxx.xxxx'), NOW + 1_000)).toBe('closed');
  });

  it('opens when half of enough outcomes within the window failed', () => {
    expect(standing(after('.x'.repeat(MIN_OUTCOMES / 2)), NOW + 5_000)).toBe('open');
    expect(standing(after('x..'.repeat(MIN_OUTCOMES)), NOW + 9_000)).toBe('closed');
    expect(standing(after('.x'.repeat(MIN_OUTCOMES / 2 - 1)), NOW + 5_000)).toBe('closed');
  });

  it('forgets what lies before the window', () => {
    expect(standing(after('xxxxx', WINDOW_MS), NOW + 9 * WINDOW_MS)).toBe('closed');
  });

  it('lets one probe through after the cool-down, and nobody else until its end is told', () => {
    const cool = NOW + COOL_DOWN_MS;
    expect(standing(open(), cool - 1)).toBe('open');
    expect(standing(open(), cool)).toBe('half_open');
    const probing = begun(open(), cool);
    expect(standing(probing, cool)).toBe('open');
    expect(begun(probing, cool + 1)).toBe(probing);
    expect(standing(succeeded(probing, cool + 10), cool + 10)).toBe('closed');
    const again = failed(probing, cool + 10);
    expect(standing(again, cool + 9 + COOL_DOWN_MS)).toBe('open');
    expect(standing(again, cool + 10 + COOL_DOWN_MS)).toBe('half_open');
  });

  it('is half open again when its probe said nothing, or was never heard of again', () => {
    const cool = NOW + COOL_DOWN_MS;
    const probing = begun(open(), cool);
    expect(standing(letGo(probing), cool)).toBe('half_open');
    expect(standing(probing, cool + PROBE_MS)).toBe('half_open');
  });

  it('is closed at once by an answer, even one that came while it was open', () => {
    expect(succeeded(open(), NOW + 1)).toBe(CLOSED);
  });
});

describe('the breakers of an isolate', () => {
  it('keep nothing of places that answer, and keep teams and places apart', () => {
    const all = breakers();
    all.end('team_1', 'conn_1 m', { how: 'succeeded', nowMs: NOW });
    expect(all.any('team_1')).toBe(false);
    for (let i = 0; i < FAILURES_IN_A_ROW; i++)
      all.end('team_1', 'conn_1 m', { how: 'failed', nowMs: NOW + i });
    expect(all.standing('team_1', 'conn_1 m', NOW + 10)).toBe('open');
    expect(all.standing('team_1', 'conn_2 m', NOW + 10)).toBe('closed');
    expect(all.standing('team_2', 'conn_1 m', NOW + 10)).toBe('closed');
    all.begin('team_1', 'conn_1 m', NOW + 10 + COOL_DOWN_MS);
    expect(all.standing('team_1', 'conn_1 m', NOW + 11 + COOL_DOWN_MS)).toBe('open');
    all.end('team_1', 'conn_1 m', { how: 'succeeded', nowMs: NOW + 20 + COOL_DOWN_MS });
    expect(all.any('team_1')).toBe(false);
  });

  it('do not grow without end', () => {
    const all = breakers();
    for (let team = 0; team < 1_500; team++)
      all.end(`team_${team}`, 'conn_1 m', { how: 'failed', nowMs: NOW });
    for (let place = 0; place < 300; place++)
      all.end('team_1499', `conn_${place} m`, { how: 'failed', nowMs: NOW });
    expect(all.any('team_0')).toBe(false);
    expect(all.any('team_1499')).toBe(true);
    expect(isCalm(CLOSED)).toBe(true);
  });
});
