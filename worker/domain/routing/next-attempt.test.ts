import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { longestWaitMs } from './backoff.ts';
import { MAX_ATTEMPTS, nextAttempt, type Candidate, type Failed, type Situation } from './next-attempt.ts';

const NOW = Date.UTC(2026, 10, 27);
const candidate = (more: Partial<Candidate> = {}): Candidate => ({
  maxAttempts: 2,
  timeoutMs: null,
  backoff: { baseMs: 100, maxMs: 1_000, maxRetryAfterMs: 20_000 },
  retryUnknown: true,
  ...more,
});
const busy: Failed = { target: 0, verdict: 'retry', notSent: true, retryAfterMs: null };
const next = (more: Partial<Situation> = {}) =>
  nextAttempt({
    targets: [candidate(), candidate()],
    failed: [],
    isOpen: () => false,
    nowMs: NOW,
    deadlineMs: NOW + 60_000,
    random: 0.5,
    ...more,
  });

describe('the next attempt', () => {
  it('begins with the first target, at once, with all the time there is', () => {
    expect(next()).toEqual({ do: 'attempt', target: 0, waitMs: 0, timeoutMs: 60_000 });
  });

  it('is on the same target after a random part of the longest wait, which doubles', () => {
    const targets = [candidate({ maxAttempts: 5 })];
    const wait = (failures: number, random: number) =>
      (next({ targets, failed: Array(failures).fill(busy), random }) as { waitMs: number }).waitMs;
    expect([1, 2, 3, 4].map((failures) => wait(failures, 0.999999))).toEqual([100, 200, 400, 800]);
    expect(wait(3, 0)).toBe(0);
    expect(wait(3, 0.5)).toBe(200);
  });

  it('waits as long as the provider asks, and then a random part', () => {
    expect(next({ failed: [{ ...busy, retryAfterMs: 3_000 }], random: 0 })).toMatchObject({
      target: 0,
      waitMs: 3_000,
    });
    expect(next({ failed: [{ ...busy, retryAfterMs: 3_000 }], random: 0.999999 })).toMatchObject({
      waitMs: 3_100,
    });
  });

  it('goes to the next target rather than wait for one that asks for too much patience, and gives up when there is none', () => {
    const failed = [{ ...busy, retryAfterMs: 20_001 }];
    expect(next({ failed })).toMatchObject({ target: 1, waitMs: 0 });
    expect(next({ failed, targets: [candidate()] })).toEqual({ do: 'give_up', because: 'exhausted' });
  });

  it('goes to the next target when the wait would pass the deadline', () => {
    const failed = [{ ...busy, retryAfterMs: 5_000 }];
    expect(next({ failed, deadlineMs: NOW + 5_000, random: 0 })).toMatchObject({ target: 1, waitMs: 0 });
    expect(next({ failed, deadlineMs: NOW })).toEqual({ do: 'give_up', because: 'deadline' });
  });

  it('goes to the next target once the attempts on this one are used up', () => {
    expect(next({ failed: [busy, busy] })).toMatchObject({ target: 1, waitMs: 0 });
    const other = { ...busy, target: 1 };
    expect(next({ failed: [busy, busy, other] })).toMatchObject({ target: 1 });
    expect(next({ failed: [busy, busy, other, other] })).toEqual({ do: 'give_up', because: 'exhausted' });
  });

  it('does not repeat what is pointless there, and goes nowhere with what is pointless anywhere', () => {
    expect(next({ failed: [{ ...busy, verdict: 'next' }] })).toMatchObject({ target: 1 });
    expect(next({ failed: [{ ...busy, verdict: 'stop' }] })).toEqual({ do: 'give_up', because: 'pointless' });
  });

  it('repeats what may have been billed only where that was asked for; elsewhere it goes on to the next', () => {
    const failed = [{ ...busy, notSent: false }];
    expect(next({ failed })).toMatchObject({ target: 0 });
    const careful = [candidate({ retryUnknown: false }), candidate()];
    expect(next({ failed, targets: careful })).toMatchObject({ target: 1 });
  });

  it('passes a target whose breaker is open while another is left, and asks it when none is', () => {
    expect(next({ isOpen: (target) => target === 0 })).toMatchObject({ target: 1 });
    expect(next({ isOpen: () => true })).toMatchObject({ target: 0 });
    const failed = [{ ...busy, target: 1, verdict: 'next' as const }];
    expect(next({ failed, isOpen: (target) => target === 0 })).toMatchObject({ target: 0, waitMs: 0 });
    // the breaker opened by its own failure: no more patience when somebody else could answer
    expect(next({ failed: [busy], isOpen: (target) => target === 0 })).toMatchObject({ target: 1 });
  });

  it("has the target's own time, but never more than is left", () => {
    const targets = [candidate({ timeoutMs: 5_000 })];
    expect(next({ targets })).toMatchObject({ timeoutMs: 5_000 });
    expect(next({ targets, deadlineMs: NOW + 900 })).toMatchObject({ timeoutMs: 900 });
  });
});

