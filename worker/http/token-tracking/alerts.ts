/** GET /api/token-tracking/alerts; POST /api/token-tracking/alerts/:id/read and /read-all */
import { createRoute, z } from '@hono/zod-openapi';
import { alertSchema, wordsOf, type Alert } from '../../domain/budget/alerts.ts';
import { namesOf } from '../../store/nouns.ts';
import { Refused } from '../errors.ts';
import { answers, idParam, newRoutes, optionalJsonBody, pageOf, pageQuery } from '../routes.ts';

const shape = alertSchema.openapi('Alert');
const path = '/api/token-tracking/alerts';

/** The object knows ids only; here its words get the names that people gave. */
async function withNames(db: D1Database, teamId: string, alerts: Alert[]): Promise<Alert[]> {
  const types = [...new Set(alerts.map(({ scope }) => scope.type))];
  const names = new Map<string, string>();
  for (const type of types) {
    const ids = alerts.flatMap(({ scope }) => (scope.type === type && scope.id ? [scope.id] : []));
    for (const [id, name] of await namesOf(db, teamId, { type, ids: [...new Set(ids)] }))
      names.set(`${type} ${id}`, name);
  }
  return alerts.map((alert) => ({
    ...alert,
    ...wordsOf(alert, names.get(`${alert.scope.type} ${alert.scope.id}`)),
  }));
}

export const alerts = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path,
      summary: 'What the team was told about its money; the history outlives its budgets',
      request: { query: pageQuery.extend({ budgetId: z.string().max(200).optional() }) },
      responses: answers(200, 'Newest first.', pageOf(shape).extend({ unread: z.int() })),
    }),
    async (c) => {
      const { limit, cursor, budgetId } = c.req.valid('query');
      const { teamId } = c.get('actor');
      const { env, team } = c.get('services');
      const [found, unread] = await Promise.all([
        team(teamId).listAlerts({ limit: limit + 1, before: cursor, budgetId }),
        team(teamId).unreadAlerts(),
      ]);
      const data = await withNames(env.DB, teamId, found.slice(0, limit));
      return c.json({ data, nextCursor: found.length > limit ? data.at(-1)!.id : null, unread }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: `${path}/{id}/read`,
      summary: 'Mark an alert as read, for the whole team; reading twice changes nothing',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'The alert.', shape),
    }),
    async (c) => {
      const { teamId } = c.get('actor');
      const { env, team } = c.get('services');
      const alert = await team(teamId).readAlert(c.req.valid('param').id);
      if (!alert) throw new Refused({ reason: 'not_found', message: 'There is no such alert.' });
      const [named] = await withNames(env.DB, teamId, [alert]);
      return c.json(named!, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: `${path}/read-all`,
      summary: 'Mark every alert as read, for the whole team',
      ...optionalJsonBody(z.strictObject({}), {}),
      responses: answers(200, 'How many were unread.', z.object({ read: z.int() })),
    }),
    async (c) => {
      const read = await c.get('services').team(c.get('actor').teamId).readAllAlerts();
      return c.json({ read }, 200);
    },
  );
