/** /api/teams/:id/members: who is in the team, and as what. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { changeMember, LAST_OWNER } from '../domain/access/membership.ts';
import type { Role } from '../domain/access/roles.ts';
import { audit } from '../store/audit.ts';
import { findMember, listMembers, ownersOf, removeMember, setMemberRole } from '../store/members.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { roleSchema } from './me.ts';
import { answers, idParam, jsonBody, newRoutes, pageOf, pageQuery, type AppEnv } from './routes.ts';

const memberSchema = z
  .object({
    id: z.string(),
    userId: z.string(),
    name: z.string(),
    email: z.string(),
    role: roleSchema,
    createdAt: z.string(),
  })
  .openapi('Member');
const memberParams = idParam.extend({ memberId: z.string().max(64) });

/** One member moves to another role, or out of the team when `to` is null. */
async function move(c: Context<AppEnv>, memberId: string, to: Role | null) {
  const services = c.get('services');
  const { teamId, role: by } = c.get('actor');
  const found = await findMember(services.db, teamId, memberId);
  if (!found) throw new Refused({ reason: 'not_found', message: 'There is no such member.' });
  const owners = await ownersOf(services.db, teamId);
  const allowed = changeMember({ by, from: found.role, to, owners });
  if (!allowed.ok) throw new Refused(allowed.error);
  // asked again in SQL: two last owners may step down at the same moment
  const done = to
    ? await setMemberRole(services.db, teamId, memberId, to)
    : await removeMember(services.db, teamId, memberId);
  if (!done) throw new Refused(LAST_OWNER);
  const { email, role } = found;
  await audit(services, {
    ...byCaller(c),
    action: to ? 'member.role' : 'member.remove',
    target: memberId,
    before: { email, role },
    after: to ? { email, role: to } : null,
  });
  return found;
}

export const members = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams/{id}/members',
      summary: "The team's members, the newest first",
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'A page of members.', pageOf(memberSchema)),
    }),
    async (c) =>
      c.json(await listMembers(c.get('services').db, c.get('actor').teamId, c.req.valid('query')), 200),
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/teams/{id}/members/{memberId}',
      summary: "Change a member's role",
      request: { params: memberParams, body: jsonBody(z.strictObject({ role: roleSchema })) },
      responses: answers(200, 'The member as it is now.', memberSchema),
    }),
    async (c) => {
      const { role } = c.req.valid('json');
      const found = await move(c, c.req.valid('param').memberId, role);
      return c.json({ ...found, role }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/teams/{id}/members/{memberId}',
      summary: 'Remove a member from the team',
      request: { params: memberParams },
      responses: { 204: { description: 'They are gone.' } },
    }),
    async (c) => {
      await move(c, c.req.valid('param').memberId, null);
      return c.body(null, 204);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/teams/{id}/leave',
      summary: 'Leave the team oneself',
      request: { params: idParam },
      responses: { 204: { description: 'The caller is no longer a member.' } },
    }),
    async (c) => {
      const { memberId } = c.get('actor');
      if (memberId === null)
        throw new Refused({ reason: 'forbidden', message: 'A key is no member. Delete the key instead.' });
      await move(c, memberId, null);
      return c.body(null, 204);
    },
  );
