/** /api/keys: the team's API keys. The key itself is in one answer only, that of its making. */
import { createRoute, z } from '@hono/zod-openapi';
import { makeApiKey } from '../domain/access/api-key.ts';
import { grantRole } from '../domain/access/membership.ts';
import { audit } from '../store/audit.ts';
import { findGroup } from '../store/groups.ts';
import { deleteKey, findKey, insertKey, keyRow, listKeys, withoutHash } from '../store/keys.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { forgetKey } from './key-cache.ts';
import { roleSchema } from './me.ts';
import { answers, idParam, jsonBody, nameText, newRoutes, pageOf, pageQuery } from './routes.ts';

const tagText = z.string().trim().min(1).max(64);

const keySchema = z
  .object({
    id: z.string(),
    name: z.string(),
    /** all that is shown of the key later */
    prefix: z.string(),
    role: roleSchema,
    tags: z.array(z.string()),
    requestsPerMinute: z.number().nullable(),
    tokensPerMinute: z.number().nullable(),
    groupId: z.string().nullable(),
    createdBy: z.string().nullable(),
    createdAt: z.string(),
    expiresAt: z.string().nullable(),
    lastUsedAt: z.string().nullable(),
  })
  .openapi('ApiKey');

const newKeySchema = z
  .strictObject({
    name: nameText,
    role: roleSchema,
    expiresAt: z.iso.datetime({ offset: true }).nullable().default(null),
    tags: z.array(tagText).max(20).default([]),
    requestsPerMinute: z.int().min(1).max(1_000_000).nullable().default(null),
    tokensPerMinute: z.int().min(1).max(1_000_000_000).nullable().default(null),
    groupId: z
      .string()
      .max(64)
      .nullable()
      .default(null)
      .openapi({ description: 'the group (department) that its spend counts to' }),
  })
  .openapi('NewApiKey');

export const keys = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/keys',
      summary: "The team's API keys, newest first",
      request: { query: pageQuery },
      responses: answers(200, 'A page of keys, without the keys themselves.', pageOf(keySchema)),
    }),
    async (c) => {
      const page = await listKeys(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(({ teamId: _, ...key }) => key) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/keys',
      summary: 'Make an API key',
      middleware: [idempotent] as const,
      description: 'The answer is the only place where the key itself is ever shown.',
      request: { body: jsonBody(newKeySchema) },
      responses: answers(201, 'The new key.', keySchema.extend({ key: z.string() }).openapi('ShownApiKey')),
    }),
    async (c) => {
      const services = c.get('services');
      const actor = c.get('actor');
      const { expiresAt, tags, ...wanted } = c.req.valid('json');
      const granted = grantRole(actor.role, wanted.role);
      if (!granted.ok) throw new Refused(granted.error);
      if (expiresAt !== null && Date.parse(expiresAt) <= services.now())
        throw new Refused({
          reason: 'invalid',
          issues: [{ path: 'expiresAt', message: 'must be in the future' }],
        });
      if (wanted.groupId !== null && !(await findGroup(services.db, actor.teamId, wanted.groupId)))
        throw new Refused({
          reason: 'invalid',
          issues: [{ path: 'groupId', message: 'there is no such group in this team' }],
        });
      const key = makeApiKey(crypto.getRandomValues(new Uint8Array(48)));
      const row = await keyRow(key, {
        ...wanted,
        id: services.newId('key'),
        teamId: actor.teamId,
        tags: [...new Set(tags)],
        createdBy: actor.userId,
        createdAt: new Date(services.now()).toISOString(),
        expiresAt: expiresAt === null ? null : new Date(expiresAt).toISOString(),
      });
      const { teamId: _, ...shown } = withoutHash(row);
      await services.db.batch([
        insertKey(services.db, row),
        audit(services, { ...byCaller(c), action: 'key.create', target: row.id, after: shown }),
      ]);
      return c.json({ ...shown, key }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/keys/{id}',
      summary: 'Delete an API key',
      description: 'It stops working within 5 seconds.',
      request: { params: idParam },
      responses: { 204: { description: 'It is gone.' } },
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const found = await findKey(services.db, teamId, c.req.valid('param').id);
      if (!found) throw new Refused({ reason: 'not_found', message: 'There is no such key.' });
      const { teamId: _, ...before } = found;
      await services.db.batch([
        deleteKey(services.db, teamId, found.id),
        audit(services, { ...byCaller(c), action: 'key.delete', target: found.id, before }),
      ]);
      forgetKey(found.id);
      return c.body(null, 204);
    },
  );
