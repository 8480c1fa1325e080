/** Index rows of executions: written before anything is enqueued, brought up to date by the run's object, which owns the state. */
import { and, asc, desc, eq, gt, inArray, isNull, lt, ne, or, sql } from 'drizzle-orm';
import type { Caller } from '../domain/budget/budget.ts';
import type { Definition } from '../domain/workflow/definition.ts';
import type { Alone } from '../domain/workflow/replay.ts';
import type { RunOrder, RunRecord } from '../domain/workflow/run.ts';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { apiKey, definition, execution } from './schema.ts';
import { SLOT_MS } from './slots.ts';

export type ExecutionRow = typeof execution.$inferSelect;

/** Inputs beyond this many characters of JSON stand in R2. */
export const INLINE_INPUT_CHARS = 64 * 1024;
/** The trigger of a run of one node: its input holds what is given to that node. */
export const ALONE = 'node';
const inputKey = (executionId: string) => `executions/${executionId}/input.json`;

/** definitions this isolate knows to be stored: they never change and are never deleted */
const stored = new Set<string>();

/**
 * Writes the row, and the definition it is pinned to, in one batch. `input` is undefined when there is none. Answers its id; of a step that
 * was started already, the id of what it started.
 */
export async function insertExecution(
  { db, files }: { db: Db; files: R2Bucket },
  row: Omit<typeof execution.$inferInsert, 'inputRef'>,
  body: Definition,
): Promise<string> {
  const text = JSON.stringify(row.input ?? null);
  const inputRef = text.length > INLINE_INPUT_CHARS ? inputKey(row.id) : null;
  if (inputRef) await files.put(inputRef, text);
  const insert = db.insert(execution).values({ ...row, input: inputRef ? null : row.input, inputRef });
  const known = `${row.teamId}/${row.definitionHash}`;
  if (row.parentExecutionId && row.parentKey) return await insertChild(db, insert, row);
  // whoever starts it again under the same id (a fire, an event that is told twice) finds it started
  const once = insert.onConflictDoNothing({ target: execution.id });
  if (stored.has(known)) {
    await once;
    return row.id;
  }
  await db.batch([
    db
      .insert(definition)
      .values({ teamId: row.teamId, hash: row.definitionHash, body, createdAt: row.createdAt })
      .onConflictDoNothing(),
    once,
  ]);
  if (stored.size > 10_000) stored.clear();
  stored.add(known);
  return row.id;
}

/** The definition of a called workflow is stored already: it was published. */
async function insertChild(
  db: Db,
  insert: ReturnType<ReturnType<Db['insert']>['values']>,
  {
    id,
    parentExecutionId,
    parentKey,
  }: Pick<typeof execution.$inferInsert, 'id' | 'parentExecutionId' | 'parentKey'>,
): Promise<string> {
  await insert.onConflictDoNothing();
  const row = await db.query.execution.findFirst({
    columns: { id: true },
    where: and(eq(execution.parentExecutionId, parentExecutionId!), eq(execution.parentKey, parentKey!)),
  });
  return row?.id ?? id;
}

export async function findExecution(db: Db, teamId: string, id: string): Promise<ExecutionRow | null> {
  const row = await db.query.execution.findFirst({
    where: and(eq(execution.teamId, teamId), eq(execution.id, id)),
  });
  return row ?? null;
}

/** Newest first; of one workflow when told. */
export async function listExecutions(
  db: Db,
  teamId: string,
  query: PageOptions & { workflowId?: string; status?: string },
) {
  const rows = await db
    .select({
      id: execution.id,
      workflowId: execution.workflowId,
      version: execution.version,
      status: execution.status,
      trigger: execution.trigger,
      startedAt: execution.startedAt,
      endedAt: execution.endedAt,
      createdAt: execution.createdAt,
      inputTokens: execution.inputTokens,
      outputTokens: execution.outputTokens,
      costNanoUsd: execution.costNanoUsd,
      budgetNanoUsd: execution.budgetNanoUsd,
      error: execution.error,
    })
    .from(execution)
    .where(
      and(
        query.workflowId ? eq(execution.workflowId, query.workflowId) : undefined,
        eq(execution.teamId, teamId),
        query.status ? eq(execution.status, query.status) : undefined,
        query.cursor ? lt(execution.id, query.cursor) : undefined,
      ),
    )
    .orderBy(desc(execution.id))
    .limit(query.limit + 1);
  return pageFrom(rows, query.limit);
}

