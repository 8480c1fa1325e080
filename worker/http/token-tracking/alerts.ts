/** GET /api/token-tracking/alerts */
import { createRoute, z } from '@hono/zod-openapi';
import { alertSchema } from '../../domain/budget/alerts.ts';
import { answers, newRoutes, pageOf, pageQuery } from '../routes.ts';

export const alerts = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/token-tracking/alerts',
    summary: 'Thresholds that budgets reached; the history outlives its budget',
    request: { query: pageQuery.extend({ budgetId: z.string().max(200).optional() }) },
    responses: answers(200, 'Newest first.', pageOf(alertSchema.openapi('Alert'))),
  }),
  async (c) => {
    const { limit, cursor, budgetId } = c.req.valid('query');
    const team = c.get('services').team(c.get('actor').teamId);
    const found = await team.listAlerts({ limit: limit + 1, before: cursor, budgetId });
    const data = found.slice(0, limit);
    return c.json({ data, nextCursor: found.length > limit ? data.at(-1)!.id : null }, 200);
  },
);
