import { call } from '$lib/api.ts';
import type { Listed } from '$lib/shapes.ts';
import type { PageLoad } from './$types';

/** One row of GET /api/workflows. */
export interface WorkflowRow {
  id: string;
  name: string;
  description: string;
  publishedVersion: number | null;
  /** the draft is another one than the published version */
  unpublishedChanges: boolean;
  draftRevision: number;
  nodeCount: number;
  trigger: string | null;
  lastExecutionId: string | null;
  lastExecutionStatus: string | null;
  runs: number;
  averageCostNanoUsd: number | null;
  monthCostNanoUsd: number;
  updatedAt: string;
}

export const load: PageLoad = async ({ fetch, url }) => ({
  workflows: await call<Listed<WorkflowRow>>('/api/workflows', {
    fetch,
    query: { limit: 50, cursor: url.searchParams.get('cursor') },
  }),
});