/** Executions in which something waits for a person, newest first, with the names their nodes had when they began. */
export async function listAsking(
  db: Db,
  teamId: string,
  query: PageOptions & { workflowId?: string },
): Promise<{
  data: (Pick<ExecutionRow, 'id' | 'workflowId' | 'version' | 'status' | 'trigger' | 'createdAt'> & {
    questions: number;
    definition: Definition;
  })[];
  nextCursor: string | null;
}> {
  const rows = await db
    .select({
      id: execution.id,
      workflowId: execution.workflowId,
      version: execution.version,
      status: execution.status,
      trigger: execution.trigger,
      createdAt: execution.createdAt,
      questions: execution.questions,
      definition: definition.body,
    })
    .from(execution)
    .innerJoin(
      definition,
      and(eq(definition.teamId, execution.teamId), eq(definition.hash, execution.definitionHash)),
    )
    .where(
      and(
        eq(execution.teamId, teamId),
        gt(execution.questions, 0),
        // an emptied object cannot be answered any more
        isNull(execution.archivedAt),
        query.workflowId ? eq(execution.workflowId, query.workflowId) : undefined,
        query.cursor ? lt(execution.id, query.cursor) : undefined,
      ),
    )
    .orderBy(desc(execution.id))
    .limit(query.limit + 1);
  const page = pageFrom(rows, query.limit);
  return { ...page, data: page.data.map((row) => ({ ...row, definition: row.definition as Definition })) };
}

/** What runs start from, one statement for all of them. */
export async function loadOrders(
  { db, files }: { db: Db; files: R2Bucket },
  ids: readonly string[],
): Promise<Map<string, RunOrder>> {
  const rows = await db
    .select({ row: execution, body: definition.body, keyTags: apiKey.tags })
    .from(execution)
    .innerJoin(
      definition,
      and(eq(definition.teamId, execution.teamId), eq(definition.hash, execution.definitionHash)),
    )
    .leftJoin(apiKey, eq(apiKey.id, execution.keyId))
    .where(inArray(execution.id, [...ids]));
  const orders = new Map<string, RunOrder>();
  for (const { row, body, keyTags } of rows) {
    const pinned = body as Definition;
    const input = row.inputRef ? await (await files.get(row.inputRef))?.json() : row.input;
    orders.set(row.id, {
      executionId: row.id,
      teamId: row.teamId,
      workflowId: row.workflowId,
      version: row.version,
      definition: pinned,
      // what it was given may have been removed
      ...(row.trigger === ALONE && input
        ? { input: (input as Alone).input ?? null, alone: input as Alone }
        : { input: input ?? null }),
      trigger: row.trigger,
      keyId: row.keyId,
      memberId: row.memberId,
      groupIds: row.groupIds,
      tags: [...new Set([...(pinned.settings.tags ?? []), ...(keyTags ?? [])])],
      budgetNanoUsd: row.budgetNanoUsd,
      depth: row.depth,
      ...(row.archivedAt === null ? {} : { isArchived: true as const }),
      ...(row.maxConcurrent === null
        ? {}
        : { slotUntilMs: row.slotUntil === null ? null : Date.parse(row.slotUntil) }),
      ...(row.pins ? { pins: row.pins } : {}),
      ...(row.parentExecutionId ? { callers: await callersOf(db, row.parentExecutionId) } : {}),
      ...(row.replayOf ? { replay: { executionId: row.replayOf, fromNodeId: row.fromNodeId } } : {}),
    });
  }
  return orders;
}

/** The executions around one that was called, nearest first, and what each may spend. */
async function callersOf(db: Db, nearest: string): Promise<Caller[]> {
  const callers: Caller[] = [];
  for (let id: string | null = nearest; id !== null;) {
    const row: { budgetNanoUsd: number | null; parentExecutionId: string | null } | undefined =
      await db.query.execution.findFirst({
        columns: { budgetNanoUsd: true, parentExecutionId: true },
        where: eq(execution.id, id),
      });
    if (!row) break;
    callers.push({ executionId: id, limitNanoUsd: row.budgetNanoUsd });
    id = row.parentExecutionId;
  }
  return callers;
}

/**
 * Brings the index row up to date and adds the outputs, in one batch; safe to run twice. A slot that is still held is leased anew, one that
 * ran out is not: answers until when it is held now, and whether people are to be told of its end (store/workflow-alerts.ts).
 */
