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

const FILTERS = ['workflowId', 'executionId', 'tag', 'status', 'text', 'from', 'to'] as const;

/** the day after, so that the last day asked for is inside */
const dayAfter = (day: string): string => {
  const ms = Date.parse(day);
  return Number.isNaN(ms) ? day : new Date(ms + 86_400_000).toISOString().slice(0, 10);
};

export const load: PageLoad = async ({ fetch, url }) => {
  const asked = (name: string) => url.searchParams.get(name) ?? '';
  const filters = Object.fromEntries(FILTERS.map((name) => [name, asked(name)])) as Record<
    (typeof FILTERS)[number],
    string
  >;
  /** as the API takes them: until before an instant */
  const query = { ...filters, to: filters.to && dayAfter(filters.to) };
  const [outputs, workflows] = await Promise.all([
    call<Listed<OutputRow>>('/api/outputs', {
      fetch,
      query: { ...query, limit: 50, cursor: url.searchParams.get('cursor') },
    }),
    call<Listed<{ id: string; name: string }>>('/api/workflows', { fetch, query: { limit: 200 } }),
  ]);
  return {
    outputs,
    workflows: workflows.ok ? workflows.data.data : [],
    filters,
    query,
  };
};
