/** Tells of runs whose end nobody has looked at yet (a lost message), and of those that go on for longer than expected. */
import type { Services } from '../services.ts';
import { enqueueDeliveries, type NoticeMessage } from '../store/notices.ts';
import { forgottenEnds, tellOfSlowRuns } from '../store/workflow-alerts.ts';

const AT_ONCE = 500;

export async function tellOfRuns(services: Services): Promise<void> {
  for (const endedRun of await forgottenEnds(services, AT_ONCE))
    await services.env.NOTICES.send({ endedRun } satisfies NoticeMessage);
  await enqueueDeliveries(services.env, await tellOfSlowRuns(services, AT_ONCE));
}
