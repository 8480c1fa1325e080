import { call, type Answer } from '$lib/api.ts';
import type { BudgetStatus, ExecutionRow, Listed, RunRow, Stats } from '$lib/shapes.ts';
import { rangeOf, statsQuery } from '$lib/usage/range.ts';
import type { PageServerLoad } from './$types';

/** Each card has its own answer: one that fails leaves the others (HOME-2). */
export const load: PageServerLoad = async ({ fetch, parent }) => {
  const { me } = await parent();
  const timeZone = me.team?.timeZone ?? 'UTC';
  const range = rangeOf('30d');
  const [budgets, stats, runs, executions, prompts, workflows] = await Promise.all([
    call<Listed<BudgetStatus>>('/api/token-tracking/budget', { fetch, query: { limit: 200 } }),
    call<Stats>('/api/token-tracking/stats', {
      fetch,
      query: { ...statsQuery(range, Date.now(), timeZone), groupBy: 'model' },
    }),
    call<Listed<RunRow>>('/api/runs', { fetch, query: { limit: 6 } }),
    call<Listed<ExecutionRow>>('/api/executions', { fetch, query: { limit: 6 } }),
    call<Listed<{ id: string }>>('/api/prompts', { fetch, query: { limit: 1 } }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  const some = (answer: Answer<Listed<unknown>>) => answer.ok && answer.data.data.length > 0;
  return {
    timeZone,
    budgets,
    stats,
    runs,
    executions,
    workflowNames: Object.fromEntries(
      workflows.ok ? workflows.data.data.map(({ id, name }) => [id, name]) : [],
    ),
    has: {
      prompt: some(prompts),
      workflow: some(workflows),
      budget: budgets.ok && budgets.data.data.length > 0,
    },
  };
};
