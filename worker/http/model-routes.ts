/** /api/routes: names that a team's callers use as models, and the models behind them. */
import { createRoute, z } from '@hono/zod-openapi';
import { resolveModel } from '../domain/call/resolve-model.ts';
import type { Issue } from '../domain/refusal.ts';
import {
  retrySchema,
  routeChangeSchema,
  routeSchema,
  STRATEGIES,
  targetSchema,
  type Route,
} from '../domain/routing/route.ts';
import type { Services } from '../services.ts';
import { connectionsOf } from '../store/connections.ts';
import {
  changeRoute,
  deleteRoute,
  findRoute,
  insertRoute,
  listRoutes,
  type RouteRow,
} from '../store/model-routes.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, idParam, issuesOf, jsonBody, newRoutes, pageOf } from './routes.ts';

const MAX_ROUTES = 100;

const shownSchema = z
  .object({
    id: z.string(),
    /** what callers send as model; it wins over a provider's model of the same name */
    name: z.string(),
    strategy: z.enum(STRATEGIES),
    targets: z.array(
      targetSchema.extend({
        /** as the server that answers sees it now: a target that failed lately is asked last */
        breaker: z.enum(['closed', 'open', 'half_open']),
      }),
    ),
    retry: retrySchema,
    createdAt: z.string(),
    updatedAt: z.string(),
  })
  .openapi('ModelRoute');

const invalid = (issues: Issue[]) => new Refused({ reason: 'invalid', issues });
const noRoute = () => new Refused({ reason: 'not_found', message: 'There is no such route.' });
const taken = () => invalid([{ path: 'name', message: 'another route has this name' }]);

/** Refuses targets that lead nowhere, naming each. Targets are models of providers: that another route has such a name helps nothing. */
async function checkTargets(services: Services, teamId: string, { targets }: Route): Promise<void> {
  const connections = await connectionsOf(services, teamId);
  const issues = targets.flatMap(({ model, connection }, index): Issue[] => {
    const ways = connections.filter(({ id }) => connection === undefined || id === connection);
    if (ways.length === 0)
      return [{ path: `targets.${index}.connection`, message: 'there is no such connection in this team' }];
    if (resolveModel(model, ways, services.prices)) return [];
    const whose = connection === undefined ? 'any of the providers of this team' : 'this connection';
    return [
      {
        path: `targets.${index}.model`,
        message: `is not a model of ${whose} (a route cannot lead to another route)`,
      },
    ];
  });
  if (issues.length > 0) throw invalid(issues);
}

async function shown(
  { breakers, placeOf, now }: Services,
  { teamId, ...row }: RouteRow,
): Promise<z.infer<typeof shownSchema>> {
  const targets = await Promise.all(
    row.targets.map(async (target) => {
      const { model, connection } = target;
      const place = await placeOf({ teamId, model, ...(connection === undefined ? {} : { connection }) });
      return {
        ...target,
        breaker: place === null ? ('closed' as const) : breakers.standing(teamId, place, now()),
      };
    }),
  );
  return { ...row, targets };
}

export const modelRoutes = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/routes',
      summary: 'Routes: names for models, with fallbacks or weights behind them',
      responses: answers(200, 'By name.', pageOf(shownSchema)),
    }),
    async (c) => {
      const services = c.get('services');
      const rows = await listRoutes(services.db, c.get('actor').teamId);
      return c.json(
        { data: await Promise.all(rows.map((row) => shown(services, row))), nextCursor: null },
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/routes',
      summary: 'Define a route',
      description:
        'Callers use its name as a model. `fallback`: targets are asked in order. `weighted`: the first is drawn by weight, the others follow in order. A target is tried up to `retry.maxAttempts` times, after random waits that double from `baseMs` to `maxMs` and never before a `Retry-After` (of at most 20 s; for a longer one the next target is asked at once). Every attempt is reserved and booked by itself. The name wins over a model of that name, which may itself be a target.',
      middleware: [idempotent] as const,
      request: { body: jsonBody(routeSchema) },
      responses: answers(201, 'The route. It works everywhere within 5 seconds.', shownSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const route = c.req.valid('json');
      await checkTargets(services, teamId, route);
      if ((await listRoutes(services.db, teamId)).length >= MAX_ROUTES)
        throw new Refused({
          reason: 'conflict',
          message: `A team has at most ${MAX_ROUTES} routes. Delete one first.`,
        });
      const row = await insertRoute(services, byCaller(c), route);
      if (!row) throw taken();
      return c.json(await shown(services, row), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/routes/{id}',
      summary: 'Change a route',
      request: { params: idParam, body: jsonBody(routeChangeSchema) },
      responses: answers(200, 'The route as it is now. It works everywhere within 5 seconds.', shownSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const before = await findRoute(services.db, teamId, c.req.valid('param').id);
      if (!before) throw noRoute();
      const { name, strategy, targets, retry } = before;
      const after = routeSchema.safeParse({ name, strategy, targets, retry, ...c.req.valid('json') });
      if (!after.success) throw invalid(issuesOf(after.error));
      await checkTargets(services, teamId, after.data);
      const row = await changeRoute(services, byCaller(c), { before, after: after.data });
      if (!row) throw taken();
      return c.json(await shown(services, row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/routes/{id}',
      summary: 'Delete a route',
      description: 'Its name means a model of a provider again, or nothing, within 5 seconds.',
      request: { params: idParam },
      responses: { 204: { description: 'It is gone.' } },
    }),
    async (c) => {
      const services = c.get('services');
      const found = await findRoute(services.db, c.get('actor').teamId, c.req.valid('param').id);
      if (!found) throw noRoute();
      await deleteRoute(services, byCaller(c), found);
      return c.body(null, 204);
    },
  );
