import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { settlementOf } from '../../../tests/workers/settlement.ts';
import { NO_USAGE } from '../cost/usage.ts';
import type { RateLimits } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import type { Admission, ReserveRefusal, ReserveRequest } from './budget.ts';
import { KeyRates, RATE_WINDOW_MS } from './rates.ts';

const NOW = Date.UTC(2026, 10, 27, 10);
const ADMITTED: Result<Admission, ReserveRefusal> = ok({
  heldNanoUsd: 1,
  clamped: false,
  maxOutputTokens: null,
  repeated: false,
  warnings: [],
});
const OVER_BUDGET: Result<Admission, ReserveRefusal> = err({ reason: 'model_unpriced', model: 'm' });

const call = (
  runId: string,
  rates: Partial<RateLimits>,
  { tokens = 0, attempt = 1, keyId = 'key_1' } = {},
): ReserveRequest => ({
  runId,
  attempt,
  subject: { teamId: 'team_1', keyId, tags: [] },
  provider: 'x',
  model: 'm',
  ceilingNanoUsd: 1,
  inputNanoUsd: 1,
  worstUsage: { ...NO_USAGE, inputTokens: Math.floor(tokens / 2), outputTokens: Math.ceil(tokens / 2) },
  clampable: false,
  dispatching: true,
  ttlMs: 1,
  executionType: 'gateway',
  rates: { requestsPerMinute: null, tokensPerMinute: null, ...rates },
});
const took = (runId: string, tokens: number, more: { attempt?: number; billed?: boolean } = {}) =>
  settlementOf({
    runId,
    subject: { teamId: 'team_1', keyId: 'key_1', tags: [] },
    usage: { ...NO_USAGE, inputTokens: tokens },
    ...more,
  });

describe("a key's minute", () => {
  it('admits as many requests as it may hold, and says when the next one fits', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 2 };
    expect(rates.reserve(call('a', limits), NOW, () => ADMITTED)).toMatchObject({
      ok: true,
      value: { rate: { requests: { limit: 2, remaining: 1, resetSeconds: 61 }, tokens: null } },
    });
    expect(rates.reserve(call('b', limits), NOW + 20_000, () => ADMITTED).ok).toBe(true);
    expect(rates.reserve(call('c', limits), NOW + 30_000, () => ADMITTED)).toMatchObject({
      ok: false,
      error: {
        reason: 'rate_limited',
        retryAfterSeconds: 31,
        rate: { requests: { limit: 2, remaining: 0, resetSeconds: 51 } },
      },
    });
    expect(rates.reserve(call('c', limits), NOW + 61_000, () => ADMITTED).ok).toBe(true);
  });

  it('holds the worst case of a call in flight, and what it took once it is settled', () => {
    const rates = new KeyRates();
    const limits = { tokensPerMinute: 100 };
    expect(rates.reserve(call('a', limits, { tokens: 80 }), NOW, () => ADMITTED).ok).toBe(true);
    expect(rates.reserve(call('b', limits, { tokens: 30 }), NOW, () => ADMITTED)).toMatchObject({
      error: { reason: 'rate_limited', rate: { tokens: { remaining: 20 } } },
    });
    rates.settle(took('a', 10));
    rates.settle(took('a', 10));
    expect(rates.reserve(call('b', limits, { tokens: 90 }), NOW, () => ADMITTED)).toMatchObject({
      value: { rate: { tokens: { remaining: 0 } } },
    });
    rates.settle(took('b', 90, { billed: false }));
    expect(rates.use('key_1', { requestsPerMinute: null, tokensPerMinute: 100 }, NOW)).toMatchObject({
      value: { tokens: { remaining: 90 } },
    });
  });

  it('keeps its tokens when the budget refuses the call, but not the request', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 2, tokensPerMinute: 100 };
    for (const runId of ['a', 'b'])
      expect(rates.reserve(call(runId, limits, { tokens: 100 }), NOW, () => OVER_BUDGET)).toMatchObject({
        error: { reason: 'model_unpriced', rate: { tokens: { remaining: 100 } } },
      });
    expect(rates.reserve(call('c', limits), NOW, () => ADMITTED)).toMatchObject({
      error: { reason: 'rate_limited', rate: { requests: { remaining: 0 }, tokens: { remaining: 100 } } },
    });
  });

  it('never asks the books about a call that it refuses', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 1 };
    let asked = 0;
    const ask = () => (asked++, ADMITTED);
    for (const runId of ['a', 'b', 'c']) rates.reserve(call(runId, limits), NOW, ask);
    expect(asked).toBe(1);
  });

  it('says of a call larger than the whole minute that waiting will not help', () => {
    const answer = new KeyRates().reserve(
      call('a', { tokensPerMinute: 100 }, { tokens: 101 }),
      NOW,
      () => ADMITTED,
    );
    expect(answer).toMatchObject({ error: { reason: 'rate_limited', retryable: false } });
  });

  it('counts the attempts of one run as one request, each with its tokens', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 1, tokensPerMinute: 100 };
    expect(rates.reserve(call('a', limits, { tokens: 60 }), NOW, () => ADMITTED).ok).toBe(true);
    rates.settle(took('a', 0, { billed: false }));
    expect(rates.reserve(call('a', limits, { tokens: 60, attempt: 2 }), NOW, () => ADMITTED)).toMatchObject({
      value: { rate: { requests: { remaining: 0 }, tokens: { remaining: 40 } } },
    });
    expect(rates.reserve(call('b', limits), NOW, () => ADMITTED).ok).toBe(false);
  });

  it('is its own: another key has another minute, and a call without limits has none', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 1 };
    expect(rates.reserve(call('a', limits), NOW, () => ADMITTED).ok).toBe(true);
    expect(rates.reserve(call('b', limits, { keyId: 'key_2' }), NOW, () => ADMITTED).ok).toBe(true);
    const free: ReserveRequest = { ...call('c', {}), rates: undefined };
    expect(rates.reserve(free, NOW, () => ADMITTED)).toBe(ADMITTED);
  });

  it('begins no earlier when the clock goes back', () => {
    const rates = new KeyRates();
    const limits = { requestsPerMinute: 1 };
    rates.reserve(call('a', limits), NOW, () => ADMITTED);
    expect(rates.reserve(call('b', limits), NOW - 3_600_000, () => ADMITTED).ok).toBe(false);
  });
});

