/** Another workflow as one step: the version that was published when this run began. The run waits for it without a lease or a slot. */
import { z } from 'zod';
import { defineNode, type NodeContext, type NodeFailure } from '../domain/contracts/node.ts';
import { err, ok, type Result } from '../domain/result.ts';

export interface CallWorkflowDeps {
  /** Begins the other workflow once, however often it is asked for the same step. */
  callWorkflow(
    context: NodeContext,
    call: { workflowId: string; input: unknown },
  ): Promise<Result<{ executionId: string }, NodeFailure>>;
}

/** So many workflows may call each other down from the first. */
export const MAX_CALL_DEPTH = 5;

export const workflowNode = defineNode({
  kind: 'workflow',
  label: 'Workflow',
  description: 'Runs another workflow and hands on its outputs by the names of its output nodes.',
  category: 'logic',
  icon: 'workflow',
  configSchema: z.strictObject({
    /** no template: which workflow it is must be known before the run begins */
    workflowId: z
      .string()
      .min(1)
      .max(64)
      .refine((id) => !id.includes('{'), 'must be the id of a workflow, not a template'),
    /** any JSON; texts in it may hold templates. Absent = what comes in */
    input: z.unknown().optional(),
  }),
  defaultConfig: { workflowId: '' },
  expressionFields: [],
  handles: [],
  ignoresInput: ({ input }) => input !== undefined,
  execution: 'io',
  idempotent: true,
  paid: false,
  async run({ workflowId, input }, context) {
    if (context.depth >= MAX_CALL_DEPTH)
      return err({
        reason: 'refused',
        field: 'workflowId',
        message: `more than ${MAX_CALL_DEPTH} workflows call each other`,
      });
    const { callWorkflow } = context.deps as CallWorkflowDeps;
    const called = await callWorkflow(context, {
      workflowId,
      input: input === undefined ? (context.input ?? null) : input,
    });
    if (!called.ok) return called;
    const { executionId } = called.value;
    return ok({ output: null, wait: { for: { for: 'workflow', executionId }, untilMs: null } });
  },
});
