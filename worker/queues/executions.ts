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
  const orders = await loadOrders({ db, files: env.FILES }, [...wanted.keys()]);
  await Promise.all(
    [...wanted].map(async ([id, messages]) => {
      try {
        const order = orders.get(id);
        // an archived run has ended: its object would begin anew
        if (order && !order.isArchived) await runObject(env, id).start(order);
        for (const message of messages) message.ack();
      } catch (error) {
        console.error(
          logLine({ level: 'error', at: 'queue executions', executionId: id, message: String(error) }),
        );
        for (const message of messages) message.retry({ delaySeconds: Math.min(60, 2 ** message.attempts) });
      }
    }),
  );
}
