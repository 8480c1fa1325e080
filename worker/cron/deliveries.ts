/** Finds deliveries that are due while nobody is at them: a lost message, a long wait that is over, a sender that died. */
import type { Services } from '../services.ts';
import { dueDeliveries } from '../store/deliveries.ts';
import { enqueueDeliveries } from '../store/notices.ts';

const AT_ONCE = 500;

export async function sweepDeliveries(services: Services): Promise<void> {
  await enqueueDeliveries(services.env, await dueDeliveries(services, AT_ONCE));
}
