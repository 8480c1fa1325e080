/**
 * Retention of runs: when their team keeps them no longer, what stands of them in R2 goes (archive, large outputs, input), and dead letters
 * with them. The index row with its sums stays, so do the workflow's outputs and the ledger.
 */
import { and, asc, eq, isNotNull, isNull, lt } from 'drizzle-orm';
import type { CoreServices, Db } from '../services.ts';
import { deadLetter, execution, organization } from './schema.ts';

/** Teams that keep their runs for so many days and no longer. */
export async function teamsThatForget(db: Db): Promise<{ id: string; days: number }[]> {
  const teams = await db
    .select({ id: organization.id, days: organization.executionRetentionDays })
    .from(organization)
    .where(isNotNull(organization.executionRetentionDays));
  return teams.flatMap(({ id, days }) => (days === null ? [] : [{ id, days }]));
}

/** Archived runs of a team that ended before an instant (ISO), oldest first. */
export async function runsToForget(
  db: Db,
  teamId: string,
  { before, limit }: { before: string; limit: number },
): Promise<string[]> {
  const rows = await db
    .select({ id: execution.id })
    .from(execution)
    .where(
      and(
        eq(execution.teamId, teamId),
        lt(execution.endedAt, before),
        isNotNull(execution.archivedAt),
        isNull(execution.detailsRemovedAt),
      ),
    )
    .orderBy(asc(execution.endedAt))
    .limit(limit);
  return rows.map(({ id }) => id);
}

/** Its files first: a run whose row says that they are gone has none. Safe to run twice. */
export async function forgetRun(
  { db, env, now }: Pick<CoreServices, 'db' | 'env' | 'now'>,
  id: string,
): Promise<void> {
  for (;;) {
    // what is deleted is not listed again
    const { objects } = await env.FILES.list({ prefix: `executions/${id}/`, limit: 1000 });
    if (objects.length === 0) break;
    await env.FILES.delete(objects.map(({ key }) => key));
  }
  await db
    .update(execution)
    .set({ detailsRemovedAt: new Date(now()).toISOString(), input: null, inputRef: null })
    .where(eq(execution.id, id));
}

/** Removes letters that failed last before an instant (ISO), open or not; `teamId` null = those of no team. Answers how many. */
export async function removeLetters(
  { db, env }: Pick<CoreServices, 'db' | 'env'>,
  teamId: string | null,
  { before, limit }: { before: string; limit: number },
): Promise<number> {
  const letters = await db
    .select({ id: deadLetter.id, payloadKey: deadLetter.payloadKey })
    .from(deadLetter)
    .where(
      and(
        teamId === null ? isNull(deadLetter.teamId) : eq(deadLetter.teamId, teamId),
        lt(deadLetter.lastAt, before),
      ),
    )
    .orderBy(asc(deadLetter.id))
    .limit(limit);
  const keys = letters.flatMap(({ payloadKey }) => payloadKey ?? []);
  if (keys.length > 0) await env.FILES.delete(keys);
  if (letters.length > 0)
    await env.DB.prepare('DELETE FROM dead_letter WHERE id IN (SELECT value FROM json_each(?))')
      .bind(JSON.stringify(letters.map(({ id }) => id)))
      .run();
  return letters.length;
}
