import { call } from '$lib/api.ts';
import type { Alert, ApiKeyRow, BudgetStatus, Listed } from '$lib/shapes.ts';
import type { PageServerLoad } from './$types';

export const load: PageServerLoad = async ({ fetch }) => {
  const [budgets, alerts, workflows, keys] = await Promise.all([
    call<Listed<BudgetStatus>>('/api/token-tracking/budget', { fetch, query: { limit: 200 } }),
    call<Listed<Alert>>('/api/token-tracking/alerts', { fetch }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
    call<Listed<ApiKeyRow>>('/api/keys', { fetch, query: { limit: 200 } }),
  ]);
  const named = (answer: typeof workflows | typeof keys) =>
    answer.ok ? answer.data.data.map(({ id, name }) => ({ id, name })) : [];
  return { budgets, alerts, workflows: named(workflows), keys: named(keys) };
};
