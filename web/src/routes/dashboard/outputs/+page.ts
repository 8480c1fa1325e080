import { call } from '$lib/api.ts';
import type { Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

export interface OutputRow {
  id: string;
  workflowId: string;
  executionId: string;
  nodeId: string;
  itemIndex?: number | null;
  value: unknown;
  tags: string[];
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  durationMs: number;
  createdAt: string;
}

const FILTERS = ['workflowId', 'executionId', 'tag'] as const;

export const load: PageLoad = async ({ fetch, url }) => {
  const filters = Object.fromEntries(FILTERS.map((name) => [name, url.searchParams.get(name) ?? '']));
  const [outputs, workflows] = await Promise.all([
    call<Listed<OutputRow>>('/api/outputs', {
      fetch,
      query: { ...filters, limit: 50, cursor: url.searchParams.get('cursor') },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  return {
    outputs,
    workflows: workflows.ok ? workflows.data.data : [],
    workflowId: filters.workflowId ?? '',
    executionId: filters.executionId ?? '',
    tag: filters.tag ?? '',
  };
};
