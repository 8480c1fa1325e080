/** /api/guardrails: what the team forbids its calls. */
import { createRoute } from '@hono/zod-openapi';
import { guardrailsSchema } from '../domain/guard/guardrails.ts';
import { audit } from '../store/audit.ts';
import { findGuardrails, forgetGuardrails, saveGuardrails } from '../store/guardrails.ts';
import { byCaller } from './audited.ts';
import { answers, jsonBody, newRoutes } from './routes.ts';

const rulesSchema = guardrailsSchema.openapi('Guardrails');

export const guardrailRoutes = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/guardrails',
      summary: "The team's guardrails",
      responses: answers(200, 'The rules; a team that set none forbids nothing.', rulesSchema),
    }),
    async (c) => c.json(await findGuardrails(c.get('services').db, c.get('actor').teamId), 200),
  )
  .openapi(
    createRoute({
      method: 'put',
      path: '/api/guardrails',
      summary: "Set the team's guardrails",
      description:
        'They hold for every paid call of the team (gateway, prompt runs, workflow steps) within 3 seconds: a call that breaks one is refused with 403 `guardrail_blocked` before anything is held or sent. Models are named as callers, providers or `provider/model` name them, with `*`. Blocked patterns are plain text with `*` for any characters of the same line, looked for in every text of the request.',
      request: { body: jsonBody(rulesSchema) },
      responses: answers(200, 'The rules as they are now.', rulesSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const after = c.req.valid('json');
      const before = await findGuardrails(services.db, teamId);
      await services.db.batch([
        saveGuardrails(services, teamId, after),
        audit(services, { ...byCaller(c), action: 'guardrails.set', target: teamId, before, after }),
      ]);
      forgetGuardrails(teamId);
      return c.json(after, 200);
    },
  );
