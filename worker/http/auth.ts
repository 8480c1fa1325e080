/** Who is calling? A team API key or a session cookie; then the table in access.ts decides whether they may. */
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { may } from '../domain/access/roles.ts';
import { ACCESS } from './access.ts';
import { Refused } from './errors.ts';
import type { Actor, AppEnv } from './routes.ts';

export const authenticate = createMiddleware<AppEnv>(async function authenticate(c, next) {
  const route = matchedRoutes(c).findLast((candidate) => candidate.method !== 'ALL');
  if (!route) return next();
  const access = ACCESS[`${route.method} ${route.path}`];
  if (!access) throw new Error(`no permission stated for ${route.method} ${route.path}`);
  if (access === 'public') return next();
  const actor: Actor | null = null as Actor | null;
  if (!actor) throw new Refused({ reason: 'unauthenticated' });
  if (access !== 'signed-in' && !may(actor.role, access)) {
    throw new Refused({
      reason: 'forbidden',
      message: `This needs the permission "${access}", which the role "${actor.role}" does not have.`,
    });
  }
  c.set('actor', actor);
  await next();
});
