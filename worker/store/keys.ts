/** Team API keys. Only the SHA-256 of the whole key is stored: what is shown once cannot be shown again. */
import { createHash } from 'node:crypto';
import { and, desc, eq, isNull, lt, or } from 'drizzle-orm';
import { apiKeyPrefix } from '../domain/access/api-key.ts';
import type { Role } from '../domain/access/roles.ts';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { apiKey } from './schema.ts';

/** A key as it stands in D1, without its hash. Times are ISO. */
export interface ApiKey {
  id: string;
  teamId: string;
  name: string;
  /** `pm_<prefix>` */
  prefix: string;
  role: Role;
  tags: string[];
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
  /** how long answers to its calls are kept and given again; null = never */
  cacheTtlSeconds: number | null;
  allowedModels: string[] | null;
  deniedModels: string[];
  maxInputTokens: number | null;
  /** the group its spend counts to */
  groupId: string | null;
  createdBy: string | null;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

/** SHA-256 of the whole key, hex. */
export function hashKey(key: string): string {
  // node:crypto, because it answers at once: this runs on every call of the gateway
  return createHash('sha256').update(key).digest('hex');
}

export const withoutHash = ({ hash: _, ...row }: typeof apiKey.$inferSelect): ApiKey => ({
  ...row,
  role: row.role as Role,
});

export async function findKeyByHash(db: Db, hash: string): Promise<ApiKey | null> {
  const row = await db.query.apiKey.findFirst({ where: eq(apiKey.hash, hash) });
  return row ? withoutHash(row) : null;
}

export async function findKey(db: Db, teamId: string, id: string): Promise<ApiKey | null> {
  const row = await db.query.apiKey.findFirst({ where: and(eq(apiKey.teamId, teamId), eq(apiKey.id, id)) });
  return row ? withoutHash(row) : null;
}

export async function listKeys(db: Db, teamId: string, { limit, cursor }: PageOptions) {
  const rows = await db
    .select()
    .from(apiKey)
    .where(and(eq(apiKey.teamId, teamId), cursor === undefined ? undefined : lt(apiKey.id, cursor)))
    .orderBy(desc(apiKey.id))
    .limit(limit + 1);
  return pageFrom(rows.map(withoutHash), limit);
}

export const deleteKey = (db: Db, teamId: string, id: string) =>
  db.delete(apiKey).where(and(eq(apiKey.teamId, teamId), eq(apiKey.id, id)));

/** The row of a new key: all that is kept of it. */
export async function keyRow(
  key: string,
  row: Omit<ApiKey, 'prefix' | 'lastUsedAt' | 'groupId'> & { groupId?: string | null },
) {
  return { groupId: null, ...row, prefix: apiKeyPrefix(key), lastUsedAt: null, hash: hashKey(key) };
}

/** The insert that stores a key: await it, or put it into a batch beside its audit row. */
export const insertKey = (db: Db, row: typeof apiKey.$inferInsert) => db.insert(apiKey).values(row);

/** What may change of a key; its role and its secret do not. */
export type KeyChange = Partial<
  Pick<
    ApiKey,
    | 'name'
    | 'tags'
    | 'requestsPerMinute'
    | 'tokensPerMinute'
    | 'groupId'
    | 'cacheTtlSeconds'
    | 'allowedModels'
    | 'deniedModels'
    | 'maxInputTokens'
    | 'expiresAt'
  >
>;

/** The statement that changes a key: put it into a batch beside its audit row. */
export const updateKey = (db: Db, { teamId, id }: Pick<ApiKey, 'teamId' | 'id'>, change: KeyChange) =>
  db
    .update(apiKey)
    .set(change)
    .where(and(eq(apiKey.teamId, teamId), eq(apiKey.id, id)));

/** Notes that a key was used, at most once a minute however often it is. */
export async function touchKey(db: Db, id: string, nowMs: number): Promise<void> {
  await db
    .update(apiKey)
    .set({ lastUsedAt: new Date(nowMs).toISOString() })
    .where(
      and(
        eq(apiKey.id, id),
        or(isNull(apiKey.lastUsedAt), lt(apiKey.lastUsedAt, new Date(nowMs - 60_000).toISOString())),
      ),
    );
}
