/** What starts workflows by itself, and what is to be told or done when that fails. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { id, time, json } from './columns.ts';

/** A published version's schedule trigger. The row goes when the workflow is unpublished, deleted, or published without it. */
export const schedule = sqliteTable(
  'schedule',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    workflowId: text('workflow_id').notNull(),
    nodeId: text('node_id').notNull(),
    cron: text('cron').notNull(),
    timeZone: text('time_zone').notNull(),
    misfire: text('misfire', { enum: ['skip', 'once', 'catch_up'] }).notNull(),
    maxCatchUp: integer('max_catch_up').notNull(),
    overlap: text('overlap', { enum: ['skip', 'queue', 'parallel'] }).notNull(),
    /** the fire that is claimed next: whoever sets it on from here has claimed it */
    nextFireAt: time('next_fire_at').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [
    uniqueIndex('schedule_node').on(t.workflowId, t.nodeId),
    index('schedule_due').on(t.nextFireAt),
    index('schedule_team').on(t.teamId, t.id),
  ],
);

/** One fire of a schedule, by the instant it was due. `execution_id` is given when it is claimed, so that beginning it twice is once. */
export const scheduleFire = sqliteTable(
  'schedule_fire',
  {
    scheduleId: text('schedule_id').notNull(),
    fireAt: time('fire_at').notNull(),
    teamId: text('team_id').notNull(),
    workflowId: text('workflow_id').notNull(),
    /** due | waiting (for the run before) | started | ended | skipped | missed | failed */
    status: text('status').notNull(),
    executionId: text('execution_id').notNull(),
    /** why it was not made */
    note: text('note'),
    attempts: integer('attempts').notNull().default(0),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.scheduleId, t.fireAt] }),
    index('schedule_fire_open')
      .on(t.status, t.scheduleId, t.fireAt)
      .where(sql`status in ('due', 'waiting', 'started')`),
  ],
);

/** The address of a workflow's webhook trigger: found by the hash of its token; `sealed` holds token and signing secrets. */
export const webhook = sqliteTable('webhook', {
  workflowId: text('workflow_id').primaryKey(),
  teamId: text('team_id').notNull(),
  tokenHash: text('token_hash').notNull().unique(),
  sealed: text('sealed').notNull(),
  /** false = anybody who knows the address may call it */
  signed: integer('signed', { mode: 'boolean' }).notNull(),
  createdAt: time('created_at').notNull(),
  rotatedAt: time('rotated_at'),
});

/** Which event began which execution: a repeat is answered with the same. */
export const webhookDelivery = sqliteTable(
  'webhook_delivery',
  {
    workflowId: text('workflow_id').notNull(),
    /** "id:" and the event's id, else "body:" and the SHA-256 of the body */
    eventKey: text('event_key').notNull(),
    executionId: text('execution_id').notNull(),
    receivedAt: time('received_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.workflowId, t.eventKey] }),
    index('webhook_delivery_expiry').on(t.expiresAt),
  ],
);

/** What a team wants to be told of a workflow's runs; a workflow without a row is told nothing of. */
export const workflowAlert = sqliteTable('workflow_alert', {
  workflowId: text('workflow_id').primaryKey(),
  teamId: text('team_id').notNull(),
  onFailure: integer('on_failure', { mode: 'boolean' }).notNull(),
  /** null = never slow */
  slowMs: integer('slow_ms'),
  /** percent of the usual cost; null = never too dear */
  costPercent: integer('cost_percent'),
  updatedAt: time('updated_at').notNull(),
});

/** Runs that ended and of which it is still to be looked whether there is something to tell: written with the end itself. */
export const endedRun = sqliteTable(
  'ended_run',
  {
    executionId: text('execution_id').notNull(),
    endedAt: time('ended_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.executionId, t.endedAt] })],
);

/** What could not be processed, until a person replays or dismisses it. */
export const deadLetter = sqliteTable(
  'dead_letter',
  {
    id: id(),
    /** null = of no team: only operators see that there are some */
    teamId: text('team_id'),
    /** queue_message | schedule_fire | webhook_delivery */
    kind: text('kind').notNull(),
    /** what it is about: of one kind and subject there is one open letter */
    subject: text('subject').notNull(),
    workflowId: text('workflow_id'),
    reason: text('reason').notNull(),
    message: text('message').notNull(),
    /** what a replay needs; above 64 KB it stands in R2 under `payload_key` */
    payload: json<unknown>('payload'),
    payloadKey: text('payload_key'),
    attempts: integer('attempts').notNull(),
    /** open | replayed | dismissed */
    status: text('status').notNull(),
    /** the execution that a replay began */
    executionId: text('execution_id'),
    createdAt: time('created_at').notNull(),
    lastAt: time('last_at').notNull(),
    endedAt: time('ended_at'),
  },
  (t) => [
    index('dead_letter_team').on(t.teamId, t.id),
    uniqueIndex('dead_letter_open')
      .on(t.kind, t.subject)
      .where(sql`status = 'open'`),
  ],
);
