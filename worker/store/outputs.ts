/** What workflows gave. */
import { and, desc, eq, lt, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { output } from './schema.ts';

export interface OutputFilter {
  workflowId?: string;
  executionId?: string;
  tag?: string;
}

const where = (teamId: string, { workflowId, executionId, tag }: OutputFilter, cursor?: string) =>
  and(
    eq(output.teamId, teamId),
    workflowId ? eq(output.workflowId, workflowId) : undefined,
    executionId ? eq(output.executionId, executionId) : undefined,
    tag ? sql`exists (select 1 from json_each(${output.tags}) t where t.value = ${tag})` : undefined,
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

/** Every output that matches, a window at a time, so that an export never stands whole in memory. */
export async function* allOutputs(db: Db, teamId: string, filter: OutputFilter): AsyncGenerator<OutputRow[]> {
  let cursor: string | undefined;
  do {
    const page = await listOutputs(db, teamId, { ...filter, limit: 200, cursor });
    if (page.data.length > 0) yield page.data;
    cursor = page.nextCursor ?? undefined;
  } while (cursor);
}
