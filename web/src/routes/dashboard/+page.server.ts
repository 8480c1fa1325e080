import { call } from '$lib/api.ts';
import type { BudgetStatus, Listed, RunRow, Stats } from '$lib/shapes.ts';
import { rangeOf, statsQuery } from '$lib/usage/range.ts';
import type { PageServerLoad } from './$types';

interface Execution {
  id: string;
  workflowId: string;
  workflowName?: string;
  status: string;
  costNanoUsd: number;
  createdAt?: string;
  startedAt: string | null;
}

/** Each card has its own answer: one that fails leaves the others (HOME-2). */
export const load: PageServerLoad = async ({ fetch, parent }) => {
  const { me } = await parent();
  const timeZone = me.team?.timeZone ?? 'UTC';
  const range = rangeOf('30d');
  const [budgets, stats, runs, executions, prompts, keys] = await Promise.all([
    call<Listed<BudgetStatus>>('/api/token-tracking/budget', { fetch, query: { limit: 200 } }),
    call<Stats>('/api/token-tracking/stats', {
      fetch,
      query: { ...statsQuery(range, Date.now(), timeZone), groupBy: 'model' },
    }),
    call<Listed<RunRow>>('/api/token-tracking/ledger', { fetch, query: { limit: 6 } }),
    call<Listed<Execution>>('/api/executions', { fetch, query: { limit: 6 } }),
    call<Listed<{ id: string }>>('/api/prompts', { fetch, query: { limit: 1 } }),
    call<Listed<{ id: string }>>('/api/workflows', { fetch, query: { limit: 1 } }),
  ]);
  const some = (answer: typeof prompts) => answer.ok && answer.data.data.length > 0;
  return {
    timeZone,
    budgets,
    stats,
    runs,
    executions,
    has: { prompt: some(prompts), workflow: some(keys), budget: budgets.ok && budgets.data.data.length > 0 },
  };
};
