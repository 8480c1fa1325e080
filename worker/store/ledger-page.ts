/** Reading the ledger: newest first, filtered, page by page. */
import { and, desc, eq, gte, lt, lte, or, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { ledger, run } from './schema.ts';

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

/** Filters that rollups know, the rarest first: they say in which hours such rows are, so that nothing else is looked through. */
const ROLLED_UP = [
  ['tag', 'tag'],
  ['groupId', 'group'],
  ['promptId', 'prompt'],
  ['workflowId', 'workflow'],
  ['keyId', 'key'],
  ['memberId', 'member'],
  ['model', 'model'],
  ['provider', 'provider_model'],
] as const;

/** Hours looked through for one page: when other filters leave too little of them, the page is short and its cursor goes on. */
const HOURS_AT_ONCE = 24;
const MOST_HOURS = 240;
const HOUR_MS = 3_600_000;

type Page = { data: LedgerRow[]; nextCursor: string | null };

/** Null when the cursor is not one of ours. A page may be shorter than `limit` and still have a next one. */
export async function ledgerPage(
  db: Db,
  teamId: string,
  { filter, limit, cursor }: { filter: LedgerFilter; limit: number; cursor?: string },
): Promise<Page | null> {
  const place = cursor === undefined ? undefined : placeOf(cursor);
  if (place === null) return null;
  const rowsIn = (from: string | undefined, to: string | undefined, most: number) =>
    newestRows(db, teamId, { filter: { ...filter, from, to }, place, most });
  const exact = filter.runId !== undefined || filter.executionId !== undefined;
  const rolledUp = exact ? undefined : ROLLED_UP.find(([name]) => filter[name] !== undefined);
  if (!rolledUp) return pageOf(await rowsIn(filter.from, filter.to, limit + 1), limit);

  const [name, dimension] = rolledUp;
  let untilMs = Math.min(
    filter.to === undefined ? Number.POSITIVE_INFINITY : Date.parse(filter.to),
    place === undefined ? Number.POSITIVE_INFINITY : Date.parse(place.createdAt) + 1,
  );
  const rows: LedgerRow[] = [];
  for (let looked = 0; looked < MOST_HOURS;) {
    const wanted = limit + 1 - rows.length;
    const hours = await hoursOf(db, teamId, { dimension, key: filter[name]!, from: filter.from, untilMs });
    const enough = firstHolding(hours, wanted);
    if (enough.length === 0) return pageOf(rows, limit);
    for (const group of adjacent(enough)) {
      const from = later(filter.from, new Date(group.fromMs).toISOString());
      const to = new Date(Math.min(group.toMs, untilMs)).toISOString();
      rows.push(...(await rowsIn(from, to, limit + 1 - rows.length)));
      if (rows.length > limit) return pageOf(rows, limit);
    }
    looked += enough.length;
    untilMs = enough.at(-1)!.startMs;
  }
  const at = new Date(untilMs).toISOString();
  return { data: rows, nextCursor: `${at}~0` };
}

/** The newest hours before `untilMs` in which rows of a key were booked. */
async function hoursOf(
  db: Db,
  teamId: string,
  { dimension, key, from, untilMs }: { dimension: string; key: string; from?: string; untilMs: number },
): Promise<{ startMs: number; rows: number }[]> {
  const least = from === undefined ? -1e12 : Math.floor(Date.parse(from) / HOUR_MS) * 3600;
  const until = Math.min(untilMs / 1000, 1e12);
  const keys =
    dimension === 'provider_model'
      ? sql`key >= ${`${key}/`} AND key < ${`${key}0`}` // '0' is the character after '/'
      : sql`key = ${key}`;
  const found = await db.all<{ start: number; runs: number }>(
    sql`SELECT start, sum(max(runs, 1)) AS runs FROM rollup_hour WHERE team_id = ${teamId} AND dimension = ${dimension} AND ${keys}
        AND start >= ${least} AND start < ${until} GROUP BY start ORDER BY start DESC LIMIT ${HOURS_AT_ONCE}`,
  );
  return found.map(({ start, runs }) => ({ startMs: start * 1000, rows: runs }));
}

/** As many of the newest hours as hold that many rows together. */
function firstHolding<H extends { rows: number }>(hours: readonly H[], wanted: number): H[] {
  let held = 0;
  const end = hours.findIndex((hour) => (held += hour.rows) >= wanted);
  return end < 0 ? [...hours] : hours.slice(0, end + 1);
}

/** Hours next to each other as one span, newest first. */
function adjacent(hours: readonly { startMs: number }[]): { fromMs: number; toMs: number }[] {
  const groups: { fromMs: number; toMs: number }[] = [];
  for (const { startMs } of hours) {
    const last = groups.at(-1);
    if (last && last.fromMs === startMs + HOUR_MS) last.fromMs = startMs;
    else groups.push({ fromMs: startMs, toMs: startMs + HOUR_MS });
  }
  return groups;
}

const later = (a: string | undefined, b: string) => (a !== undefined && a > b ? a : b);

function pageOf(rows: LedgerRow[], limit: number): Page {
  const data = rows.slice(0, limit);
  const last = data.at(-1);
  return { data, nextCursor: rows.length > limit && last ? `${last.createdAt}~${last.id}` : null };
}

/** Rows below `place`, newest first. */
function newestRows(
  db: Db,
  teamId: string,
  { filter, place, most }: { filter: LedgerFilter; place?: { createdAt: string; id: string }; most: number },
): Promise<LedgerRow[]> {
  const { tag, groupId, from, to, ...same } = filter;
  // A run's or an execution's rows are few: without the plus SQLite would walk through the team's newest to spare the sorting.
  const few = same.runId !== undefined || same.executionId !== undefined;
  return db
    .select()
    .from(ledger)
    .where(
      and(
        same.executionId === undefined ? eq(ledger.teamId, teamId) : sql`+${ledger.teamId} = ${teamId}`,
        ...(Object.entries(same) as [keyof typeof same, string | undefined][]).map(([name, value]) =>
          value === undefined ? undefined : eq(ledger[name], value),
        ),
        // lets SQLite take the index of the rare ones
        same.status === undefined || same.status === 'succeeded' ? undefined : sql`status <> 'succeeded'`,
        groupId === undefined
          ? undefined
          : sql`exists (select 1 from json_each(${ledger.groupIds}) where value = ${groupId})`,
        tag === undefined
          ? undefined
          : sql`exists (select 1 from json_each(${ledger.tags}) where value = ${tag})`,
        from === undefined ? undefined : gte(ledger.createdAt, from),
        to === undefined ? undefined : lt(ledger.createdAt, to),
        // the first condition is what an index can be entered with
        place && lte(ledger.createdAt, place.createdAt),
        place &&
          or(
            lt(ledger.createdAt, place.createdAt),
            and(eq(ledger.createdAt, place.createdAt), lt(ledger.id, place.id)),
          ),
      ),
    )
    .orderBy(few ? sql`+${ledger.createdAt} desc` : desc(ledger.createdAt), desc(ledger.id))
    .limit(most);
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
  const found = new Map(rows.map(({ runId, costNanoUsd }) => [runId, costNanoUsd]));
  const gone = runIds.filter((runId) => !found.has(runId));
  if (gone.length === 0) return found;
  // What retention took from the ledger still stands as a run; one attempt is all that a run from outside has.
  const runs = await db
    .select({ runId: run.id, costNanoUsd: run.costNanoUsd, seq: run.lastSeq })
    .from(run)
    .where(
      and(
        eq(run.teamId, teamId),
        sql`${run.id} IN (SELECT value FROM json_each(${JSON.stringify(gone)}))`,
        sql`${run.lastSeq} <= (SELECT seq FROM ledger_checkpoint WHERE team_id = ${teamId})`,
      ),
    );
  for (const { runId, costNanoUsd } of runs) found.set(runId, costNanoUsd);
  return found;
}
