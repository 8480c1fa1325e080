/** What is kept beside requests: answers for repetitions, counts, who changed what. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { id, time, json } from './columns.ts';

/** Answers kept for Idempotency-Key; a row without a status is still being worked on. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    teamId: text('team_id').notNull(),
    key: text('key').notNull(),
    route: text('route').notNull(),
    bodyHash: text('body_hash').notNull(),
    status: integer('status'),
    /** headers and body, sealed; null and no `file_key` = the answer is not kept */
    body: text('body'),
    /** where a larger one stands in R2. Beside a `body` it is an earlier answer's, for the sweeper */
    fileKey: text('file_key'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.route, t.key] })],
);

/** Answers kept for keys that opted in (domain/call/cached-calls.ts), sealed; larger ones stand in R2 under `file_key`. */
export const cachedAnswer = sqliteTable(
  'cached_answer',
  {
    teamId: text('team_id').notNull(),
    /** SHA-256 of everything that decides the answer */
    hash: text('hash').notNull(),
    sealed: text('sealed'),
    fileKey: text('file_key'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.hash] }), index('cached_answer_expiry').on(t.expiresAt)],
);

/** Counts inside a window of time (wrong sign-ins); a row past `resetsAt` counts as none. */
export const rateWindow = sqliteTable('rate_window', {
  key: text('key').primaryKey(),
  count: integer('count').notNull(),
  resetsAt: time('resets_at').notNull(),
});

/** Append-only: who changed what, before and after, from where. */
export const auditLog = sqliteTable(
  'audit_log',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    actor: text('actor').notNull(),
    action: text('action').notNull(),
    target: text('target').notNull(),
    before: json<unknown>('before'),
    after: json<unknown>('after'),
    ip: text('ip'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [index('audit_log_team').on(t.teamId, t.id)],
);
