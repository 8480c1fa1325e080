/** Reading the ledger: newest first, filtered, page by page. */
import { and, desc, eq, gt, gte, lt, lte, or, sql, type AnyColumn } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { ledger, ledgerCheckpoint, run } from './schema.ts';

export interface LedgerFilter {
  executionId?: string;
  runId?: string;
  model?: string;
  provider?: string;
  status?: string;
  keyId?: string;
  memberId?: string;
  promptId?: string;
  workflowId?: string;
  tag?: string;
  groupId?: string;
  /** ISO, at or after */
  from?: string;
  /** ISO, before */
  to?: string;
}

export type LedgerRow = typeof ledger.$inferSelect;

/** Where a page ended: `<createdAt>~<id>`; null when the text is no such place. */
function placeOf(cursor: string): { createdAt: string; id: string } | null {
  const match = /^(\d{4}-[\dT:.-]+Z)~(\w+)$/.exec(cursor);
  return match ? { createdAt: match[1]!, id: match[2]! } : null;
}

/** Null when the cursor is not one of ours. */
export async function ledgerPage(
  db: Db,
  teamId: string,
  { filter, limit, cursor }: { filter: LedgerFilter; limit: number; cursor?: string },
): Promise<{ data: LedgerRow[]; nextCursor: string | null } | null> {
  const place = cursor === undefined ? undefined : placeOf(cursor);
  if (place === null) return null;
  const { tag, groupId, from, to, ...same } = filter;
  const rows = await db
    .select()
    .from(ledger)
    .where(
      and(
        eq(ledger.teamId, teamId),
        ...(Object.entries(same) as [keyof typeof same, string | undefined][]).map(([name, value]) =>
          value === undefined ? undefined : eq(ledger[name], value),
        ),
        tag === undefined
          ? undefined
          : sql`exists (select 1 from json_each(${ledger.tags}) where value = ${tag})`,
        groupId === undefined
          ? undefined
          : sql`exists (select 1 from json_each(${ledger.groupIds}) where value = ${groupId})`,
        from === undefined ? undefined : gte(ledger.createdAt, from),
        to === undefined ? undefined : lt(ledger.createdAt, to),
        place &&
          or(
            lt(ledger.createdAt, place.createdAt),
            and(eq(ledger.createdAt, place.createdAt), lt(ledger.id, place.id)),
          ),
      ),
    )
    .orderBy(desc(ledger.createdAt), desc(ledger.id))
    .limit(limit + 1);
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: rows.length > limit && last ? `${last.createdAt}~${last.id}` : null };
}

/** What those runs of a list cost whose attempt stands in the ledger already. Of rows that retention removed the run still knows it. */
export async function ledgerCostsOf(
  db: Db,
  teamId: string,
  { runIds, attempt }: { runIds: readonly string[]; attempt: number },
): Promise<Map<string, number>> {
  if (runIds.length === 0) return new Map();
  const among = (column: AnyColumn) =>
    sql`${column} IN (SELECT value FROM json_each(${JSON.stringify(runIds)}))`;
  const [rows, removed] = await db.batch([
    db
      .select({ runId: ledger.runId, costNanoUsd: ledger.costNanoUsd })
      .from(ledger)
      .where(and(eq(ledger.teamId, teamId), among(ledger.runId), eq(ledger.attempt, attempt))),
    db
      .select({ runId: run.id, costNanoUsd: run.costNanoUsd })
      .from(run)
      .innerJoin(ledgerCheckpoint, eq(ledgerCheckpoint.teamId, run.teamId))
      .where(
        and(
          eq(run.teamId, teamId),
          among(run.id),
          gt(ledgerCheckpoint.carriedRows, 0),
          lte(run.lastSeq, ledgerCheckpoint.seq),
          lt(run.createdAt, ledgerCheckpoint.carriedBefore),
        ),
      ),
  ]);
  return new Map([...removed, ...rows].map(({ runId, costNanoUsd }) => [runId, costNanoUsd]));
}
