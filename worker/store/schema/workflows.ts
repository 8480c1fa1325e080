/** Workflows, their versions, executions and outputs. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { id, time, json, money } from './columns.ts';

export const workflow = sqliteTable(
  'workflow',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    /** the autosaved draft: api.md's definition */
    draft: json<unknown>('draft').notNull(),
    /** counts up with every save of the draft: optimistic locking */
    draftRevision: integer('draft_revision').notNull(),
    publishedVersion: integer('published_version'),
    active: integer('active', { mode: 'boolean' }).notNull().default(true),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [index('workflow_team').on(t.teamId, t.id)],
);

/** Immutable definitions by content hash: published versions and the drafts that were run point here, so a run is pinned. */
export const definition = sqliteTable(
  'definition',
  {
    teamId: text('team_id').notNull(),
    hash: text('hash').notNull(),
    body: json<unknown>('body').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.hash] })],
);

export const workflowVersion = sqliteTable(
  'workflow_version',
  {
    workflowId: text('workflow_id').notNull(),
    version: integer('version').notNull(),
    teamId: text('team_id').notNull(),
    definitionHash: text('definition_hash').notNull(),
    note: text('note').notNull().default(''),
    author: text('author').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.workflowId, t.version] })],
);

/** Index row of an execution: written before anything is enqueued, brought up to date as it goes; the object owns the state. */
export const execution = sqliteTable(
  'execution',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    workflowId: text('workflow_id').notNull(),
    /** null = a draft run */
    version: integer('version'),
    definitionHash: text('definition_hash').notNull(),
    status: text('status').notNull(),
    trigger: text('trigger').notNull(),
    /** inline up to 64 KB, else an R2 key in inputRef */
    input: json<unknown>('input'),
    inputRef: text('input_ref'),
    keyId: text('key_id'),
    memberId: text('member_id'),
    /** groups of who started it, as they were then */
    groupIds: json<string[]>('group_ids').notNull().default([]),
    budgetNanoUsd: money('budget_nano_usd'),
    inputTokens: integer('input_tokens').notNull().default(0),
    outputTokens: integer('output_tokens').notNull().default(0),
    costNanoUsd: money('cost_nano_usd').notNull().default(0),
    error: json<unknown>('error'),
    createdAt: time('created_at').notNull(),
    startedAt: time('started_at'),
    endedAt: time('ended_at'),
    /** when the object means to wake next; the sweeper pokes what is late */
    wakeAt: time('wake_at'),
    /** how many runs of its workflow may go at one time, as its definition says; null = no limit */
    maxConcurrent: integer('max_concurrent'),
    /** until when it holds one of those slots; null = none. Who is `queued` without one stands in line (ADR 0011) */
    slotUntil: time('slot_until'),
    /** the execution that called this one, and by which of its steps: once */
    parentExecutionId: text('parent_execution_id'),
    parentKey: text('parent_key'),
    depth: integer('depth').notNull().default(0),
    /** definitions of the workflows it may call, as they were published when it began: workflow id -> {version, hash} */
    pins: json<Record<string, { version: number; hash: string }>>('pins'),
    /** the execution whose results it takes over, and from which node on it runs anew (null = from what failed) */
    replayOf: text('replay_of'),
    fromNodeId: text('from_node_id'),
    /** when the object was emptied; the run then stands in R2 (state.md) */
    archivedAt: time('archived_at'),
    /** when its archive and its input were removed: only this row and its outputs are left */
    detailsRemovedAt: time('details_removed_at'),
    /** of its time, how long no node ran or waited: what the engine itself took; null = not ended, or too many nodes to tell */
    engineMs: integer('engine_ms'),
    /** how many of its nodes wait for a person: approvals, and steps of which nobody knows whether they happened */
    questions: integer('questions').notNull().default(0),
  },
  (t) => [
    index('execution_questions')
      .on(t.teamId, t.id)
      .where(sql`questions > 0`),
    index('execution_ended')
      .on(t.endedAt)
      .where(sql`ended_at is not null`),
    index('execution_retained')
      .on(t.teamId, t.endedAt)
      .where(sql`archived_at is not null and details_removed_at is null`),
    index('execution_line')
      .on(t.workflowId)
      .where(sql`ended_at is null and max_concurrent is not null`),
    index('execution_slots')
      .on(t.workflowId)
      .where(sql`slot_until is not null`),
    uniqueIndex('execution_child')
      .on(t.parentExecutionId, t.parentKey)
      .where(sql`parent_execution_id is not null`),
    index('execution_archive')
      .on(t.endedAt)
      .where(sql`ended_at is not null and archived_at is null`),
    index('execution_workflow').on(t.workflowId, t.id),
    index('execution_team').on(t.teamId, t.id),
    index('execution_open')
      .on(t.wakeAt)
      .where(sql`ended_at is null`),
  ],
);

export const output = sqliteTable(
  'output',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    workflowId: text('workflow_id').notNull(),
    executionId: text('execution_id').notNull(),
    nodeId: text('node_id').notNull(),
    /** position in the enclosing maps as "3" or "3.1"; '' outside a map */
    itemKey: text('item_key').notNull().default(''),
    itemIndex: integer('item_index'),
    value: json<unknown>('value'),
    tags: json<string[]>('tags').notNull().default([]),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    costNanoUsd: money('cost_nano_usd').notNull(),
    durationMs: integer('duration_ms').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('output_once').on(t.executionId, t.nodeId, t.itemKey),
    index('output_team').on(t.teamId, t.id),
    index('output_workflow').on(t.workflowId, t.id),
  ],
);
