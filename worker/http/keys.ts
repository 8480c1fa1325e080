/** /api/keys: the team's API keys. The key itself is in one answer only, that of its making. */
import { createRoute, z } from '@hono/zod-openapi';
import { makeApiKey } from '../domain/access/api-key.ts';
import { grantRole } from '../domain/access/membership.ts';
import type { Services } from '../services.ts';
import { audit } from '../store/audit.ts';
import { modelRules } from '../domain/guard/guardrails.ts';
import { MAX_CACHE_TTL_SECONDS } from '../domain/call/cached-calls.ts';
import { findGroup } from '../store/groups.ts';
import { forgetGuardrails } from '../store/guardrails.ts';
import {
  deleteKey,
  findKey,
  insertKey,
  keyRow,
  listKeys,
  updateKey,
  withoutHash,
  type KeyChange,
} from '../store/keys.ts';
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
    cacheTtlSeconds: z.number().nullable(),
    allowedModels: z.array(z.string()).nullable(),
    deniedModels: z.array(z.string()),
    maxInputTokens: z.number().nullable(),
    groupId: z.string().nullable(),
    createdBy: z.string().nullable(),
    createdAt: z.string(),
    expiresAt: z.string().nullable(),
    lastUsedAt: z.string().nullable(),
  })
  .openapi('ApiKey');

/** What a key is given when it is made, and may be given anew later. */
const given = {
  expiresAt: z.iso.datetime({ offset: true }).nullable(),
  tags: z.array(tagText).max(20),
  /** null = without end, here and below */
  requestsPerMinute: z.int().min(1).max(1_000_000).nullable(),
  tokensPerMinute: z.int().min(1).max(1_000_000_000).nullable(),
  /** answers to equal calls are kept so long and given again for nothing; null = never */
  cacheTtlSeconds: z.int().min(1).max(MAX_CACHE_TTL_SECONDS).nullable(),
  groupId: z
    .string()
    .max(64)
    .nullable()
    .openapi({ description: 'the group (department) that its spend counts to' }),
  ...modelRules,
};

const newKeySchema = z
  .strictObject({
    name: nameText,
    role: roleSchema,
    expiresAt: given.expiresAt.default(null),
    tags: given.tags.default([]),
    requestsPerMinute: given.requestsPerMinute.default(null),
    tokensPerMinute: given.tokensPerMinute.default(null),
    cacheTtlSeconds: given.cacheTtlSeconds.default(null),
    allowedModels: given.allowedModels.default(null),
    deniedModels: given.deniedModels.default([]),
    maxInputTokens: given.maxInputTokens.default(null),
    groupId: given.groupId.default(null),
  })
  .openapi('NewApiKey');

const keyChangeSchema = z
  .strictObject({ name: nameText, ...given })
  .partial()
  .openapi('ApiKeyChange');

const noKey = () => new Refused({ reason: 'not_found', message: 'There is no such key.' });

/** As it is stored; 422 when it lies in the past. */
function futureOf(expiresAt: string | null, nowMs: number): string | null {
  if (expiresAt === null) return null;
  if (Date.parse(expiresAt) <= nowMs)
    throw new Refused({
      reason: 'invalid',
      issues: [{ path: 'expiresAt', message: 'must be in the future' }],
    });
  return new Date(expiresAt).toISOString();
}

async function checkGroup(db: Services['db'], teamId: string, groupId: string | null | undefined) {
  if (!groupId || (await findGroup(db, teamId, groupId))) return;
  throw new Refused({
    reason: 'invalid',
    issues: [{ path: 'groupId', message: 'there is no such group in this team' }],
  });
}

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
      await checkGroup(services.db, actor.teamId, wanted.groupId);
      const key = makeApiKey(crypto.getRandomValues(new Uint8Array(48)));
      const row = await keyRow(key, {
        ...wanted,
        id: services.newId('key'),
        teamId: actor.teamId,
        tags: [...new Set(tags)],
        createdBy: actor.userId,
        createdAt: new Date(services.now()).toISOString(),
        expiresAt: futureOf(expiresAt, services.now()),
      });
      const { teamId: _, ...shown } = withoutHash(row);
      await services.db.batch([
        insertKey(services.db, row),
        audit(services, { ...byCaller(c), action: 'key.create', target: row.id, after: shown }),
      ]);
      forgetGuardrails(actor.teamId);
      return c.json({ ...shown, key }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/keys/{id}',
      summary: "Change a key's name, tags, expiry, limits, cache or models",
      description:
        'What is not named stays. Everybody knows the change within 3 seconds. The role and the key itself cannot change: make another key and delete this one.',
      request: { params: idParam, body: jsonBody(keyChangeSchema) },
      responses: answers(200, 'The key as it is now.', keySchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const found = await findKey(services.db, teamId, c.req.valid('param').id);
      if (!found) throw noKey();
      const { expiresAt, tags, ...rest } = c.req.valid('json');
      await checkGroup(services.db, teamId, rest.groupId);
      const change: KeyChange = {
        ...rest,
        ...(tags === undefined ? {} : { tags: [...new Set(tags)] }),
        ...(expiresAt === undefined ? {} : { expiresAt: futureOf(expiresAt, services.now()) }),
      };
      const { teamId: _, ...before } = found;
      const after = { ...before, ...change };
      if (Object.keys(change).length > 0) {
        await services.db.batch([
          updateKey(services.db, found, change),
          audit(services, { ...byCaller(c), action: 'key.update', target: found.id, before, after }),
        ]);
        forgetKey(found.id);
        forgetGuardrails(teamId);
      }
      return c.json(after, 200);
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
      if (!found) throw noKey();
      const { teamId: _, ...before } = found;
      await services.db.batch([
        deleteKey(services.db, teamId, found.id),
        audit(services, { ...byCaller(c), action: 'key.delete', target: found.id, before }),
      ]);
      forgetKey(found.id);
      return c.body(null, 204);
    },
  );
