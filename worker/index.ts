/** Front door: API, gateway and hooks to Hono, everything else to the SvelteKit pages. No logic. */
import pages from '../web/.svelte-kit/cloudflare/_worker.js';
import api from './api.ts';

export { TeamBudget, WorkflowRun } from './api.ts';

const API = /^\/(api|v1|v1beta|hooks)(\/|$)/;

export default {
  ...api,
  fetch(request, env, ctx) {
    if (API.test(new URL(request.url).pathname)) return api.fetch(request, env, ctx);
    const inProcess = { fetch: (inner: Parameters<typeof api.fetch>[0]) => api.fetch(inner, env, ctx) };
    return pages.fetch(request, { ...env, API: inProcess }, ctx);
  },
} satisfies ExportedHandler<Env>;
