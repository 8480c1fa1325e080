/** The Worker without the web pages: what worker/index.ts and the tests in the Workers runtime both stand on. */
import { workflowRun } from '../durable/workflow-run.ts';
import { AFTER_START, everyMinute } from './cron/index.ts';
import { createApp } from './http/app.ts';
import { consume } from './queues/index.ts';
import { runDeps } from './run-deps.ts';
import { services } from './services.ts';

export { TeamBudget } from '../durable/team-budget.ts';
export const WorkflowRun = workflowRun((env) => runDeps(services(env)));
export type WorkflowRun = InstanceType<typeof WorkflowRun>;

const app = createApp();

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  queue: (batch, env) => consume(batch, services(env)),
  scheduled: ({ cron }, env, ctx) =>
    ctx.waitUntil(everyMinute(services(env), { afterStart: cron === AFTER_START })),
} satisfies ExportedHandler<Env>;
