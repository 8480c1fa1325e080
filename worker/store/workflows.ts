/** Workflows: the draft that is edited, and the definitions by content hash that runs and versions are pinned to. */
import { and, desc, eq, isNotNull, lt, sql } from 'drizzle-orm';
import type { Definition } from '../domain/workflow/definition.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { schedulesOf } from '../domain/schedule/schedule.ts';
import type { Db } from '../services.ts';
import { endSchedules, putSchedules } from './schedules.ts';
import {
  apiKey,
  definition,
  execution,
  user,
  webhook,
  workflow,
  workflowAlert,
  workflowVersion,
} from './schema.ts';
import { sha256Of } from './sha256.ts';

export type WorkflowRow = Omit<typeof workflow.$inferSelect, 'draft'> & { draft: Definition };

const typed = (row: typeof workflow.$inferSelect): WorkflowRow => ({
  ...row,
  draft: row.draft as Definition,
});

/** SHA-256 of the definition as JSON, hex: equal texts are one row. */
export const hashDefinition = (body: Definition): Promise<string> => sha256Of(JSON.stringify(body));

export async function insertWorkflow(
  db: Db,
  row: { id: string; teamId: string; draft: Definition; at: string },
): Promise<WorkflowRow> {
  const [stored] = await db
    .insert(workflow)
    .values({
      id: row.id,
      teamId: row.teamId,
      name: row.draft.name,
      description: row.draft.description ?? '',
      draft: row.draft,
      draftRevision: 1,
      createdAt: row.at,
      updatedAt: row.at,
    })
    .returning();
  return typed(stored!);
}

export async function findWorkflow(db: Db, teamId: string, id: string): Promise<WorkflowRow | null> {
  const row = await db.query.workflow.findFirst({
    where: and(eq(workflow.teamId, teamId), eq(workflow.id, id)),
  });
  return row ? typed(row) : null;
}

/** Is the draft another one than the published version? Compared as they are stored; false while nothing is published. */
const isChanged = sql<boolean>`coalesce((select d.body <> ${workflow}.draft from ${workflowVersion} v
  join ${definition} d on d.team_id = v.team_id and d.hash = v.definition_hash
  where v.workflow_id = ${workflow}.id and v.version = ${workflow}.published_version), 0)`.mapWith(Boolean);

export async function hasUnpublishedChanges(db: Db, { id, publishedVersion }: WorkflowRow): Promise<boolean> {
  if (publishedVersion === null) return false;
  const [row] = await db.select({ isChanged }).from(workflow).where(eq(workflow.id, id));
  return row?.isChanged ?? false;
}

/** Newest first, each with its latest execution and what its runs cost, in all and since `monthStart`; `cursor` is the last id of the page before. */
export async function listWorkflows(
  db: Db,
  teamId: string,
  { limit, cursor, monthStart }: { limit: number; cursor?: string; monthStart: string },
) {
  const rows = await db
    .select({
      id: workflow.id,
      name: workflow.name,
      description: workflow.description,
      draftRevision: workflow.draftRevision,
      publishedVersion: workflow.publishedVersion,
      unpublishedChanges: isChanged,
      active: workflow.active,
      nodeCount: sql<number>`json_array_length(${workflow.draft}, '$.nodes')`,
      lastExecutionId: sql<
        string | null
      >`(select e.id from ${execution} e where e.workflow_id = ${workflow}.id order by e.id desc limit 1)`,
      lastExecutionStatus: sql<
        string | null
      >`(select e.status from ${execution} e where e.workflow_id = ${workflow}.id order by e.id desc limit 1)`,
      trigger: sql<
        string | null
      >`(select json_extract(n.value, '$.config.on') from json_each(${workflow.draft}, '$.nodes') n where json_extract(n.value, '$.kind') = 'trigger' limit 1)`,
      runs: sql<number>`(select count(*) from ${execution} e where e.workflow_id = ${workflow}.id)`,
      averageCostNanoUsd: sql<
        number | null
      >`(select cast(round(avg(e.cost_nano_usd)) as integer) from ${execution} e where e.workflow_id = ${workflow}.id and e.status = 'completed')`,
      monthCostNanoUsd: sql<number>`(select coalesce(sum(e.cost_nano_usd), 0) from ${execution} e where e.workflow_id = ${workflow}.id and e.created_at >= ${monthStart})`,
      createdAt: workflow.createdAt,
      updatedAt: workflow.updatedAt,
    })
    .from(workflow)
    .where(and(eq(workflow.teamId, teamId), cursor ? lt(workflow.id, cursor) : undefined))
    .orderBy(desc(workflow.id))
    .limit(limit + 1);
  return { data: rows.slice(0, limit), nextCursor: rows.length > limit ? rows[limit - 1]!.id : null };
}

/** Saves the draft. With `revision` it is saved only over that one; otherwise the last writer wins. */
export async function saveDraft(
  db: Db,
  change: { teamId: string; id: string; draft: Definition; revision?: number; at: string },
): Promise<Result<WorkflowRow, 'not_found' | { conflict: number }>> {
  const [saved] = await db
    .update(workflow)
    .set({
      draft: change.draft,
      name: change.draft.name,
      description: change.draft.description ?? '',
      draftRevision: sql`${workflow.draftRevision} + 1`,
      updatedAt: change.at,
    })
    .where(
      and(
        eq(workflow.teamId, change.teamId),
        eq(workflow.id, change.id),
        change.revision === undefined ? undefined : eq(workflow.draftRevision, change.revision),
      ),
    )
    .returning();
  if (saved) return ok(typed(saved));
  const now = await findWorkflow(db, change.teamId, change.id);
  return err(now ? { conflict: now.draftRevision } : 'not_found');
}

