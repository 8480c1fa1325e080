/** The Worker without the web pages: what worker/index.ts and the tests in the Workers runtime both stand on. */
import { createApp } from './http/app.ts';
import { consume } from './queues/index.ts';
import { services } from './services.ts';

export { TeamBudget } from '../durable/team-budget.ts';
export { WorkflowRun } from '../durable/workflow-run.ts';

const app = createApp();

export default {
  fetch: (request, env, ctx) => app.fetch(request, env, ctx),
  queue: (batch, env) => consume(batch, services(env)),
} satisfies ExportedHandler<Env>;