export async function recordRun(
  database: D1Database,
  record: RunRecord,
  nowMs: number,
): Promise<{ slotUntilMs: number | null; toTell: boolean }> {
  const update = database
    .prepare(
      `UPDATE execution SET status = ?, error = ?, budget_nano_usd = ?, input_tokens = ?, output_tokens = ?, cost_nano_usd = ?,
         started_at = ?, ended_at = ?, wake_at = ?, questions = ?,
         engine_ms = ?, slot_until = CASE WHEN ? AND slot_until > ? THEN ? END WHERE id = ? RETURNING slot_until`,
    )
    .bind(
      record.status,
      record.error === null ? null : JSON.stringify(record.error),
      record.budgetNanoUsd,
      record.inputTokens,
      record.outputTokens,
      record.costNanoUsd,
      record.startedAt,
      record.endedAt,
      record.wakeAt,
      record.questions,
      record.engineMs ?? null,
      record.holdsSlot ? 1 : 0,
      new Date(nowMs).toISOString(),
      new Date(nowMs + SLOT_MS).toISOString(),
      record.executionId,
    );
  const statements = [update];
  if (record.outputs.length > 0)
    statements.unshift(
      database
        .prepare(
          `INSERT OR IGNORE INTO output (id, team_id, workflow_id, execution_id, node_id, item_key, item_index, value, tags,
             input_tokens, output_tokens, cost_nano_usd, duration_ms, created_at)
           SELECT o ->> 'id', ?, ?, ?, o ->> 'nodeId', o ->> 'itemKey', o ->> 'itemIndex', o ->> 'value', o -> 'tags',
             o ->> 'inputTokens', o ->> 'outputTokens', o ->> 'costNanoUsd', o ->> 'durationMs', o ->> 'createdAt'
           FROM (SELECT value AS o FROM json_each(?))`,
        )
        .bind(record.teamId, record.workflowId, record.executionId, JSON.stringify(record.outputs)),
    );
  const ended = record.endedAt !== null;
  if (ended)
    statements.push(
      database
        .prepare(
          `INSERT OR IGNORE INTO ended_run (execution_id, ended_at)
           SELECT ?1, ?2 WHERE EXISTS (SELECT 1 FROM workflow_alert WHERE workflow_id = ?3)`,
        )
        .bind(record.executionId, record.endedAt, record.workflowId),
    );
  const results =
    statements.length === 1
      ? [await update.all()]
      : await database.batch<Record<string, unknown>>(statements);
  const updated = results[statements.indexOf(update)] as D1Result<{ slot_until: string | null }>;
  const until = updated.results[0]?.slot_until ?? null;
  return {
    slotUntilMs: until === null ? null : Date.parse(until),
    toTell: ended && results.at(-1)!.meta.changes > 0,
  };
}

/** Executions nobody has looked after: their wake-up is late, or they were never begun. */
export async function lateExecutions(db: Db, nowMs: number, limit: number): Promise<string[]> {
  const before = (ms: number) => new Date(nowMs - ms).toISOString();
  const rows = await db
    .select({ id: execution.id })
    .from(execution)
    .where(
      and(
        isNull(execution.endedAt),
        or(
          lt(execution.wakeAt, before(120_000)),
          and(eq(execution.status, 'queued'), lt(execution.wakeAt, before(30_000))),
        ),
        mayGo(nowMs),
      ),
    )
    .orderBy(asc(execution.wakeAt))
    .limit(limit);
  return rows.map((row) => row.id);
}

/** Executions that are to go on, or to begin, after the server was away: oldest first. */
export async function unendedExecutions(db: Db, nowMs: number, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: execution.id })
    .from(execution)
    .where(and(isNull(execution.endedAt), inArray(execution.status, ['queued', 'running']), mayGo(nowMs)))
    .orderBy(asc(execution.id))
    .limit(limit);
  return rows.map((row) => row.id);
}

/** Who stands in line is woken by a slot (store/slots.ts), and by nothing else. */
const mayGo = (nowMs: number) =>
  or(
    ne(execution.status, 'queued'),
    isNull(execution.maxConcurrent),
    gt(execution.slotUntil, new Date(nowMs).toISOString()),
  );

/** Teams that started something since then. */
export async function activeTeams(db: Db, sinceIso: string): Promise<string[]> {
  const rows = await db.all<{ team_id: string }>(
    sql`SELECT team_id FROM api_key WHERE last_used_at > ${sinceIso} UNION SELECT team_id FROM execution WHERE ended_at IS NULL UNION SELECT id FROM organization WHERE EXISTS (SELECT 1 FROM run WHERE run.team_id = organization.id AND run.created_at > ${sinceIso})`,
  );
  return rows.map((row) => row.team_id);
}
