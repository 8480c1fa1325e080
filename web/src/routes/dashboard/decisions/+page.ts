import { call } from '$lib/api.ts';
import type { NodeRun } from '$lib/flow/execution.ts';
import type { Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

/** A run in which something waits for a person. */
export interface OpenDecision {
  executionId: string;
  workflowId: string;
  version: number | null;
  status: string;
  trigger: string;
  createdAt: string;
  questions: number;
  nodes: (NodeRun & { kind: string; name: string | null })[];
}

export const load: PageLoad = async ({ fetch, url }) => {
  const workflowId = url.searchParams.get('workflowId') ?? '';
  const [decisions, workflows] = await Promise.all([
    call<Listed<OpenDecision>>('/api/decisions', {
      fetch,
      query: { limit: 20, cursor: url.searchParams.get('cursor'), workflowId },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  return { decisions, workflows: workflows.ok ? workflows.data.data : [], workflowId };
};
