/** A settlement with sensible values, for tests that only care about some of them. */
import type { Settlement } from '../../worker/domain/budget/budget.ts';
import { NO_USAGE } from '../../worker/domain/cost/usage.ts';

export const settlementOf = (
  over: Partial<Settlement> & Pick<Settlement, 'runId' | 'subject'>,
): Settlement => ({
  attempt: 1,
  provider: 'sandbox',
  model: 'sandbox-small',
  executionType: 'gateway',
  status: 'succeeded',
  billed: true,
  costNanoUsd: 1000,
  usage: { ...NO_USAGE, inputTokens: 10, outputTokens: 5 },
  source: 'reported',
  flags: [],
  priced: true,
  priceId: 'sandbox:sandbox/sandbox-small@2026-01-01',
  rawUsage: '{"prompt_tokens":10}',
  latencyMs: 12.7,
  ...over,
});
