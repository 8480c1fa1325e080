import { call } from '$lib/api.ts';
import type { Execution } from '$lib/flow/execution.ts';
import type { DeadLetter, Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

export type ExecutionRow = Omit<Execution, 'nodes' | 'input'>;

const MOST_LETTERS = 9;

export const load: PageLoad = async ({ fetch, url }) => {
  const workflowId = url.searchParams.get('workflowId') ?? '';
  const status = url.searchParams.get('status') ?? '';
  const cursor = url.searchParams.get('cursor');
  const [executions, workflows, letters] = await Promise.all([
    call<Listed<ExecutionRow>>('/api/executions', {
      fetch,
      query: { limit: 50, cursor, workflowId, status },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
    call<Listed<DeadLetter>>('/api/dead-letters', { fetch, query: { limit: MOST_LETTERS, status: 'open' } }),
  ]);
  return {
    executions,
    /** what could not be processed, as far as the note counts; null = not known */
    letters: letters.ok ? { count: letters.data.data.length, more: letters.data.nextCursor !== null } : null,
    workflows: workflows.ok ? workflows.data.data : [],
    workflowId,
    status,
  };
};
