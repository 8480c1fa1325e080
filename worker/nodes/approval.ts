/** Asks a person. The run waits, without a slot, until POST /api/executions/:id/approvals/:nodeId or its time is over. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';
import { LONGEST_WAIT_MS } from '../domain/workflow/run-time.ts';

export const approval = defineNode({
  kind: 'approval',
  label: 'Approval',
  description: 'Waits for a person to approve or reject, then goes on that way with its input.',
  category: 'logic',
  icon: 'user-check',
  configSchema: z.strictObject({
    /** what the person is asked */
    message: z.string().trim().min(1).max(10_000),
    /** after this long it goes on at "expired"; absent = as long as a run may wait */
    timeoutMs: z.int().min(1).max(LONGEST_WAIT_MS).optional(),
  }),
  defaultConfig: { message: 'Shall this go on?' },
  expressionFields: [],
  handles: ['approved', 'rejected', 'expired'],
  execution: 'wait',
  idempotent: true,
  paid: false,
  async run({ message, timeoutMs = LONGEST_WAIT_MS }, { input, nowMs }) {
    return ok({ output: input, wait: { for: { for: 'approval', message }, untilMs: nowMs + timeoutMs } });
  },
});
