/** Money, written only by worker/queues/ledger.ts and what corrects it; prices of a team. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Settlement } from '../../domain/budget/budget.ts';
import type { PriceBody } from '../../domain/cost/price-input.ts';
import { id, time, json, money, safeMoney } from './columns.ts';

/** One row per billed attempt, unique by (runId, attempt); never updated. */
export const ledger = sqliteTable(
  'ledger',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    /** the team's gapless outbox number: the watermark of a consistent cut */
    seq: integer('seq').notNull(),
    runId: text('run_id').notNull(),
    attempt: integer('attempt').notNull(),
    status: text('status').notNull(),
    source: text('source').notNull(),
    flags: json<string[]>('flags').notNull().default([]),
    executionType: text('execution_type').notNull(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    inputTokens: integer('input_tokens').notNull(),
    cacheReadTokens: integer('cache_read_tokens').notNull(),
    cacheWriteTokens: integer('cache_write_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    reasoningTokens: integer('reasoning_tokens').notNull(),
    costNanoUsd: money('cost_nano_usd').notNull(),
    priced: integer('priced', { mode: 'boolean' }).notNull(),
    priceId: text('price_id'),
    promptId: text('prompt_id'),
    promptVersion: integer('prompt_version'),
    workflowId: text('workflow_id'),
    executionId: text('execution_id'),
    nodeId: text('node_id'),
    memberId: text('member_id'),
    keyId: text('key_id'),
    groupIds: json<string[]>('group_ids').notNull().default([]),
    tags: json<string[]>('tags').notNull().default([]),
    usageJson: text('usage_json').notNull(),
    rawUsage: text('raw_usage'),
    latencyMs: integer('latency_ms').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    uniqueIndex('ledger_attempt').on(t.teamId, t.runId, t.attempt),
    uniqueIndex('ledger_seq').on(t.teamId, t.seq),
    index('ledger_newest').on(t.teamId, t.createdAt),
    index('ledger_execution').on(t.executionId),
    // what failed is rare and looked for; a reader must say `status <> 'succeeded'` too
    index('ledger_unusual')
      .on(t.teamId, t.status, t.createdAt)
      .where(sql`status <> 'succeeded'`),
    safeMoney('ledger_cost_safe', 'cost_nano_usd'),
  ],
);

/** Prices a team set itself. Append-only: a new price is a new row, so what a ledger row's priceId names never changes. */
export const priceOverride = sqliteTable(
  'price_override',
  {
    teamId: text('team_id').notNull(),
    provider: text('provider').notNull(),
    model: text('model').notNull(),
    /** counts up per model; of two rows for the same instant the higher one holds */
    version: integer('version').notNull(),
    effectiveFrom: time('effective_from').notNull(),
    /** rates, tiers and fees: domain/cost/price-input.ts' PriceBody */
    rates: json<PriceBody>('rates').notNull(),
    /** the actor as the audit log writes it */
    createdBy: text('created_by').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.provider, t.model, t.version] })],
);

/** Sums per quarter of an hour and dimension ('team', 'model', 'prompt', 'workflow', 'member', 'group', 'key', 'tag'); `start` is unix seconds. */
export const rollup = sqliteTable(
  'rollup',
  {
    teamId: text('team_id').notNull(),
    dimension: text('dimension').notNull(),
    key: text('key').notNull(),
    start: integer('start').notNull(),
    runs: integer('runs').notNull(),
    inputTokens: integer('input_tokens').notNull(),
    outputTokens: integer('output_tokens').notNull(),
    costNanoUsd: money('cost_nano_usd').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.teamId, t.dimension, t.start, t.key] }),
    safeMoney('rollup_cost_safe', 'cost_nano_usd'),
  ],
);

const coarserRollup = (name: string, { byKey = false } = {}) =>
  sqliteTable(
    name,
    {
      teamId: text('team_id').notNull(),
      dimension: text('dimension').notNull(),
      key: text('key').notNull(),
      start: integer('start').notNull(),
      runs: integer('runs').notNull(),
      inputTokens: integer('input_tokens').notNull(),
      outputTokens: integer('output_tokens').notNull(),
      costNanoUsd: money('cost_nano_usd').notNull(),
    },
    (t) => [
      primaryKey({ columns: [t.teamId, t.dimension, t.start, t.key] }),
      ...(byKey ? [index(`${name}_key`).on(t.teamId, t.dimension, t.key, t.start)] : []),
      safeMoney(`${name}_cost_safe`, 'cost_nano_usd'),
    ],
  );
/** The same sums per hour, six hours and day (UTC). Triggers on `rollup` keep them (migrations/*_clustered_rollups.sql), so whoever writes a quarter of an hour writes all four. */
export const rollupHour = coarserRollup('rollup_hour', { byKey: true });
/** A day of any zone is a few of these and some hours, where the day (UTC) never fits into it. */
export const rollupSixHours = coarserRollup('rollup_six_hours');
export const rollupDay = coarserRollup('rollup_day');

/**
 * How far a team's ledger was proved: everything up to `seq` was summed from the rows themselves. Removing old rows may touch only rows
 * at or below it, and adds what it removes to the `carried_*` columns in the same batch, so that sums stay what they were.
 */
export const ledgerCheckpoint = sqliteTable(
  'ledger_checkpoint',
  {
    teamId: text('team_id').primaryKey(),
    seq: integer('seq').notNull().default(0),
    costNanoUsd: money('cost_nano_usd').notNull().default(0),
    rows: integer('rows').notNull().default(0),
    /** null = never proved to the end */
    verifiedAt: time('verified_at'),
    /** a proof under way: summed up to here; null = none is */
    nextSeq: integer('next_seq'),
    nextCostNanoUsd: money('next_cost_nano_usd').notNull().default(0),
    nextRows: integer('next_rows').notNull().default(0),
    /** rows that retention removed: what they cost, how many they were; none of them was booked to an instant at or after `carriedBefore` */
    carriedCostNanoUsd: money('carried_cost_nano_usd').notNull().default(0),
    carriedRows: integer('carried_rows').notNull().default(0),
    carriedBefore: time('carried_before'),
  },
  () => [safeMoney('ledger_checkpoint_cost_safe', 'cost_nano_usd')],
);

/** Settlements of calls that were let through unchecked and could not be booked yet (B22); the minute's job books them. */
export const unbooked = sqliteTable(
  'unbooked',
  {
    teamId: text('team_id').notNull(),
    runId: text('run_id').notNull(),
    attempt: integer('attempt').notNull(),
    settlement: json<Settlement>('settlement').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.runId, t.attempt] })],
);
