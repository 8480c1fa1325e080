/**
 * Finds runs nobody looked after - a lost message, a lost alarm - and hands them to their objects itself (engine.md rule 3): what the queue did not
 * bring once, it may not bring again.
 */
import type { Services } from '../services.ts';
import { handOver } from '../queues/executions.ts';
import { enqueueExecutions } from '../store/execution-queue.ts';
import { cancelRun, orphans } from '../store/called-runs.ts';
import { grantSlots, workflowsWithLines } from '../store/slots.ts';
import { lateExecutions, unendedExecutions } from '../store/executions.ts';

const AT_ONCE = 1_000;
/** A minute's worth: an invocation may ask a thousand times, and the oldest come first. */
const MOST_LATE = 500;
const HANDED_OVER = 50;
/** After a start there is nothing else to do. */
const MANY = 20_000;

export async function sweepExecutions(
  { env, db, now }: Services,
  { afterStart = false } = {},
): Promise<number> {
  if (afterStart) {
    const unended = await unendedExecutions(db, now(), MANY);
    await enqueueExecutions(env, unended);
    return unended.length;
  }
  const late = await lateExecutions(db, now(), MOST_LATE);
  for (let from = 0; from < late.length; from += HANDED_OVER)
    await handOver({ env, db }, late.slice(from, from + HANDED_OVER));
  return late.length;
}

/** Slots whose run is gone are given to others, should nobody have done it when they became free. */
export async function sweepLines({ env, db, now }: Services): Promise<number> {
  const workflows = await workflowsWithLines(db, now(), AT_ONCE);
  for (const id of workflows) await grantSlots(env, id, now());
  return workflows.length;
}

/** Runs whose caller ended without them: nobody waits for what they would give. */
export async function sweepOrphans(services: Services): Promise<number> {
  const left = await orphans(services, AT_ONCE);
  for (const id of left) await cancelRun(services, id);
  return left.length;
}
