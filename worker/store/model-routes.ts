/** A team's routes: names that its callers use as models (domain/routing/route.ts). */
import { and, asc, eq } from 'drizzle-orm';
import { recent } from '../domain/recent.ts';
import type { Route } from '../domain/routing/route.ts';
import type { CoreServices, Db } from '../services.ts';
import { audit, type AuditEntry } from './audit.ts';
import { modelRoute } from './schema.ts';

/** By team. Other isolates see a change after this long. */
const known = recent<readonly RouteRow[]>({ forMs: 5_000, size: 500 });

export type RouteRow = typeof modelRoute.$inferSelect;
type Store = Pick<CoreServices, 'db' | 'now' | 'newId'>;
type By = Pick<AuditEntry, 'teamId' | 'actor' | 'ip'>;

/** Every route of the team by name. */
export const listRoutes = (db: Db, teamId: string): Promise<RouteRow[]> =>
  db.query.modelRoute.findMany({
    where: eq(modelRoute.teamId, teamId),
    orderBy: [asc(modelRoute.name)],
  });

/** The same for callers: a few seconds old at most. */
export const routesOf = (
  { db, now }: Pick<CoreServices, 'db' | 'now'>,
  teamId: string,
): Promise<readonly RouteRow[]> => known.get(teamId, now, () => listRoutes(db, teamId));

/** The model that stands first behind a name, for those who look at one model only (estimates, counting); the name itself when it is no route. */
export async function firstModelOf(
  services: Pick<CoreServices, 'db' | 'now'>,
  teamId: string,
  name: string,
): Promise<string> {
  const route = (await routesOf(services, teamId)).find((candidate) => candidate.name === name);
  return route?.targets[0]?.model ?? name;
}

export const findRoute = (db: Db, teamId: string, id: string) =>
  db.query.modelRoute.findFirst({ where: and(eq(modelRoute.teamId, teamId), eq(modelRoute.id, id)) });

/** What is told of a change in the audit log. */
const told = ({ name, strategy, targets, retry }: Route) => ({ name, strategy, targets, retry });

/** Stores a new route together with its audit row; null when the team has one of that name. */
export async function insertRoute(store: Store, by: By, route: Route): Promise<RouteRow | null> {
  const { db, now, newId } = store;
  const at = new Date(now()).toISOString();
  const row: RouteRow = { ...route, id: newId('route'), teamId: by.teamId, createdAt: at, updatedAt: at };
  const entry = audit(store, { ...by, action: 'route.create', target: row.id, after: told(row) });
  return (await written(() => db.batch([db.insert(modelRoute).values(row), entry]), by.teamId)) ? row : null;
}

/** Changes a route together with its audit row; null when another one has its new name. */
export async function changeRoute(
  store: Store,
  by: By,
  { before, after }: { before: RouteRow; after: Route },
): Promise<RouteRow | null> {
  const { db, now } = store;
  const row: RouteRow = { ...before, ...after, updatedAt: new Date(now()).toISOString() };
  const { id: _, teamId: __, createdAt: ___, ...changed } = row;
  const change = db.update(modelRoute).set(changed).where(eq(modelRoute.id, before.id));
  const entry = audit(store, {
    ...by,
    action: 'route.update',
    target: before.id,
    before: told(before),
    after: told(row),
  });
  return (await written(() => db.batch([change, entry]), by.teamId)) ? row : null;
}

export async function deleteRoute(store: Store, by: By, before: RouteRow): Promise<void> {
  const { db } = store;
  await db.batch([
    db.delete(modelRoute).where(eq(modelRoute.id, before.id)),
    audit(store, { ...by, action: 'route.delete', target: before.id, before: told(before) }),
  ]);
  known.forget(by.teamId);
}

/** False when the name is taken; anything else that fails throws. */
async function written(write: () => Promise<unknown>, teamId: string): Promise<boolean> {
  try {
    await write();
    return true;
  } catch (error) {
    if (/UNIQUE constraint failed: model_route/.test(`${error} ${(error as Error).cause}`)) return false;
    throw error;
  } finally {
    known.forget(teamId);
  }
}
