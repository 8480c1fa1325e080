/** Runs as the ledger's queue writes them: one row per run, its attempts summed up. */
import { and, desc, eq, lt, or } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { run } from './schema.ts';

export type RunRow = typeof run.$inferSelect;

export interface RunFilter {
  promptId?: string;
  workflowId?: string;
  executionId?: string;
  model?: string;
  status?: string;
}

/** Newest first. A run's id need not be ours (external usage), so the cursor is time and id. */
export async function listRuns(
  db: Db,
  teamId: string,
  { limit, cursor, ...filter }: RunFilter & { limit: number; cursor?: string },
) {
  const [at, id] = cursor?.split('~', 2) ?? [];
  const equal = (Object.keys(filter) as (keyof RunFilter)[]).map((name) =>
    filter[name] === undefined ? undefined : eq(run[name], filter[name]),
  );
  const rows = await db
    .select()
    .from(run)
    .where(
      and(
        eq(run.teamId, teamId),
        ...equal,
        at === undefined || id === undefined
          ? undefined
          : or(lt(run.createdAt, at), and(eq(run.createdAt, at), lt(run.id, id))),
      ),
    )
    .orderBy(desc(run.createdAt), desc(run.id))
    .limit(limit + 1);
  const last = rows[limit - 1];
  return {
    data: rows.slice(0, limit),
    nextCursor: rows.length > limit && last ? `${last.createdAt}~${last.id}` : null,
  };
}

export const findRun = (db: Db, teamId: string, id: string): Promise<RunRow | undefined> =>
  db.query.run.findFirst({ where: and(eq(run.teamId, teamId), eq(run.id, id)) });
