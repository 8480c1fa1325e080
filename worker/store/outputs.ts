/** What workflows gave. */
import { and, desc, eq, gte, lt, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { execution, output } from './schema.ts';

export interface OutputFilter {
  workflowId?: string;
  executionId?: string;
  tag?: string;
  /** how its execution stands */
  status?: string;
  /** ISO: made from then on, and before then */
  from?: string;
  to?: string;
  /** stands somewhere in the value, whatever its case (ASCII) */
  text?: string;
}

/** As it stands in JSON: a quote or a line break within the text is written with a backslash there. */
const inJson = (text: string) => JSON.stringify(text).slice(1, -1);

const where = (teamId: string, filter: OutputFilter, cursor?: string) =>
  and(
    eq(output.teamId, teamId),
    filter.workflowId ? eq(output.workflowId, filter.workflowId) : undefined,
    filter.executionId ? eq(output.executionId, filter.executionId) : undefined,
    filter.tag
      ? sql`exists (select 1 from json_each(${output.tags}) t where t.value = ${filter.tag})`
      : undefined,
    filter.status
      ? sql`exists (select 1 from ${execution} e where e.id = ${output.executionId} and e.status = ${filter.status})`
      : undefined,
    filter.from ? gte(output.createdAt, filter.from) : undefined,
    filter.to ? lt(output.createdAt, filter.to) : undefined,
    filter.text ? sql`instr(lower(${output.value}), lower(${inJson(filter.text)})) > 0` : undefined,
    cursor ? lt(output.id, cursor) : undefined,
  );

/** Newest first. */
export async function listOutputs(db: Db, teamId: string, query: OutputFilter & PageOptions) {
  const rows = await db
    .select()
    .from(output)
    .where(where(teamId, query, query.cursor))
    .orderBy(desc(output.id))
    .limit(query.limit + 1);
  return pageFrom(rows, query.limit);
}
export type OutputRow = Awaited<ReturnType<typeof listOutputs>>['data'][number];

export async function findOutput(db: Db, teamId: string, id: string): Promise<OutputRow | null> {
  const [row] = await db
    .select()
    .from(output)
    .where(and(eq(output.teamId, teamId), eq(output.id, id)));
  return row ?? null;
}

/** The changed row; null when the team has none of this id. */
export async function setTags(db: Db, teamId: string, id: string, tags: string[]): Promise<OutputRow | null> {
  const [row] = await db
    .update(output)
    .set({ tags })
    .where(and(eq(output.teamId, teamId), eq(output.id, id)))
    .returning();
  return row ?? null;
}

/** Every output that matches, a window at a time, so that an export never stands whole in memory. */
export async function* allOutputs(db: Db, teamId: string, filter: OutputFilter): AsyncGenerator<OutputRow[]> {
  let cursor: string | undefined;
  do {
    const page = await listOutputs(db, teamId, { ...filter, limit: 500, cursor });
    if (page.data.length > 0) yield page.data;
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
}

/** The names of the fields that the matching values have, those of the newest first: the columns of a table of them. */
export async function fieldsOf(
  db: Db,
  teamId: string,
  filter: OutputFilter,
  limit: number,
): Promise<string[]> {
  const rows = await db.all<{ key: string }>(
    sql`select f.key as key from ${output}, json_each(${output.value}) f
        where ${where(teamId, filter)} and json_type(${output.value}) = 'object'
        group by f.key order by max(${output.id}) desc, min(f.id) limit ${limit}`,
  );
  return rows.map(({ key }) => key);
}
