/** Queue name -> who consumes it. Each consumer acknowledges or retries message by message. */
import type { Services } from '../services.ts';
import { consumeDead } from './dead.ts';
import { consumeExecutions } from './executions.ts';
import { consumeLedger } from './ledger.ts';
import { consumeNotices } from './notices.ts';

export type Consumer = (batch: MessageBatch<unknown>, services: Services) => Promise<void>;

export const CONSUMERS: Record<string, Consumer> = {
  executions: consumeExecutions,
  ledger: consumeLedger,
  notices: consumeNotices,
  'executions-dead': consumeDead,
  'ledger-dead': consumeDead,
  'notices-dead': consumeDead,
};

/** Hands a batch to its consumer; a queue without one is a mistake in wrangler.toml and is retried, never lost. */
export async function consume(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  const consumer = CONSUMERS[batch.queue];
  if (!consumer) throw new Error(`no consumer for the queue "${batch.queue}"`);
  await consumer(batch, services);
}
