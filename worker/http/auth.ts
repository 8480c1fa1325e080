/** Who is calling, in which team, and does the table in access.ts let them? 401 before 404 before 403 before validation. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { may } from '../domain/access/roles.ts';
import { rememberTeam } from '../store/teams.ts';
import { ACCESS } from './access.ts';
import { callerOf } from './caller.ts';
import { Refused } from './errors.ts';
import { holdToLimits } from './key-limits.ts';
import type { Actor, AppEnv, Caller } from './routes.ts';

export const authenticate = createMiddleware<AppEnv>(async function authenticate(c, next) {
  const route = matchedRoutes(c).find((candidate) => candidate.method !== 'ALL');
  if (!route) return next();
  const access = ACCESS[`${route.method} ${route.path}`];
  if (!access) throw new Error(`no permission stated for ${route.method} ${route.path}`);
  if (access === 'public') return next();
  const caller = await callerOf(c);
  c.set('caller', caller);
  if (caller.kind === 'key') await holdToLimits(c, `${route.method} ${route.path}`);
  const wanted = wantedTeam(c, route.path);
  const actor = actorIn(caller, wanted);
  if (actor) {
    c.set('actor', actor);
    if (caller.kind === 'user' && wanted !== undefined && wanted !== caller.lastTeamId)
      c.executionCtx.waitUntil(rememberTeam(c.get('services').db, caller.sessionId, actor.teamId));
  }
  if (access === 'signed-in') return next();
  if (!actor)
    throw new Refused({
      reason: 'forbidden',
      message: 'You are in no team. Make one, or ask for an invitation.',
    });
  if (!may(actor.role, access)) {
    throw new Refused({
      reason: 'forbidden',
      message: `This needs the permission "${access}", which the role "${actor.role}" does not have.`,
    });
  }
  await next();
});

/** The team a request names: in its path, else in X-Team-Id; a WebSocket and a download link cannot set headers: ?team. */
function wantedTeam(c: Context<AppEnv>, routePath: string): string | undefined {
  if (/^\/api\/teams\/:id(\/|$)/.test(routePath)) return c.req.path.split('/')[3];
  const headerless =
    c.req.header('upgrade')?.toLowerCase() === 'websocket' || routePath === '/api/outputs/export';
  return c.req.header('x-team-id') ?? (headerless ? c.req.query('team') : undefined);
}

/** The caller's place in the wanted team (default: the one used last, else the first joined). Another's team is 404. */
function actorIn(caller: Caller, wanted: string | undefined): Actor | null {
  const unknownTeam = () => new Refused({ reason: 'not_found', message: 'There is no such team.' });
  if (caller.kind === 'key') {
    const { key } = caller;
    if (wanted !== undefined && wanted !== key.teamId) throw unknownTeam();
    return {
      teamId: key.teamId,
      role: key.role,
      userId: key.createdBy,
      memberId: null,
      keyId: key.id,
      keyTags: key.tags,
      groupIds: key.groupId === null ? [] : [key.groupId],
    };
  }
  const { memberships, lastTeamId, user } = caller;
  const place =
    wanted !== undefined
      ? memberships.find((membership) => membership.teamId === wanted)
      : (memberships.find((membership) => membership.teamId === lastTeamId) ?? memberships[0]);
  if (!place && wanted !== undefined) throw unknownTeam();
  if (!place) return null;
  return {
    teamId: place.teamId,
    role: place.role,
    userId: user.id,
    memberId: place.memberId,
    keyId: null,
    keyTags: [],
    groupIds: place.groupIds,
  };
}
