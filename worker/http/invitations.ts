/** /api/teams/:id/invitations and /api/invitations: how a person comes into a team. Sending the link by e-mail is not here. */
import { createRoute, z } from '@hono/zod-openapi';
import { grantRole } from '../domain/access/membership.ts';
import type { Services } from '../services.ts';
import { audit } from '../store/audit.ts';
import {
  acceptInvitation,
  cancelInvitation,
  findByToken,
  findInvitation,
  insertInvitation,
  INVITATION_TTL_MS,
  invitationToken,
  isMember,
  listInvitations,
  type Invitation,
} from '../store/invitations.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { roleSchema } from './me.ts';
import { answers, idParam, jsonBody, newRoutes, pageOf, pageQuery } from './routes.ts';

const invitationSchema = z
  .object({
    id: z.string(),
    email: z.string(),
    role: roleSchema,
    status: z.enum(['pending', 'accepted', 'cancelled', 'expired']),
    expiresAt: z.string(),
    createdAt: z.string(),
    inviterId: z.string(),
    /** for the accept link, as long as it can be used */
    token: z.string().nullable(),
  })
  .openapi('Invitation');
const tokenText = z.string().max(200);

const shown = (services: Services, { teamId: _, ...invitation }: Invitation) => ({
  ...invitation,
  token: invitation.status === 'pending' ? invitationToken(services, invitation.id) : null,
});
const unknown = () => new Refused({ reason: 'not_found', message: 'There is no such invitation.' });

export const invitations = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams/{id}/invitations',
      summary: "The team's invitations, newest first",
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'A page of invitations.', pageOf(invitationSchema)),
    }),
    async (c) => {
      const services = c.get('services');
      const page = await listInvitations(services, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map((invitation) => shown(services, invitation)) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/teams/{id}/invitations',
      summary: 'Invite somebody to the team',
      description: 'An open invitation to the same address is replaced. It can be used for 72 hours.',
      request: {
        params: idParam,
        body: jsonBody(z.strictObject({ email: z.email().max(254).toLowerCase(), role: roleSchema })),
      },
      responses: answers(201, 'The invitation with the token of its accept link.', invitationSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId, userId, role: by } = c.get('actor');
      const { email, role } = c.req.valid('json');
      const granted = grantRole(by, role);
      if (!granted.ok) throw new Refused(granted.error);
      if (userId === null)
        throw new Refused({ reason: 'forbidden', message: 'This key belongs to nobody: sign in to invite.' });
      if (await isMember(services.db, teamId, email))
        throw new Refused({ reason: 'conflict', message: `${email} is in the team already.` });
      const nowMs = services.now();
      const invitation: Invitation = {
        id: services.newId('invitation'),
        teamId,
        email,
        role,
        status: 'pending',
        expiresAt: new Date(nowMs + INVITATION_TTL_MS).toISOString(),
        createdAt: new Date(nowMs).toISOString(),
        inviterId: userId,
      };
      await services.db.batch([
        ...insertInvitation(services.db, invitation),
        audit(services, {
          ...byCaller(c),
          action: 'invitation.create',
          target: invitation.id,
          after: { email, role },
        }),
      ]);
      return c.json(shown(services, invitation), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/teams/{id}/invitations/{invitationId}',
      summary: 'Cancel an invitation',
      request: { params: idParam.extend({ invitationId: z.string().max(100) }) },
      responses: { 204: { description: 'Its link no longer works.' } },
    }),
    async (c) => {
      const services = c.get('services');
      const found = await findInvitation(services, c.get('actor').teamId, c.req.valid('param').invitationId);
      if (!found) throw unknown();
      if (found.status === 'accepted')
        throw new Refused({
          reason: 'conflict',
          message: 'It was accepted already. Remove the member instead.',
        });
      const { email, role } = found;
      await services.db.batch([
        cancelInvitation(services.db, found.id),
        audit(services, {
          ...byCaller(c),
          action: 'invitation.cancel',
          target: found.id,
          before: { email, role },
        }),
      ]);
      return c.body(null, 204);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/invitations/{token}',
      summary: 'What an accept link is for',
      request: { params: z.object({ token: tokenText }) },
      responses: answers(
        200,
        'Whom it invites, where, as what.',
        invitationSchema.pick({ email: true, role: true, status: true }).extend({ teamName: z.string() }),
      ),
    }),
    async (c) => {
      const found = await findByToken(c.get('services'), c.req.valid('param').token);
      if (!found) throw unknown();
      const { email, role, status, teamName } = found;
      return c.json({ email, role, status, teamName }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/invitations/accept',
      summary: 'Accept an invitation, signed in with the invited address',
      request: { body: jsonBody(z.strictObject({ token: tokenText })) },
      responses: answers(200, 'The new membership.', z.object({ teamId: z.string(), role: roleSchema })),
    }),
    async (c) => {
      const services = c.get('services');
      const caller = c.get('caller');
      if (caller.kind === 'key')
        throw new Refused({ reason: 'forbidden', message: 'A key cannot join a team. Sign in.' });
      const found = await findByToken(services, c.req.valid('json').token);
      if (!found) throw unknown();
      if (found.email !== caller.user.email.toLowerCase())
        throw new Refused({ reason: 'forbidden', message: 'This invitation is for another e-mail address.' });
      if (caller.memberships.some(({ teamId }) => teamId === found.teamId))
        throw new Refused({ reason: 'conflict', message: 'You are in this team already.' });
      if (found.status !== 'pending')
        throw new Refused({
          reason: 'conflict',
          message: 'This invitation can no longer be used. Ask for a new invitation.',
        });
      const { teamId, role, email } = found;
      const memberId = services.newId('member');
      await services.db.batch([
        ...acceptInvitation(services.db, found, { memberId, userId: caller.user.id, nowMs: services.now() }),
        audit(services, {
          teamId,
          actor: `user:${caller.user.id}`,
          action: 'member.join',
          target: memberId,
          after: { email, role },
          ip: c.req.header('cf-connecting-ip') ?? null,
        }),
      ]);
      return c.json({ teamId, role }, 200);
    },
  );