/** True when there was one. Executions and their outputs stay: they are history. What would start it goes. */
export async function deleteWorkflow(db: Db, teamId: string, id: string): Promise<boolean> {
  const ofTeam = (table: typeof webhook | typeof workflowAlert) =>
    db.delete(table).where(and(eq(table.teamId, teamId), eq(table.workflowId, id)));
  const [gone] = await db.batch([
    db
      .delete(workflow)
      .where(and(eq(workflow.teamId, teamId), eq(workflow.id, id)))
      .returning({ id: workflow.id }),
    db
      .delete(workflowVersion)
      .where(and(eq(workflowVersion.teamId, teamId), eq(workflowVersion.workflowId, id))),
    ...endSchedules(db, { teamId, workflowId: id }),
    ofTeam(webhook),
    ofTeam(workflowAlert),
  ]);
  return gone.length > 0;
}

/** Takes the published version out of use: nothing starts it by itself any more. Versions stay. False = nothing was published. */
export async function unpublish(
  db: Db,
  of: { teamId: string; workflowId: string; at: string },
): Promise<boolean> {
  const [taken] = await db.batch([
    db
      .update(workflow)
      .set({ publishedVersion: null, updatedAt: of.at })
      .where(
        and(
          eq(workflow.teamId, of.teamId),
          eq(workflow.id, of.workflowId),
          isNotNull(workflow.publishedVersion),
        ),
      )
      .returning({ id: workflow.id }),
    ...endSchedules(db, of),
  ]);
  return taken.length > 0;
}

/** Makes the draft the next version and the published one, and its schedules those of the workflow. The definition is stored by hash, so equal versions share it. */
export async function publishDraft(
  db: Db,
  row: WorkflowRow,
  by: { author: string; note: string; at: string; newId: (kind: 'schedule') => string },
): Promise<number> {
  const schedules = schedulesOf(row.draft, Date.parse(by.at)).map((one) => ({
    id: by.newId('schedule'),
    ...one,
  }));
  const hash = await hashDefinition(row.draft);
  const next = sql<number>`(select coalesce(max(${workflowVersion.version}), 0) + 1 from ${workflowVersion} where ${workflowVersion.workflowId} = ${row.id})`;
  const [, [made]] = await db.batch([
    db
      .insert(definition)
      .values({ teamId: row.teamId, hash, body: row.draft, createdAt: by.at })
      .onConflictDoNothing(),
    db
      .insert(workflowVersion)
      .values({
        workflowId: row.id,
        version: next,
        teamId: row.teamId,
        definitionHash: hash,
        note: by.note,
        author: by.author,
        createdAt: by.at,
      })
      .returning({ version: workflowVersion.version }),
    db
      .update(workflow)
      .set({
        publishedVersion: sql`(select max(${workflowVersion.version}) from ${workflowVersion} where ${workflowVersion.workflowId} = ${row.id})`,
        updatedAt: by.at,
      })
      .where(eq(workflow.id, row.id)),
    ...putSchedules(db, { teamId: row.teamId, workflowId: row.id }, schedules, by.at),
  ]);
  return made!.version;
}

export async function listVersions(
  db: Db,
  teamId: string,
  workflowId: string,
  limit: number,
  cursor?: string,
) {
  const rows = await db
    .select({
      version: workflowVersion.version,
      definitionHash: workflowVersion.definitionHash,
      note: workflowVersion.note,
      author: workflowVersion.author,
      authorName: sql<string | null>`coalesce(
        (select u.name from ${user} u where u.id = ${workflowVersion}.author),
        (select k.name from ${apiKey} k where k.id = ${workflowVersion}.author and k.team_id = ${workflowVersion}.team_id))`,
      createdAt: workflowVersion.createdAt,
      definition: sql<Definition>`${definition.body}`.mapWith(
        (text: string) => JSON.parse(text) as Definition,
      ),
    })
    .from(workflowVersion)
    .innerJoin(
      definition,
      and(eq(definition.teamId, workflowVersion.teamId), eq(definition.hash, workflowVersion.definitionHash)),
    )
    .where(
      and(
        eq(workflowVersion.teamId, teamId),
        eq(workflowVersion.workflowId, workflowId),
        cursor ? lt(workflowVersion.version, Number(cursor)) : undefined,
      ),
    )
    .orderBy(desc(workflowVersion.version))
    .limit(limit + 1);
  return {
    data: rows.slice(0, limit),
    nextCursor: rows.length > limit ? String(rows[limit - 1]!.version) : null,
  };
}

/** The definition a published version is pinned to; null when there is no such version. */
export async function findVersion(db: Db, teamId: string, workflowId: string, version: number) {
  const [row] = await db
    .select({ hash: definition.hash, body: definition.body })
    .from(workflowVersion)
    .innerJoin(
      definition,
      and(eq(definition.teamId, workflowVersion.teamId), eq(definition.hash, workflowVersion.definitionHash)),
    )
    .where(
      and(
        eq(workflowVersion.teamId, teamId),
        eq(workflowVersion.workflowId, workflowId),
        eq(workflowVersion.version, version),
      ),
    );
  return row ? { hash: row.hash, body: row.body as Definition } : null;
}

/** Workflows whose draft names the data source, so that it is not deleted under them. */
export function workflowsUsing(db: Db, teamId: string, dataSourceId: string) {
  return db
    .select({ id: workflow.id, name: workflow.name })
    .from(workflow)
    .where(
      and(
        eq(workflow.teamId, teamId),
        sql`exists (select 1 from json_each(${workflow.draft}, '$.nodes') n where json_extract(n.value, '$.config.dataSourceId') = ${dataSourceId})`,
      ),
    );
}
