/** /api/teams/:id/groups: departments. What their members and keys spend from now on counts to them. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { audit } from '../store/audit.ts';
import {
  deleteGroup,
  findGroup,
  groupNameTaken,
  insertGroup,
  listGroups,
  ofTeam,
  renameGroup,
  setGroupKeys,
  setGroupMembers,
  type Group,
} from '../store/groups.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { forgetKey } from './key-cache.ts';
import { answers, idParam, jsonBody, nameText, newRoutes, pageOf, pageQuery, type AppEnv } from './routes.ts';

const MOST = 1000;

const groupSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    memberIds: z.array(z.string()),
    keyIds: z.array(z.string()),
    createdAt: z.iso.datetime(),
    /** null unless it was deleted: then only its name is left, for what was spent */
    deletedAt: z.iso.datetime().nullable(),
  })
  .openapi('Group');

const ids = z
  .array(z.string().min(1).max(64))
  .max(MOST)
  .transform((list) => [...new Set(list)].sort());
const newGroup = z.strictObject({
  name: nameText,
  memberIds: ids.default([]),
  keyIds: ids
    .default([])
    .openapi({ description: 'a key is in one group at most and leaves the one it was in' }),
});
const groupChange = z.strictObject({
  name: nameText.optional(),
  memberIds: ids.optional().openapi({ description: 'all of its members' }),
  keyIds: ids.optional().openapi({ description: 'all of its keys' }),
});
const params = idParam.extend({ groupId: z.string().max(64) });

const told = ({ name, memberIds, keyIds }: Pick<Group, 'name' | 'memberIds' | 'keyIds'>) => ({
  name,
  memberIds,
  keyIds,
});

async function groupOf(c: Context<AppEnv>, id: string): Promise<Group> {
  const found = await findGroup(c.get('services').db, c.get('actor').teamId, id);
  if (!found) throw new Refused({ reason: 'not_found', message: 'There is no such group.' });
  return found;
}

const nameTaken = (name: string) =>
  new Refused({ reason: 'conflict', message: `There is a group "${name}" already.` });

/** Two may take the same name at the same moment; the index of names lets one of them. */
async function written(name: string, batch: () => Promise<unknown>): Promise<void> {
  try {
    await batch();
  } catch (error) {
    if (/UNIQUE constraint failed: team_group\b/.test(String((error as Error).cause ?? error)))
      throw nameTaken(name);
    throw error;
  }
}

/** 409 for a name that another group has, 422 for people and keys that are not the team's. */
async function check(c: Context<AppEnv>, wanted: z.infer<typeof groupChange>, id?: string) {
  const { db } = c.get('services');
  const { teamId } = c.get('actor');
  if (wanted.name !== undefined && (await groupNameTaken(db, teamId, wanted.name, id)))
    throw nameTaken(wanted.name);
  const { memberIds = [], keyIds = [] } = wanted;
  if (memberIds.length + keyIds.length === 0) return;
  const known = await ofTeam(db, teamId, { memberIds, keyIds });
  const issues = (path: string, list: readonly string[], thing: string) =>
    list.flatMap((one, at) =>
      known.has(one) ? [] : [{ path: `${path}.${at}`, message: `there is no such ${thing} in this team` }],
    );
  const wrong = [...issues('memberIds', memberIds, 'member'), ...issues('keyIds', keyIds, 'key')];
  if (wrong.length > 0) throw new Refused({ reason: 'invalid', issues: wrong });
}

export const groups = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/teams/{id}/groups',
      summary: "The team's groups (departments), oldest first",
      request: {
        params: idParam,
        query: pageQuery.extend({
          deleted: z
            .enum(['true', 'false'])
            .default('false')
            .openapi({ description: 'true: those that were deleted, for their names' }),
        }),
      },
      responses: answers(200, 'A page of groups.', pageOf(groupSchema)),
    }),
    async (c) => {
      const { deleted, ...page } = c.req.valid('query');
      const { db } = c.get('services');
      return c.json(
        await listGroups(db, c.get('actor').teamId, { ...page, deleted: deleted === 'true' }),
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/teams/{id}/groups',
      summary: 'Make a group',
      description:
        'What its members and keys spend from now on counts to it; what they spent before does not.',
      middleware: [idempotent] as const,
      request: { params: idParam, body: jsonBody(newGroup) },
      responses: answers(201, 'The new group.', groupSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const { name, memberIds, keyIds } = c.req.valid('json');
      await check(c, { name, memberIds, keyIds });
      const group: Group = {
        id: services.newId('group'),
        name,
        memberIds,
        keyIds,
        createdAt: new Date(services.now()).toISOString(),
        deletedAt: null,
      };
      const { db } = services;
      await written(name, () =>
        db.batch([
          insertGroup(db, { id: group.id, teamId, name, createdAt: group.createdAt }),
          ...setGroupMembers(db, group.id, memberIds),
          ...setGroupKeys(db, teamId, group.id, keyIds),
          audit(services, { ...byCaller(c), action: 'group.create', target: group.id, after: told(group) }),
        ]),
      );
      for (const keyId of keyIds) forgetKey(keyId);
      return c.json(group, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/teams/{id}/groups/{groupId}',
      summary: "Change a group's name, members or keys",
      description: 'Later calls count as it is then; what was spent stays where it was booked.',
      request: { params, body: jsonBody(groupChange) },
      responses: answers(200, 'The group as it is now.', groupSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { db } = services;
      const { teamId } = c.get('actor');
      const before = await groupOf(c, c.req.valid('param').groupId);
      const wanted = c.req.valid('json');
      await check(c, wanted, before.id);
      const after = { ...before, ...wanted };
      await written(after.name, () =>
        db.batch([
          renameGroup(db, before.id, after.name),
          ...(wanted.memberIds ? setGroupMembers(db, before.id, wanted.memberIds) : []),
          ...(wanted.keyIds ? setGroupKeys(db, teamId, before.id, wanted.keyIds) : []),
          audit(services, {
            ...byCaller(c),
            action: 'group.update',
            target: before.id,
            before: told(before),
            after: told(after),
          }),
        ]),
      );
      for (const keyId of [...before.keyIds, ...after.keyIds]) forgetKey(keyId);
      return c.json(after, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/teams/{id}/groups/{groupId}',
      summary: 'Delete a group; what was spent keeps its name',
      request: { params },
      responses: { 204: { description: 'It is gone.' } },
    }),
    async (c) => {
      const services = c.get('services');
      const { db } = services;
      const before = await groupOf(c, c.req.valid('param').groupId);
      const [first, ...rest] = deleteGroup(db, c.get('actor').teamId, before.id, services.now());
      await db.batch([
        first!,
        ...rest,
        audit(services, { ...byCaller(c), action: 'group.delete', target: before.id, before: told(before) }),
      ]);
      for (const keyId of before.keyIds) forgetKey(keyId);
      return c.body(null, 204);
    },
  );
