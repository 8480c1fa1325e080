/**
 * Slots of workflows that limit their runs (engine.md rule 13, ADR 0011). A slot is a lease in the run's own index row: how many are taken
 * is counted from the rows, who is next follows from their order. One statement grants, so two who ask at once never get one slot twice.
 */
import { and, eq, isNotNull, isNull, lte, or, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { enqueueExecutions } from './execution-queue.ts';
import { execution } from './schema.ts';

/** A run that shows no sign of life for so long has lost its slot. While it goes it renews with every report, at least every 10 s. */
export const SLOT_MS = 120_000;
/** So many runs of one workflow stand in line at most. */
export const MAX_QUEUED = 10_000;
const AT_ONCE = 100;

/**
 * Gives free slots to those who stand longest in line, in the order in which they were accepted, and wakes them. Safe to call at any time: whoever
 * frees a slot, joins the line or finds a lease run out does. Answers who got one.
 */
export async function grantSlots(env: Env, workflowId: string, nowMs: number): Promise<string[]> {
  const now = new Date(nowMs).toISOString();
  const { results } = await env.DB.prepare(
    `UPDATE execution SET slot_until = ?1 WHERE rowid IN (
       SELECT row FROM (
         SELECT rowid AS row, max_concurrent, row_number() OVER (ORDER BY rowid) AS place FROM (
           SELECT rowid, max_concurrent FROM execution INDEXED BY execution_line
           WHERE workflow_id = ?2 AND ended_at IS NULL AND max_concurrent IS NOT NULL
             AND status = 'queued' AND (slot_until IS NULL OR slot_until <= ?3)
           ORDER BY rowid LIMIT ?4))
       WHERE place + (SELECT count(*) FROM execution INDEXED BY execution_slots
                      WHERE workflow_id = ?2 AND slot_until IS NOT NULL AND slot_until > ?3) <= max_concurrent)
     RETURNING id`,
  )
    .bind(new Date(nowMs + SLOT_MS).toISOString(), workflowId, now, AT_ONCE)
    .all<{ id: string }>();
  const ids = results.map(({ id }) => id);
  // a message that is not sent now is found by the sweeper: the row says that it may go
  await enqueueExecutions(env, ids).catch(() => {});
  return ids;
}

const standsInLine = (nowIso: string) =>
  and(
    isNull(execution.endedAt),
    isNotNull(execution.maxConcurrent),
    eq(execution.status, 'queued'),
    or(isNull(execution.slotUntil), lte(execution.slotUntil, nowIso)),
  );

/** Is there no place left in this workflow's line? */
export async function isLineFull(db: Db, workflowId: string, nowMs: number): Promise<boolean> {
  const rows = await db
    .select({ one: sql`1` })
    .from(execution)
    .where(and(eq(execution.workflowId, workflowId), standsInLine(new Date(nowMs).toISOString())))
    .limit(1)
    .offset(MAX_QUEUED - 1);
  return rows.length > 0;
}

/** Workflows in whose line somebody stands. */
export async function workflowsWithLines(db: Db, nowMs: number, limit: number): Promise<string[]> {
  const rows = await db
    .selectDistinct({ id: execution.workflowId })
    .from(execution)
    .where(standsInLine(new Date(nowMs).toISOString()))
    .limit(limit);
  return rows.map(({ id }) => id);
}
