/** What becomes of a node whose attempt failed (engine.md rules 5 and 6). */
import type { NodeFailure } from '../contracts/node.ts';
import type { PlanNode } from './plan.ts';
import type { RunError } from './state.ts';

export type Verdict =
  | { then: 'retry'; waitMs: number }
  /** it may have happened, and may not happen twice: a person decides */
  | { then: 'review' }
  | { then: 'fail' };

type Failed = Exclude<NodeFailure, { reason: 'over_budget' }>;

/** `attempts` counts the one that failed; `dice` in [0, 1) spreads the wait evenly over all of it, a longer Retry-After wins. */
export function verdictOn(
  node: Pick<PlanNode, 'idempotent' | 'retry'>,
  { failure, attempts, mayRetry }: { failure: Failed; attempts: number; mayRetry: boolean },
  dice: () => number,
): Verdict {
  const safe = failure.reason === 'not_sent' || (failure.reason === 'unknown' && node.idempotent);
  if (safe && mayRetry && attempts < node.retry.maxAttempts) {
    const { intervalMs, rate, maxDelayMs } = node.retry;
    const spread = dice() * Math.min(maxDelayMs, intervalMs * rate ** (attempts - 1));
    return { then: 'retry', waitMs: Math.ceil(Math.max(spread, failure.retryAfterMs ?? 0)) };
  }
  return failure.reason === 'unknown' && !node.idempotent ? { then: 'review' } : { then: 'fail' };
}

export const errorOf = (nodeId: string, path: readonly number[], failure: Failed): RunError => ({
  nodeId,
  ...(path.length > 0 ? { itemPath: [...path] } : {}),
  reason: failure.reason,
  message: failure.message,
  ...(failure.field === undefined ? {} : { field: failure.field }),
  ...(failure.position === undefined ? {} : { position: failure.position }),
});
