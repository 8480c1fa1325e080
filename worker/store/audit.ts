/** The audit log: who changed what, before and after, from where. Append-only; every change of rights, keys and limits goes through `audit`. */
import { and, desc, eq, lt } from 'drizzle-orm';
import type { Services } from '../services.ts';
import { auditLog } from './schema.ts';
import { pageFrom, type PageOptions } from './page.ts';

export interface AuditEntry {
  teamId: string;
  /** `user:<id>`, `key:<id>` or `system` */
  actor: string;
  /** `<noun>.<verb>`: `key.create`, `member.role`, `budget.update` */
  action: string;
  /** the id of what was changed */
  target: string;
  before?: unknown;
  after?: unknown;
  ip: string | null;
}

const SECRET = /secret|password|token$|hash|^(key|apiKey|sealedKey|authorization)$/i;

/** Values under a secret's name never reach the log (AUD-2). */
export function masked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(masked);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      SECRET.test(name) && inner !== null ? '***' : masked(inner),
    ]),
  );
}

/** The insert of one row: await it, or put it into the same `db.batch` as the change it tells of. */
export const audit = (
  { db, newId, now }: Pick<Services, 'db' | 'newId' | 'now'>,
  { before = null, after = null, ...entry }: AuditEntry,
) =>
  db.insert(auditLog).values({
    id: newId('audit'),
    ...entry,
    before: masked(before),
    after: masked(after),
    createdAt: new Date(now()).toISOString(),
  });

/** Newest first, of one action when asked. */
export async function listAudit(
  { db }: Pick<Services, 'db'>,
  teamId: string,
  { limit, cursor, action }: PageOptions & { action?: string },
) {
  const rows = await db
    .select()
    .from(auditLog)
    .where(
      and(
        eq(auditLog.teamId, teamId),
        cursor === undefined ? undefined : lt(auditLog.id, cursor),
        action === undefined ? undefined : eq(auditLog.action, action),
      ),
    )
    .orderBy(desc(auditLog.id))
    .limit(limit + 1);
  return pageFrom(rows, limit);
}
