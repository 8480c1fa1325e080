/** Has an execution that a node waits for ended? Then its outputs, or its failure, are the node's own. */
import type { LivingRun } from './living-run.ts';
import { keepError } from './results.ts';
import type { Place } from './tables.ts';

export async function lookAt(
  run: LivingRun,
  { frame, node, executionId }: Place & { executionId: string },
): Promise<void> {
  const called = await run.deps.calledRun(executionId).catch(() => null);
  if (!called) return;
  const at = { frame, node, for: 'workflow' as const };
  const { failure, outputs, spend } = called;
  const outcome = failure ? { failure: { reason: 'refused' as const, ...failure } } : { handle: null };
  run.change(
    (progress, nowMs) => progress.settled(nowMs, at, outcome),
    () => {
      if (!failure) run.large.keep(frame, node, outputs);
      else keepError(run, at);
      run.store.spend.add(frame, node, spend);
    },
  );
  run.reporter.node(frame, node);
}
