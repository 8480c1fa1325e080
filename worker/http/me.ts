/** GET /api/me: who the caller is and what they may do. */
import { createRoute, z } from '@hono/zod-openapi';
import { may, PERMISSIONS, ROLES, type Permission } from '../domain/access/roles.ts';
import { findTeam } from '../store/teams.ts';
import { answers, newRoutes } from './routes.ts';

export const roleSchema = z.enum(ROLES);
export const teamSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    timeZone: z.string(),
    /** older ledger rows are removed (their sums stay); null = none are */
    ledgerRetentionDays: z.int().nullable(),
    /** steps and inputs of older runs, and older dead letters, are removed (index rows, outputs and ledger stay); null = none are */
    executionRetentionDays: z.int().nullable(),
    /** a call whose budget cannot be asked */
    onBudgetUnavailable: z.enum(['refuse', 'allow']),
    createdAt: z.iso.datetime(),
  })
  .openapi('Team');

const meSchema = z
  .object({
    /** null behind an API key */
    user: z.object({ id: z.string(), name: z.string(), email: z.string() }).nullable(),
    /** null behind a session */
    key: z.object({ id: z.string(), name: z.string() }).nullable(),
    teams: z.array(z.object({ id: z.string(), name: z.string(), role: roleSchema })),
    /** the team this request is about; null for somebody in no team */
    team: teamSchema.nullable(),
    role: roleSchema.nullable(),
    permissions: z.array(z.enum(Object.keys(PERMISSIONS) as [Permission, ...Permission[]])),
  })
  .openapi('Me');

export const me = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/me',
    summary: 'Who is calling, and what may they do?',
    responses: answers(200, 'The caller, the team of this request and the permissions there.', meSchema),
  }),
  async (c) => {
    const caller = c.get('caller');
    const actor = c.get('actor') ?? null;
    const row = actor && (await findTeam(c.get('services').db, actor.teamId));
    const team = row && { ...row, createdAt: row.createdAt.toISOString() };
    const teams =
      caller.kind === 'user'
        ? caller.memberships.map(({ teamId, teamName, role }) => ({ id: teamId, name: teamName, role }))
        : team && actor
          ? [{ id: team.id, name: team.name, role: actor.role }]
          : [];
    return c.json(
      {
        user: caller.kind === 'user' ? caller.user : null,
        key: caller.kind === 'key' ? { id: caller.key.id, name: caller.key.name } : null,
        teams,
        team,
        role: actor?.role ?? null,
        permissions: (Object.keys(PERMISSIONS) as Permission[]).filter((p) => actor && may(actor.role, p)),
      },
      200,
    );
  },
);
