/** /api/teams: the caller's teams. */
import { createRoute, z } from '@hono/zod-openapi';
import { isTimeZone } from '../domain/budget/periods.ts';
import { LIVING_DAYS } from '../domain/workflow/run-time.ts';
import { audit, listAudit } from '../store/audit.ts';
import { findTeam, insertTeam, updateTeam, type TeamSettings } from '../store/teams.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { roleSchema, teamSchema } from './me.ts';
import { answers, idParam, jsonBody, nameText, newRoutes, pageOf, pageQuery } from './routes.ts';

const timeZone = z.string().max(64).refine(isTimeZone, 'is not a time zone like "Europe/Berlin"');
const settingsSchema = z.strictObject({
  name: nameText,
  timeZone,
  /** A reported run is remembered for 30 days by the object that books it: rows stay longer than that. */
  ledgerRetentionDays: z.int().min(31).max(3650).nullable(),
  /** A run stands where it ran for 7 days. */
  executionRetentionDays: z.int().min(LIVING_DAYS).max(3650).nullable(),
  onBudgetUnavailable: z.enum(['refuse', 'allow']),
});
const ownTeam = z.object({ id: z.string(), name: z.string(), role: roleSchema });

const auditSchema = z
  .object({
    id: z.string(),
    actor: z.string(),
    action: z.string(),
    target: z.string(),
    before: z.unknown(),
    after: z.unknown(),
    ip: z.string().nullable(),
    createdAt: z.string(),
  })
  .openapi('AuditEntry');

const noTeam = () => new Refused({ reason: 'not_found', message: 'There is no such team.' });

export const teams = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams',
      summary: "The caller's teams",
      responses: answers(200, 'All of them; a key has one.', pageOf(ownTeam)),
    }),
    async (c) => {
      const caller = c.get('caller');
      if (caller.kind === 'user') {
        const data = caller.memberships.map(({ teamId, teamName, role }) => ({
          id: teamId,
          name: teamName,
          role,
        }));
        return c.json({ data, nextCursor: null }, 200);
      }
      const team = await findTeam(c.get('services').db, caller.key.teamId);
      const data = team ? [{ id: team.id, name: team.name, role: caller.key.role }] : [];
      return c.json({ data, nextCursor: null }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/teams',
      summary: 'Make a team; who makes it owns it',
      request: { body: jsonBody(z.strictObject({ name: nameText, timeZone: timeZone.default('UTC') })) },
      responses: answers(201, 'The new team.', teamSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const caller = c.get('caller');
      if (caller.kind === 'key')
        throw new Refused({
          reason: 'forbidden',
          message: 'A key belongs to one team. Sign in to make another.',
        });
      const wanted = c.req.valid('json');
      const nowMs = services.now();
      const teamId = services.newId('team');
      const statements = insertTeam(services.db, {
        ...wanted,
        teamId,
        memberId: services.newId('member'),
        ownerId: caller.user.id,
        nowMs,
      });
      await services.db.batch([
        ...statements,
        audit(services, {
          teamId,
          actor: `user:${caller.user.id}`,
          action: 'team.create',
          target: teamId,
          after: wanted,
          ip: c.req.header('cf-connecting-ip') ?? null,
        }),
      ]);
      const made = (await findTeam(services.db, teamId))!;
      return c.json({ ...made, createdAt: made.createdAt.toISOString() }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams/{id}',
      summary: 'One team',
      request: { params: idParam },
      responses: answers(200, 'The team.', teamSchema),
    }),
    async (c) => {
      const team = await findTeam(c.get('services').db, c.get('actor').teamId);
      if (!team) throw noTeam();
      return c.json({ ...team, createdAt: team.createdAt.toISOString() }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/teams/{id}',
      summary: "Change a team's name, time zone, retention, or what happens when its budget cannot be asked",
      request: {
        params: idParam,
        body: jsonBody(settingsSchema.partial()),
      },
      responses: answers(200, 'The team as it is now.', teamSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const before = await findTeam(services.db, c.get('actor').teamId);
      if (!before) throw noTeam();
      const { id: _, createdAt, ...settings } = before;
      const after: TeamSettings = { ...settings, ...c.req.valid('json') };
      if (JSON.stringify(after) !== JSON.stringify(settings))
        await services.db.batch([
          updateTeam(services.db, before.id, after),
          audit(services, {
            ...byCaller(c),
            action: 'team.update',
            target: before.id,
            before: settings,
            after,
          }),
        ]);
      return c.json({ id: before.id, ...after, createdAt: createdAt.toISOString() }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams/{id}/audit-log',
      summary: 'Who changed what, newest first',
      request: { params: idParam, query: pageQuery.extend({ action: z.string().max(100).optional() }) },
      responses: answers(200, 'A page of the log.', pageOf(auditSchema)),
    }),
    async (c) => {
      const page = await listAudit(c.get('services'), c.get('actor').teamId, c.req.valid('query'));
      const data = page.data.map(({ teamId: _, ...entry }) => entry);
      return c.json({ data, nextCursor: page.nextCursor }, 200);
    },
  );
