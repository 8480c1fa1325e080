/** Everything the builder needs, asked at once; only the workflow itself is indispensable. The canvas is drawn in the browser alone. */
import { call } from '$lib/api.ts';
import type { NodeTypeInfo } from '$lib/flow/definition.ts';
import type { Execution } from '$lib/flow/execution.ts';
import { connectedModels, routesOfTeam } from '$lib/models/load.ts';
import type { Listed, Prompt } from '$lib/shapes.ts';
import type { DataSource } from '$lib/flow/data-source.ts';
import type { PageLoad } from './$types';
import type { CallableWorkflow } from './builder-data.svelte.ts';
import type { WorkflowAnswer } from './workflow-answer.ts';

export const ssr = false;

export const load: PageLoad = async ({ fetch, params, url, untrack }) => {
  const executionId = untrack(() => url.searchParams.get('execution'));
  const list = <T>(path: string) => call<Listed<T>>(path, { fetch, query: { limit: 200 } });
  const [workflow, types, sources, models, routes, prompts, workflows, execution] = await Promise.all([
    call<WorkflowAnswer>(`/api/workflows/${encodeURIComponent(params.id)}`, { fetch }),
    call<{ data: NodeTypeInfo[] }>('/api/node-types', { fetch }),
    list<DataSource>('/api/data-sources'),
    connectedModels(fetch),
    routesOfTeam(fetch),
    list<Prompt>('/api/prompts'),
    list<CallableWorkflow>('/api/workflows'),
    executionId ? call<Execution>(`/api/executions/${encodeURIComponent(executionId)}`, { fetch }) : null,
  ]);
  return {
    workflow,
    types,
    sources: sources.ok ? sources.data.data : [],
    models: models.ok ? models.data : [],
    routes,
    prompts: prompts.ok ? prompts.data.data : [],
    workflows: workflows.ok ? workflows.data.data : [],
    execution: execution?.ok ? execution.data : null,
  };
};