const outcome = fc.record({
  verdict: fc.constantFrom('retry' as const, 'retry' as const, 'next' as const, 'stop' as const),
  notSent: fc.boolean(),
  retryAfterMs: fc.option(fc.integer({ min: 0, max: 30_000 }), { nil: null }),
  tookMs: fc.integer({ min: 0, max: 4_000 }),
  random: fc.double({ min: 0, max: 0.999999999, noNaN: true }),
  open: fc.integer({ min: 0, max: 31 }),
});
const targets = fc.array(
  fc.record({
    maxAttempts: fc.integer({ min: 1, max: 5 }),
    timeoutMs: fc.option(fc.integer({ min: 100, max: 10_000 }), { nil: null }),
    backoff: fc.record({
      baseMs: fc.integer({ min: 1, max: 2_000 }),
      maxMs: fc.integer({ min: 1, max: 8_000 }),
      maxRetryAfterMs: fc.constantFrom(1_000, 20_000),
    }),
    retryUnknown: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);

describe('a chain of attempts, whatever happens', () => {
  it('ends, keeps every bound of attempts, waits and time, and passes over no target that may still be asked', () => {
    fc.assert(
      fc.property(
        targets,
        fc.array(outcome, { minLength: 30, maxLength: 30 }),
        fc.integer({ min: 1, max: 60_000 }),
        (candidates, outcomes, patienceMs) => {
          const deadlineMs = NOW + patienceMs;
          const failed: Failed[] = [];
          let nowMs = NOW;
          for (const { tookMs, random, open, ...end } of outcomes) {
            const isOpen = (target: number) => (open & (1 << target)) !== 0;
            const step = nextAttempt({ targets: candidates, failed, isOpen, nowMs, deadlineMs, random });
            const last = failed.at(-1);
            const triesOf = (target: number) => failed.filter((one) => one.target === target).length;
            const untried = candidates.flatMap((_, target) => (triesOf(target) === 0 ? [target] : []));
            if (step.do === 'give_up') {
              if (step.because === 'pointless') expect(last!.verdict).toBe('stop');
              if (step.because === 'deadline') expect(nowMs).toBeGreaterThanOrEqual(deadlineMs);
              if (step.because === 'exhausted' && failed.length < MAX_ATTEMPTS) expect(untried).toEqual([]);
              return;
            }
            const { target, waitMs, timeoutMs } = step;
            const { maxAttempts, backoff, timeoutMs: own } = candidates[target]!;
            expect(triesOf(target)).toBeLessThan(maxAttempts);
            expect(last?.verdict).not.toBe('stop');
            expect(nowMs + waitMs).toBeLessThan(deadlineMs);
            expect(timeoutMs).toBeGreaterThan(0);
            expect(nowMs + waitMs + timeoutMs).toBeLessThanOrEqual(deadlineMs);
            if (own !== null) expect(timeoutMs).toBeLessThanOrEqual(own);
            if (triesOf(target) === 0) {
              expect(waitMs).toBe(0);
              if (isOpen(target)) expect(untried.every(isOpen)).toBe(true);
            } else {
              const asked = last!.retryAfterMs ?? 0;
              expect(last).toMatchObject({ target, verdict: 'retry' });
              expect(asked).toBeLessThanOrEqual(backoff.maxRetryAfterMs);
              expect(waitMs).toBeGreaterThanOrEqual(asked);
              expect(waitMs).toBeLessThanOrEqual(asked + longestWaitMs(backoff, triesOf(target)));
            }
            failed.push({ ...end, target });
            nowMs += waitMs + tookMs;
            expect(failed.length).toBeLessThanOrEqual(MAX_ATTEMPTS);
          }
          throw new Error('never ended');
        },
      ),
      { numRuns: 2_000 },
    );
  });
});