it('no stretch of a minute ever holds more than the limits, and whoever waits as told is admitted', () => {
  const step = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 0, max: 30_000 })),
    tokens: fc.integer({ min: 0, max: 120 }),
    /** which open call ends after this one, and how much of its worst case it took */
    ends: fc.integer({ min: 0, max: 5 }),
    part: fc.integer({ min: 0, max: 100 }),
    refusedByBudget: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const rates = new KeyRates();
      const limits = { requestsPerMinute: 6, tokensPerMinute: 300 };
      const admitted: { runId: string; atMs: number; tokens: number; open: boolean }[] = [];
      const counted: number[] = [];
      let nowMs = NOW;
      for (const [i, { afterMs, tokens, ends, part, refusedByBudget }] of steps.entries()) {
        nowMs += afterMs;
        const ask = call(`run_${i}`, limits, { tokens });
        const answer = rates.reserve(ask, nowMs, () => (refusedByBudget ? OVER_BUDGET : ADMITTED));
        if (answer.ok || answer.error.reason !== 'rate_limited') counted.push(nowMs);
        if (answer.ok) admitted.push({ runId: ask.runId, atMs: nowMs, tokens, open: true });
        if (!answer.ok && answer.error.reason === 'rate_limited' && i % 7 === 0) {
          nowMs += answer.error.retryAfterSeconds * 1000;
          const later = rates.reserve(call(`later_${i}`, limits, { tokens }), nowMs, () => ADMITTED);
          expect(later.ok).toBe(true);
          counted.push(nowMs);
          admitted.push({ runId: `later_${i}`, atMs: nowMs, tokens, open: true });
        }
        const ending = admitted.filter(({ open }) => open)[ends];
        if (ending) {
          ending.open = false;
          ending.tokens = Math.floor((ending.tokens * part) / 100);
          rates.settle(took(ending.runId, ending.tokens));
        }
        const since = nowMs - RATE_WINDOW_MS;
        expect(counted.filter((atMs) => atMs > since).length).toBeLessThanOrEqual(6);
        const inWindow = admitted.filter(({ atMs }) => atMs > since);
        expect(inWindow.reduce((sum, one) => sum + one.tokens, 0)).toBeLessThanOrEqual(300);
      }
    }),
    { seed: 5, numRuns: 300 },
  );
});
