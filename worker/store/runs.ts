/** Runs as the ledger's queue writes them: one row per run, its attempts summed up. */
import { and, asc, desc, eq, lt, ne, or, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { ledger, run } from './schema.ts';

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
        // an index that begins with the id is the one to enter by; without the plus SQLite would walk through the team's newest
        (filter.promptId ?? filter.workflowId ?? filter.executionId)
          ? sql`+${run.teamId} = ${teamId}`
          : eq(run.teamId, teamId),
        ...equal,
        // lets SQLite take the index of the rare ones
        filter.status === undefined || filter.status === 'succeeded' ? undefined : sql`status <> 'succeeded'`,
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

/** One attempt of a run: its ledger row when it was billed, and what is known of it when it was not. */
export interface RunAttempt {
  attempt: number;
  status: string;
  billed: boolean;
  provider: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  latencyMs: number;
  error: string | null;
  createdAt: string;
}

const MAX_ATTEMPTS = 200;

/** Every attempt of a run in order: billed ones from the ledger, the others from what stands on the run. */
export async function attemptsOf(
  db: Db,
  { teamId, id, failedAttempts }: Pick<RunRow, 'teamId' | 'id' | 'failedAttempts'>,
): Promise<RunAttempt[]> {
  const rows = await db
    .select()
    .from(ledger)
    .where(and(eq(ledger.teamId, teamId), eq(ledger.runId, id), ne(ledger.executionType, 'adjustment')))
    .orderBy(asc(ledger.attempt))
    .limit(MAX_ATTEMPTS);
  const failed = failedAttempts ?? [];
  const errors = new Map(failed.map(({ attempt, error }) => [attempt, error]));
  const billed = rows.map((row): RunAttempt => ({
    attempt: row.attempt,
    status: row.status,
    billed: true,
    provider: row.provider,
    model: row.model,
    inputTokens: row.inputTokens,
    outputTokens: row.outputTokens,
    costNanoUsd: row.costNanoUsd,
    latencyMs: row.latencyMs,
    error: errors.get(row.attempt) ?? null,
    createdAt: row.createdAt,
  }));
  const unbilled = failed
    .filter((one) => !one.billed)
    .map(({ at, ...one }): RunAttempt => ({
      ...one,
      inputTokens: 0,
      outputTokens: 0,
      costNanoUsd: 0,
      createdAt: at,
    }));
  return [...billed, ...unbilled].sort((a, b) => a.attempt - b.attempt);
}
