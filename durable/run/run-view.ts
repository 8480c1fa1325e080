/** What is known of a living run, and one page of its rows (domain/workflow/run-page.ts puts them in order). */
import { type Plan } from '../../worker/domain/workflow/plan.ts';
import type { NodeView, RunView } from '../../worker/domain/workflow/run.ts';
import { cursorOf, pageOfRun, type PageAsk, type RunHead } from '../../worker/domain/workflow/run-page.ts';
import { ENDED } from '../../worker/domain/workflow/state.ts';
import type { WorkflowRunStore } from './run.store.ts';

export function runHead(store: WorkflowRunStore, plan: Plan): RunHead {
  const run = store.state.run();
  const ended = ENDED.includes(run.status);
  const counts = store.steps.counts();
  const unbegun = [...plan.nodes.values()]
    .filter(({ id }) => !counts[id])
    .map(({ id }): NodeView => ({
      nodeId: id,
      status: ended ? 'skipped' : 'pending',
      attempts: 0,
      startedAt: null,
      endedAt: null,
      inputTokens: 0,
      outputTokens: 0,
      costNanoUsd: 0,
    }));
  return {
    status: run.status,
    error: run.error,
    refusal: run.refusal,
    pausedFor: run.status === 'paused' ? (run.pausedFor ?? 'person') : null,
    budgetNanoUsd: store.order()!.budgetNanoUsd,
    startedAt: new Date(run.startedMs).toISOString(),
    endedAt: run.endedMs === null ? null : new Date(run.endedMs).toISOString(),
    ...store.spend.ofRun(),
    counts,
    order: [...plan.nodes.values()].flatMap(({ scope }) => plan.order(scope)),
    unbegun,
  };
}

export function runView(store: WorkflowRunStore, plan: Plan, page: PageAsk): RunView {
  const rows = store.steps.page(plan, {
    nodeId: page.nodeId,
    limit: page.limit,
    after: cursorOf(page.cursor),
  });
  return pageOfRun(runHead(store, plan), rows, page);
}
