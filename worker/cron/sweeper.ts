/** Finds runs nobody looked after - a lost message, a lost alarm - and enqueues them again (engine.md rule 3). */
import type { Services } from '../services.ts';
import { enqueueExecutions } from '../store/execution-queue.ts';
import { lateExecutions } from '../store/executions.ts';

const AT_ONCE = 1_000;

export async function sweepExecutions({ env, db, now }: Services): Promise<number> {
  const late = await lateExecutions(db, now(), AT_ONCE);
  await enqueueExecutions(env, late);
  return late.length;
}
