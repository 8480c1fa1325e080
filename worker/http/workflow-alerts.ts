/** /api/workflows/:id/alerts: what the team is told of a workflow's runs, through the channels it has. */
import { createRoute, z } from '@hono/zod-openapi';
import { audit } from '../store/audit.ts';
import { alertsOfWorkflow, setWorkflowAlerts } from '../store/workflow-alerts.ts';
import { findWorkflow } from '../store/workflows.ts';
import { byCaller } from './audited.ts';
import { answers, idParam, jsonBody, newRoutes } from './routes.ts';
import { noWorkflow } from './workflows.ts';

const settingsSchema = z.strictObject({
  onFailure: z
    .boolean()
    .openapi({ description: 'a run failed, or needs a person to say what became of a step' }),
  slowMs: z
    .int()
    .min(1)
    .max(30 * 86_400_000)
    .nullable()
    .openapi({
      description: 'a run takes longer than this; told while it still goes, once per run. null = not told',
    }),
  costPercent: z.int().min(110).max(10_000).nullable().openapi({
    description:
      'a run cost more than so many percent of the usual: the median of the last 50 completed ones, once there are 10. null = not told',
  }),
});

const path = '/api/workflows/{id}/alerts';

export const workflowAlerts = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path,
      summary: 'What is told of its runs',
      request: { params: idParam },
      responses: answers(200, 'The settings; nothing is told unless it was asked for.', settingsSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db } = c.get('services');
      const { teamId } = c.get('actor');
      if (!(await findWorkflow(db, teamId, id))) throw noWorkflow(id);
      return c.json(await alertsOfWorkflow(db, teamId, id), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'put',
      path,
      summary: 'Say what is to be told of its runs',
      request: { params: idParam, body: jsonBody(settingsSchema) },
      responses: answers(200, 'The settings.', settingsSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const settings = c.req.valid('json');
      const services = c.get('services');
      const { teamId } = c.get('actor');
      if (!(await findWorkflow(services.db, teamId, id))) throw noWorkflow(id);
      const before = await alertsOfWorkflow(services.db, teamId, id);
      await setWorkflowAlerts(services, { teamId, workflowId: id }, settings);
      await audit(services, {
        ...byCaller(c),
        action: 'workflow.alerts',
        target: id,
        before,
        after: settings,
      });
      return c.json(settings, 200);
    },
  );
