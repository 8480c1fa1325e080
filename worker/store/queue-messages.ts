/** Messages of every queue hold ids only: whose they are and what they are about is looked up; and how one is sent again. */
import { z } from 'zod';
import type { CoreServices } from '../services.ts';
import { executionMessage } from './execution-queue.ts';

export const QUEUES = ['executions', 'ledger', 'notices'] as const;
export type QueueName = (typeof QUEUES)[number];

const anyMessage = z.union([
  executionMessage,
  z.object({ teamId: z.string().min(1) }),
  z.object({ deliveryId: z.string().min(1) }),
  z.object({ endedRun: z.string().min(1) }),
]);

export interface QueueSubject {
  /** null = not a message of ours, or of nobody any more */
  teamId: string | null;
  workflowId: string | null;
  subject: string;
}

export async function queueSubject({ env }: Pick<CoreServices, 'env'>, body: unknown): Promise<QueueSubject> {
  const parsed = anyMessage.safeParse(body);
  if (!parsed.success)
    return { teamId: null, workflowId: null, subject: (JSON.stringify(body) ?? 'nothing').slice(0, 200) };
  const message = parsed.data;
  if ('teamId' in message) return { teamId: message.teamId, workflowId: null, subject: message.teamId };
  if ('deliveryId' in message) {
    const row = await env.DB.prepare('SELECT team_id AS teamId FROM delivery WHERE id = ?')
      .bind(message.deliveryId)
      .first<{ teamId: string }>();
    return { teamId: row?.teamId ?? null, workflowId: null, subject: message.deliveryId };
  }
  const id = 'executionId' in message ? message.executionId : message.endedRun;
  const row = await env.DB.prepare(
    'SELECT team_id AS teamId, workflow_id AS workflowId FROM execution WHERE id = ?',
  )
    .bind(id)
    .first<{ teamId: string; workflowId: string }>();
  return { teamId: row?.teamId ?? null, workflowId: row?.workflowId ?? null, subject: id };
}

/** Sends a message again that its queue gave up. */
export async function sendAgain(
  { env }: Pick<CoreServices, 'env'>,
  { queue, body }: { queue: QueueName; body: unknown },
): Promise<void> {
  const queues: Record<QueueName, Queue> = {
    executions: env.EXECUTIONS,
    ledger: env.LEDGER,
    notices: env.NOTICES,
  };
  await queues[queue].send(body);
}
