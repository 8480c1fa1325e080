import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { workflowNode, type CallWorkflowDeps } from './workflow.ts';

nodeContract(workflowNode, { workflowId: 'wf_1', input: { a: 1 } });

const asked: object[] = [];
const deps: CallWorkflowDeps = {
  async callWorkflow(_, call) {
    asked.push(call);
    return call.workflowId === 'wf_1'
      ? ok({ executionId: 'exec_2' })
      : err({ reason: 'refused', message: 'no such workflow', field: 'workflowId' });
  },
};

describe('workflow', () => {
  it('begins the other workflow with its own input, or with what comes in, and waits for it', async () => {
    const wait = { for: { for: 'workflow', executionId: 'exec_2' }, untilMs: null };
    const context = nodeContext({ deps, input: 'in' });
    expect(await workflowNode.run({ workflowId: 'wf_1' }, context)).toEqual(ok({ output: null, wait }));
    await workflowNode.run({ workflowId: 'wf_1', input: { a: 1 } }, context);
    expect(asked.splice(0)).toEqual([
      { workflowId: 'wf_1', input: 'in' },
      { workflowId: 'wf_1', input: { a: 1 } },
    ]);
  });

  it('fails when the other one cannot begin, or when too many call each other', async () => {
    expect(await workflowNode.run({ workflowId: 'wf_2' }, nodeContext({ deps }))).toMatchObject({
      error: { field: 'workflowId' },
    });
    asked.length = 0;
    expect(await workflowNode.run({ workflowId: 'wf_1' }, nodeContext({ deps, depth: 5 }))).toMatchObject({
      error: { reason: 'refused', field: 'workflowId' },
    });
    expect(asked).toEqual([]);
  });

  it('names its workflow in so many words', () =>
    expect(workflowNode.configSchema.safeParse({ workflowId: '{{ trigger.id }}' }).success).toBe(false));
});
