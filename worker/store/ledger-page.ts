/** Reading the ledger: newest first, filtered, page by page. */
import { and, desc, eq, gte, lt, lte, or, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { ledger, ledgerArchived, run } from './schema.ts';

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

/** The cost of an attempt that stands in the ledger, null when it does not. Of an archived one its run still knows the cost. */
export async function ledgerCostOf(
  db: Db,
  teamId: string,
  runId: string,
  attempt: number,
): Promise<number | null> {
  const row = await db.query.ledger.findFirst({
    columns: { costNanoUsd: true },
    where: and(eq(ledger.teamId, teamId), eq(ledger.runId, runId), eq(ledger.attempt, attempt)),
  });
  if (row) return row.costNanoUsd;
  const archived = await db
    .select({ costNanoUsd: run.costNanoUsd })
    .from(run)
    .innerJoin(ledgerArchived, eq(ledgerArchived.teamId, run.teamId))
    .where(and(eq(run.teamId, teamId), eq(run.id, runId), lte(run.lastSeq, ledgerArchived.maxSeq)))
    .limit(1);
  return archived[0]?.costNanoUsd ?? null;
}
