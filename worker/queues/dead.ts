/** Queues of messages that failed to the end: each becomes a dead letter, which people see and can replay. The work itself is not lost: rows are the truth. */
import type { Services } from '../services.ts';
import { buryLetter } from '../store/dead-letters.ts';
import { logLine } from '../domain/log-line.ts';
import { queueSubject } from '../store/queue-messages.ts';

/** `executions-dead` holds what `executions` gave up. */
export const DEAD_SUFFIX = '-dead';

export async function consumeDead(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  const queue = batch.queue.slice(0, -DEAD_SUFFIX.length);
  for (const message of batch.messages) {
    try {
      const of = await queueSubject(services, message.body);
      await buryLetter(services, {
        ...of,
        kind: 'queue_message',
        subject: `${queue} ${of.subject}`,
        reason: 'gave_up',
        message: `The queue "${queue}" tried this message to the end without success.`,
        payload: { queue, body: message.body },
      });
      message.ack();
    } catch (error) {
      console.error(logLine({ level: 'error', at: `queue ${batch.queue}`, message: String(error) }));
      message.retry({ delaySeconds: Math.min(600, 2 ** message.attempts) });
    }
  }
}
