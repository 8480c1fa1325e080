/** Every run of a model. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { time, json, money } from './columns.ts';

/** Every run, billed or not; attempts that cost nothing stand here. A run's id is unique in its team: external usage brings its own. */
export interface FailedAttempt {
  attempt: number;
  provider: string;
  model: string;
  status: 'failed' | 'cancelled';
  billed: boolean;
  error: string | null;
  latencyMs: number;
  /** ISO, when it was admitted */
  at: string;
}

export const run = sqliteTable(
  'run',
  {
    id: text('id').notNull(),
    teamId: text('team_id').notNull(),
    status: text('status').notNull(),
    executionType: text('execution_type').notNull(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    attempts: integer('attempts').notNull(),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    costNanoUsd: money('cost_nano_usd').notNull(),
    /** what an answer from the cache would have cost; null = it was not one */
    savedNanoUsd: money('saved_nano_usd'),
    latencyMs: integer('latency_ms').notNull(),
    error: text('error'),
    promptId: text('prompt_id'),
    promptVersion: integer('prompt_version'),
    workflowId: text('workflow_id'),
    executionId: text('execution_id'),
    nodeId: text('node_id'),
    memberId: text('member_id'),
    keyId: text('key_id'),
    groupIds: json<string[]>('group_ids').notNull().default([]),
    tags: json<string[]>('tags').notNull().default([]),
    /** attempts that did not succeed, billed or not, oldest first, at most 50; null = none. The billed ones' money is in the ledger */
    failedAttempts: json<FailedAttempt[]>('failed_attempts'),
    /** outbox number of the newest attempt in here: a repeated delivery changes nothing */
    lastSeq: integer('last_seq').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.teamId, t.id] }),
    index('run_newest').on(t.teamId, t.createdAt),
    index('run_prompt').on(t.promptId, t.createdAt),
    index('run_model').on(t.teamId, t.model, t.createdAt),
    index('run_workflow')
      .on(t.workflowId, t.createdAt)
      .where(sql`workflow_id IS NOT NULL`),
    index('run_execution')
      .on(t.executionId, t.createdAt)
      .where(sql`execution_id IS NOT NULL`),
    index('run_unusual')
      .on(t.teamId, t.status, t.createdAt)
      .where(sql`status <> 'succeeded'`),
  ],
);
