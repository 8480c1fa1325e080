/** GET /api/integrations/:id/dependents: what uses a connection, so that nobody takes it away without knowing. */
import { createRoute, z } from '@hono/zod-openapi';
import { chainOf, type Wanted } from '../domain/routing/chain.ts';
import { fateWithout, worstFate, type Fate } from '../domain/routing/without-connection.ts';
import type { Services } from '../services.ts';
import { connectionsOf, type LiveConnection } from '../store/connections.ts';
import { listRoutes } from '../store/model-routes.ts';
import { modelUses } from '../store/model-users.ts';
import { Refused } from './errors.ts';
import { answers, idParam, newRoutes, pageOf } from './routes.ts';

const KINDS = ['route', 'prompt', 'workflow'] as const;
const MOST_SHOWN = 200;

const dependentSchema = z
  .object({
    kind: z.enum(KINDS),
    id: z.string(),
    name: z.string(),
    /** where its calls go without the connection; null = they are refused */
    continuesWith: z.object({ model: z.string(), provider: z.string(), connection: z.string() }).nullable(),
  })
  .openapi('ConnectionDependent');
type Dependent = z.infer<typeof dependentSchema>;
type Thing = Pick<Dependent, 'kind' | 'id' | 'name'>;

export const connectionDependents = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/integrations/{id}/dependents',
    summary: 'What uses a connection?',
    description: `Routes, prompts (newest and labelled versions) and workflows (drafts and published versions) whose calls go there now, or would as a fallback, and what becomes of them without it. Those that would be refused come first; at most ${MOST_SHOWN} are listed. Callers that name a model in their own code are not known here.`,
    request: { params: idParam },
    responses: answers(
      200,
      'What depends on it; `total` counts all.',
      pageOf(dependentSchema).extend({ total: z.int() }),
    ),
  }),
  async (c) => {
    const services = c.get('services');
    const { teamId } = c.get('actor');
    const { id } = c.req.valid('param');
    const connections = await connectionsOf(services, teamId);
    if (!connections.some((connection) => connection.id === id && !connection.trusted))
      throw new Refused({ reason: 'not_found', message: `The team has no connection "${id}".` });
    const found = await dependentsOf(services, { teamId, leaving: id, connections });
    return c.json({ data: found.slice(0, MOST_SHOWN), nextCursor: null, total: found.length }, 200);
  },
);

async function dependentsOf(
  services: Services,
  { teamId, leaving, connections }: { teamId: string; leaving: string; connections: LiveConnection[] },
): Promise<Dependent[]> {
  const [routes, uses] = await Promise.all([listRoutes(services.db, teamId), modelUses(services.db, teamId)]);
  const fateOf = (wanted: Pick<Wanted, 'model' | 'fallback'>, format?: 'openai_chat') =>
    fateWithout(chainOf({ ...wanted, executionType: 'prompt' }, routes, 0), {
      leaving,
      connections,
      lead: ({ model, connection }, among) =>
        services.wayAmong(among, {
          model,
          ...(connection === null ? {} : { connection }),
          ...(format === undefined ? {} : { format }),
        }),
    });
  const calls = [
    ...routes.map(({ id, name }) => ({
      thing: { kind: 'route' as const, id, name },
      fate: fateOf({ model: name, fallback: [] }),
    })),
    ...uses.map(({ kind, id, name, ...wanted }) => ({
      thing: { kind, id, name },
      fate: fateOf(wanted, 'openai_chat'),
    })),
  ];
  return [...Map.groupBy(calls, ({ thing }) => thing.id).values()]
    .flatMap((its) => shown(its[0]!.thing, worstFate(its.map(({ fate }) => fate))))
    .sort(inOrder);
}

function shown(thing: Thing, fate: Fate<LiveConnection>): Dependent[] {
  if (fate === 'untouched') return [];
  if (fate === 'refused') return [{ ...thing, continuesWith: null }];
  const { provider, name } = fate.connection;
  return [{ ...thing, continuesWith: { model: fate.model, provider, connection: name } }];
}

const inOrder = (a: Dependent, b: Dependent): number =>
  Number(a.continuesWith !== null) - Number(b.continuesWith !== null) ||
  KINDS.indexOf(a.kind) - KINDS.indexOf(b.kind) ||
  a.name.localeCompare(b.name);
