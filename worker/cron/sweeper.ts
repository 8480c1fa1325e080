/** Finds runs nobody looked after - a lost message, a lost alarm - and enqueues them again (engine.md rule 3). */
import type { Services } from '../services.ts';
import { enqueueExecutions } from '../store/execution-queue.ts';
import { cancelRun, orphans } from '../store/called-runs.ts';
import { grantSlots, workflowsWithLines } from '../store/slots.ts';
import { lateExecutions, unendedExecutions } from '../store/executions.ts';

const AT_ONCE = 1_000;
/** After a start there is nothing else to do. */
const MANY = 20_000;

export async function sweepExecutions(
  { env, db, now }: Services,
  { afterStart = false } = {},
): Promise<number> {
  const late = afterStart
    ? await unendedExecutions(db, now(), MANY)
    : await lateExecutions(db, now(), AT_ONCE);
  await enqueueExecutions(env, late);
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
