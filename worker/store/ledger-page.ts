/** Reading the ledger: newest first, filtered, page by page. */
import { and, desc, eq, gte, lt, or, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { ledger } from './schema.ts';

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
  const { tag, from, to, ...same } = filter;
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

/** What those runs of a list cost whose attempt stands in the ledger already. */
export async function ledgerCostsOf(
  db: Db,
  teamId: string,
  { runIds, attempt }: { runIds: readonly string[]; attempt: number },
): Promise<Map<string, number>> {
  if (runIds.length === 0) return new Map();
  const rows = await db
    .select({ runId: ledger.runId, costNanoUsd: ledger.costNanoUsd })
    .from(ledger)
    .where(
      and(
        eq(ledger.teamId, teamId),
        sql`${ledger.runId} IN (SELECT value FROM json_each(${JSON.stringify(runIds)}))`,
        eq(ledger.attempt, attempt),
      ),
    );
  return new Map(rows.map(({ runId, costNanoUsd }) => [runId, costNanoUsd]));
}
