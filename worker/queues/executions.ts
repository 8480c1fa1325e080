/** The queue that drives executions: ids only. The consumer hands each to its run's object and acks at once; the object does the work. */
import type { Services } from '../services.ts';
import { executionMessage } from '../store/execution-queue.ts';
import { loadOrders } from '../store/executions.ts';
import { runObject } from '../store/run-object.ts';
import { logLine } from '../domain/log-line.ts';

export async function consumeExecutions(batch: MessageBatch<unknown>, { env, db }: Services): Promise<void> {
  const wanted = new Map<string, Message<unknown>[]>();
  for (const message of batch.messages) {
    const parsed = executionMessage.safeParse(message.body);
    if (!parsed.success) {
      console.error(logLine({ level: 'error', at: 'queue executions', message: 'not a message of ours' }));
      message.ack();
      continue;
    }
    const same = wanted.get(parsed.data.executionId);
    if (same) same.push(message);
    else wanted.set(parsed.data.executionId, [message]);
  }
  if (wanted.size === 0) return;
  const failed = await handOver({ env, db }, [...wanted.keys()]);
  for (const [id, messages] of wanted)
    for (const message of messages)
      if (failed.has(id)) message.retry({ delaySeconds: Math.min(60, 2 ** message.attempts) });
      else message.ack();
}

/** Hands each execution to its run's object, where it begins or goes on. Answers those that could not be handed over. */
export async function handOver(
  { env, db }: Pick<Services, 'env' | 'db'>,
  ids: readonly string[],
): Promise<Set<string>> {
  const failed = new Set<string>();
  const orders = await loadOrders({ db, files: env.FILES }, ids);
  await Promise.all(
    ids.map(async (id) => {
      try {
        const order = orders.get(id);
        // an archived run has ended: its object would begin anew
        if (order && !order.isArchived) await runObject(env, id).start(order);
      } catch (error) {
        failed.add(id);
        const message = String(error);
        console.error(logLine({ level: 'error', at: 'queue executions', executionId: id, message }));
      }
    }),
  );
  return failed;
}
