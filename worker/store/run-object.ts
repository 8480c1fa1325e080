/** The one way to a run's object. The runtime's own RPC types cannot carry our unions; WorkflowRun `implements RunObject` says the same. */
import type { RunObject } from '../domain/workflow/run.ts';

export const runObject = (env: Env, executionId: string): RunObject =>
  env.WORKFLOW_RUN.getByName(executionId) as unknown as RunObject;
