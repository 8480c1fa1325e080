import { describe, expect, it } from 'vitest';
import { refusalOfFailure } from '../call/settling.ts';
import type { ProviderFailure } from '../contracts/provider.ts';
import type { Refusal } from '../refusal.ts';
import { isTrouble, verdictOf } from './verdict.ts';

const answered = (failure: ProviderFailure['failure'], status: number): Refusal =>
  refusalOfFailure('x', {
    reason: 'provider_failed',
    failure,
    status,
    message: '',
    retryAfterMs: null,
    body: null,
  });

describe('what a refusal means for further attempts', () => {
  it.each([
    ['retry', 'not_sent', 0],
    ['retry', 'not_sent', 429],
    ['retry', 'not_sent', 503],
    ['retry', 'not_sent', 529],
    ['retry', 'unknown', 0],
    ['retry', 'unknown', 500],
    ['retry', 'unknown', 408],
    ['retry', 'refused', 409],
    ['next', 'refused', 401],
    ['next', 'refused', 402],
    ['next', 'refused', 403],
    ['next', 'refused', 404],
    ['next', 'refused', 0],
    ['stop', 'refused', 400],
    ['stop', 'refused', 413],
    ['stop', 'refused', 422],
  ] as const)('%s after %s %i', (verdict, failure, status) => {
    expect(verdictOf(answered(failure, status))).toBe(verdict);
  });

  it('lets another model be tried when this one is unknown, unpriced or too dear, but never when the budget could not be asked', () => {
    expect(verdictOf({ reason: 'model_not_found', model: 'm' })).toBe('next');
    expect(verdictOf({ reason: 'model_unpriced', model: 'm' })).toBe('next');
    expect(
      verdictOf({
        reason: 'budget_exceeded',
        budgetId: null,
        scope: { type: 'team' },
        limit: 'window',
        limitNanoUsd: 1,
        spentNanoUsd: 0,
        heldNanoUsd: 0,
        askedNanoUsd: 2,
        resetsAt: null,
      }),
    ).toBe('next');
    expect(verdictOf({ reason: 'budget_unavailable' })).toBe('stop');
    expect(verdictOf({ reason: 'conflict', message: '' })).toBe('stop');
  });

  it("tells a breaker of a provider's trouble, not of the caller's", () => {
    expect(isTrouble(answered('unknown', 500))).toBe(true);
    expect(isTrouble(answered('not_sent', 429))).toBe(true);
    expect(isTrouble(answered('refused', 401))).toBe(true);
    expect(isTrouble(answered('refused', 400))).toBe(false);
    expect(isTrouble(answered('refused', 404))).toBe(false);
    expect(isTrouble({ reason: 'budget_unavailable' })).toBe(false);
  });
});
