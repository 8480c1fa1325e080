import { call } from '$lib/api.ts';
import type { FlowDefinition, NodeTypeInfo } from '$lib/flow/definition.ts';
import type { Execution } from '$lib/flow/execution.ts';
import type { PageLoad } from './$types';

/** The execution, and the workflow it ran (which may be gone). */
export const load: PageLoad = async ({ fetch, params }) => {
  const [execution, types] = await Promise.all([
    call<Execution>(`/api/executions/${encodeURIComponent(params.id)}`, { fetch }),
    call<{ data: NodeTypeInfo[] }>('/api/node-types', { fetch }),
  ]);
  const workflow = execution.ok
    ? await call<FlowDefinition>(`/api/workflows/${encodeURIComponent(execution.data.workflowId)}`, { fetch })
    : null;
  return {
    execution,
    types: types.ok ? types.data.data : [],
    workflow: workflow?.ok ? workflow.data : null,
  };
};
