import { call } from '$lib/api.ts';
import type { Execution } from '$lib/flow/execution.ts';
import type { Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

export type ExecutionRow = Omit<Execution, 'nodes' | 'input'>;

export const load: PageLoad = async ({ fetch, url }) => {
  const workflowId = url.searchParams.get('workflowId') ?? '';
  const status = url.searchParams.get('status') ?? '';
  const cursor = url.searchParams.get('cursor');
  const [executions, workflows] = await Promise.all([
    call<Listed<ExecutionRow>>('/api/executions', {
      fetch,
      query: { limit: 50, cursor, workflowId, status },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  return { executions, workflows: workflows.ok ? workflows.data.data : [], workflowId, status };
};
