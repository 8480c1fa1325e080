/** The only schema of D1: every table, drizzle first; migrations/ is made from it by `npm run db:generate`. Each table is described in docs/state.md. */
import { sql } from 'drizzle-orm';
import type { Guardrails } from '../domain/guard/guardrails.ts';
import type { Settlement } from '../domain/budget/budget.ts';
import type { PriceBody } from '../domain/cost/price-input.ts';
import type { Route } from '../domain/routing/route.ts';
import { check, index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';

const id = () => text('id').primaryKey();
/** ISO-8601 UTC with milliseconds: sorts as text */
const time = (name: string) => text(name);
const json = <T>(name: string) => text(name, { mode: 'json' }).$type<T>();
const money = (name: string) => integer(name);
const safeMoney = (name: string, column: string) =>
  check(name, sql.raw(`typeof(${column}) = 'integer' AND abs(${column}) <= 9007199254740991`));

// ---- accounts (better-auth's own shapes; times are its timestamps) ----
const stamp = (name: string) => integer(name, { mode: 'timestamp_ms' });

export const user = sqliteTable('user', {
  id: id(),
  name: text('name').notNull(),
  email: text('email').notNull().unique(),
  emailVerified: integer('email_verified', { mode: 'boolean' }).notNull().default(false),
  image: text('image'),
  createdAt: stamp('created_at').notNull(),
  updatedAt: stamp('updated_at').notNull(),
});

export const session = sqliteTable(
  'session',
  {
    id: id(),
    expiresAt: stamp('expires_at').notNull(),
    token: text('token').notNull().unique(),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
    ipAddress: text('ip_address'),
    userAgent: text('user_agent'),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    activeOrganizationId: text('active_organization_id'),
  },
  (t) => [index('session_user').on(t.userId)],
);

export const account = sqliteTable(
  'account',
  {
    id: id(),
    accountId: text('account_id').notNull(),
    providerId: text('provider_id').notNull(),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    accessToken: text('access_token'),
    refreshToken: text('refresh_token'),
    idToken: text('id_token'),
    accessTokenExpiresAt: stamp('access_token_expires_at'),
    refreshTokenExpiresAt: stamp('refresh_token_expires_at'),
    scope: text('scope'),
    password: text('password'),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
  },
  (t) => [index('account_user').on(t.userId)],
);

export const verification = sqliteTable(
  'verification',
  {
    id: id(),
    identifier: text('identifier').notNull(),
    value: text('value').notNull(),
    expiresAt: stamp('expires_at').notNull(),
    createdAt: stamp('created_at').notNull(),
    updatedAt: stamp('updated_at').notNull(),
  },
  (t) => [index('verification_identifier').on(t.identifier)],
);

/** A team is better-auth's organization. */
export const organization = sqliteTable('organization', {
  id: id(),
  name: text('name').notNull(),
  slug: text('slug').notNull().unique(),
  logo: text('logo'),
  metadata: text('metadata'),
  timeZone: text('time_zone').notNull().default('UTC'),
  plan: text('plan').notNull().default('enterprise'),
  /** ledger rows older than this are removed, their sum carried forward; null = kept for ever */
  ledgerRetentionDays: integer('ledger_retention_days'),
  /** so long after its end a run's steps are kept, and a dead letter after its last failure; null = for ever */
  executionRetentionDays: integer('execution_retention_days'),
  /** what becomes of a call whose budget cannot be asked: 'refuse' or 'allow' (booked later, flagged) */
  onBudgetUnavailable: text('on_budget_unavailable', { enum: ['refuse', 'allow'] })
    .notNull()
    .default('refuse'),
  createdAt: stamp('created_at').notNull(),
});

export const member = sqliteTable(
  'member',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organization.id, { onDelete: 'cascade' }),
    userId: text('user_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
    role: text('role').notNull().default('viewer'),
    createdAt: stamp('created_at').notNull(),
  },
  (t) => [uniqueIndex('member_of').on(t.organizationId, t.userId), index('member_user').on(t.userId)],
);

export const invitation = sqliteTable(
  'invitation',
  {
    id: id(),
    organizationId: text('organization_id')
      .notNull()
      .references(() => organization.id, { onDelete: 'cascade' }),
    email: text('email').notNull(),
    role: text('role'),
    status: text('status').notNull().default('pending'),
    expiresAt: stamp('expires_at').notNull(),
    createdAt: stamp('created_at').notNull(),
    inviterId: text('inviter_id')
      .notNull()
      .references(() => user.id, { onDelete: 'cascade' }),
  },
  (t) => [index('invitation_team').on(t.organizationId)],
);

/** Departments: what their members and keys spend counts to them. A deleted one keeps its row, so that history keeps its name. */
export const teamGroup = sqliteTable(
  'team_group',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    createdAt: time('created_at').notNull(),
    deletedAt: time('deleted_at'),
  },
  (t) => [
    uniqueIndex('team_group_name')
      .on(t.teamId, t.name)
      .where(sql`deleted_at is null`),
  ],
);

/** A member may be in several groups. */
export const teamGroupMember = sqliteTable(
  'team_group_member',
  {
    groupId: text('group_id')
      .notNull()
      .references(() => teamGroup.id, { onDelete: 'cascade' }),
    memberId: text('member_id')
      .notNull()
      .references(() => member.id, { onDelete: 'cascade' }),
  },
  (t) => [primaryKey({ columns: [t.memberId, t.groupId] }), index('team_group_member_of').on(t.groupId)],
);

/** Team API keys: only the SHA-256 of the whole key is stored. */
export const apiKey = sqliteTable(
  'api_key',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    prefix: text('prefix').notNull(),
    hash: text('hash').notNull().unique(),
    role: text('role').notNull(),
    tags: json<string[]>('tags').notNull().default([]),
    requestsPerMinute: integer('requests_per_minute'),
    tokensPerMinute: integer('tokens_per_minute'),
    /** how long answers to this key's calls are kept and given again; null = never */
    cacheTtlSeconds: integer('cache_ttl_seconds'),
    /** names and patterns with `*`; null = every model */
    allowedModels: json<string[]>('allowed_models'),
    deniedModels: json<string[]>('denied_models').notNull().default([]),
    maxInputTokens: integer('max_input_tokens'),
    /** the group its spend counts to */
    groupId: text('group_id'),
    createdBy: text('created_by'),
    createdAt: time('created_at').notNull(),
    expiresAt: time('expires_at'),
    lastUsedAt: time('last_used_at'),
  },
  (t) => [index('api_key_team').on(t.teamId, t.id)],
);

/** What a team forbids its calls: domain/guard/guardrails.ts; a team without a row forbids nothing. */
export const guardrails = sqliteTable('guardrails', {
  teamId: text('team_id').primaryKey(),
  rules: json<Guardrails>('rules').notNull(),
  updatedAt: time('updated_at').notNull(),
});

/** Ways to a provider, one per team, provider and name; `sealedKey` is AES-256-GCM (worker/store/secrets.ts). */
export const providerConnection = sqliteTable(
  'provider_connection',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    provider: text('provider').notNull(),
    name: text('name').notNull().default('default'),
    sealedKey: text('sealed_key').notNull(),
    /** last four characters, to tell keys apart */
    keyHint: text('key_hint').notNull(),
    baseUrl: text('base_url'),
    /** as before headers were sealed: none that hold secrets */
    headers: json<Record<string, string>>('headers').notNull().default({}),
    /** JSON of the connection's own headers, sealed like its key: they may hold secrets */
    sealedHeaders: text('sealed_headers'),
    headerNames: json<string[]>('header_names').notNull().default([]),
    /** what else its provider's connectSchema asks for */
    options: json<Record<string, string>>('options').notNull().default({}),
    /** since when the team says that its models cost nothing; null = it does not */
    freeSince: time('free_since'),
    models: json<string[]>('models').notNull().default([]),
    testedAt: time('tested_at'),
    /** the provider's own words when the last test failed; null = it passed */
    failure: text('failure'),
    createdAt: time('created_at').notNull(),
  },
  (t) => [uniqueIndex('provider_connection_of').on(t.teamId, t.provider, t.name)],
);

/** A name that a team's callers use as a model, and the models that stand behind it (domain/routing/route.ts). */
export const modelRoute = sqliteTable(
  'model_route',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    strategy: text('strategy').$type<Route['strategy']>().notNull(),
    targets: json<Route['targets']>('targets').notNull(),
    retry: json<Route['retry']>('retry').notNull(),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [uniqueIndex('model_route_name').on(t.teamId, t.name)],
);

/** One data key per team, wrapped by the deployment's MASTER_KEY. */
export const teamSecret = sqliteTable('team_secret', {
  teamId: text('team_id').primaryKey(),
  wrappedKey: text('wrapped_key').notNull(),
  createdAt: time('created_at').notNull(),
});

// ---- prompts ----
export const prompt = sqliteTable(
  'prompt',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull().default(''),
    tags: json<string[]>('tags').notNull().default([]),
    /** the newest version's number */
    latestVersion: integer('latest_version').notNull(),
    /** label -> version number */
    labels: json<Record<string, number>>('labels').notNull().default({}),
    archivedAt: time('archived_at'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [index('prompt_team').on(t.teamId, t.id)],
);

/** Immutable. `content` is domain/prompt/template.ts' PromptContent. */
export const promptVersion = sqliteTable(
  'prompt_version',
  {
    promptId: text('prompt_id').notNull(),
    version: integer('version').notNull(),
    teamId: text('team_id').notNull(),
    content: json<unknown>('content').notNull(),
    note: text('note').notNull().default(''),
    author: text('author').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.promptId, t.version] })],
);

// ---- money: written only by worker/queues/ledger.ts ----
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

/** An imported invoice of a provider; its charges stand in `invoice_line`. */
export const invoice = sqliteTable(
  'invoice',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    /** as it was uploaded */
    name: text('name').notNull(),
    /** whose calls it bills, as the ledger names it */
    provider: text('provider').notNull(),
    format: text('format').notNull(),
    /** in which its days begin */
    timeZone: text('time_zone').notNull(),
    /** 'day' | 'month' */
    by: text('by').notNull(),
    currency: text('currency').notNull(),
    /** currency -> dollars per unit, as stated with the upload */
    rates: json<Record<string, string>>('rates').notNull().default({}),
    decimals: integer('decimals').notNull(),
    rows: integer('rows').notNull(),
    leftOutRows: integer('left_out_rows').notNull(),
    totalNanoUsd: money('total_nano_usd').notNull(),
    firstDay: text('first_day').notNull(),
    lastDay: text('last_day').notNull(),
    createdBy: text('created_by').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [index('invoice_team').on(t.teamId, t.id), safeMoney('invoice_total_safe', 'total_nano_usd')],
);

export const invoiceLine = sqliteTable(
  'invoice_line',
  {
    invoiceId: text('invoice_id')
      .notNull()
      .references(() => invoice.id, { onDelete: 'cascade' }),
    /** YYYY-MM-DD, or YYYY-MM of an invoice by the month */
    day: text('day').notNull(),
    /** as the invoice writes it */
    model: text('model').notNull(),
    costNanoUsd: money('cost_nano_usd').notNull(),
    /** rows of the file in it */
    rows: integer('rows').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.invoiceId, t.day, t.model] }),
    safeMoney('invoice_line_cost_safe', 'cost_nano_usd'),
  ],
);

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

// ---- workflows ----
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

// ---- what starts workflows by itself ----
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

// ---- data ----
/** An uploaded CSV or JSON file: rows stand in R2 as JSON lines with an index of byte offsets. */
export const dataSource = sqliteTable(
  'data_source',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    name: text('name').notNull(),
    /** 'csv' | 'json' */
    kind: text('kind').notNull(),
    fileKey: text('file_key').notNull(),
    columns: json<{ name: string; type: 'string' | 'number' | 'boolean' | 'date' }[]>('columns').notNull(),
    rowCount: integer('row_count').notNull(),
    bytes: integer('bytes').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [index('data_source_team').on(t.teamId, t.id)],
);

// ---- notices: what a team is told, and how it gets there ----
/** Where a team's notices go. `sealed` holds secret addresses and signing secrets (worker/store/channels.ts). */
export const notificationChannel = sqliteTable(
  'notification_channel',
  {
    teamId: text('team_id').notNull(),
    /** 'default-email' is the one that every team has; its row exists once somebody changed it */
    id: text('id').notNull(),
    type: text('type').notNull(),
    name: text('name').notNull(),
    enabled: integer('enabled', { mode: 'boolean' }).notNull(),
    levels: json<string[]>('levels').notNull(),
    events: json<string[]>('events').notNull(),
    recipients: json<string[]>('recipients').notNull(),
    url: text('url'),
    urlHint: text('url_hint'),
    sealed: text('sealed'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.id] })],
);

/** Immutable: domain/notify/notice.ts. Written together with its deliveries, once. */
export const notice = sqliteTable(
  'notice',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    kind: text('kind').notNull(),
    level: text('level').notNull(),
    title: text('title').notNull(),
    text: text('text').notNull(),
    link: text('link'),
    data: json<Record<string, unknown>>('data').notNull(),
    at: time('at').notNull(),
  },
  (t) => [index('notice_team').on(t.teamId, t.id)],
);

/** One notice on its way to one channel. Its id is what the receiver knows a repetition by. */
export const delivery = sqliteTable(
  'delivery',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    noticeId: text('notice_id').notNull(),
    channelId: text('channel_id').notNull(),
    /** pending | sending | delivered | failed */
    status: text('status').notNull(),
    tries: integer('tries').notNull(),
    /** tries since it was begun or replayed: what the table of waits counts */
    roundTries: integer('round_tries').notNull(),
    /** when it is due, or while sending when its lease ends; null = it ended */
    nextTryAt: time('next_try_at'),
    /** who is sending: only the holder may write the result */
    lease: text('lease'),
    createdAt: time('created_at').notNull(),
    endedAt: time('ended_at'),
  },
  (t) => [
    uniqueIndex('delivery_once').on(t.noticeId, t.channelId),
    index('delivery_channel').on(t.teamId, t.channelId, t.id),
    index('delivery_due')
      .on(t.nextTryAt)
      .where(sql`next_try_at is not null`),
  ],
);

/** One try of a delivery: written before it is made, completed after; one without a result was cut off. */
export const deliveryTry = sqliteTable(
  'delivery_try',
  {
    deliveryId: text('delivery_id').notNull(),
    number: integer('number').notNull(),
    at: time('at').notNull(),
    ok: integer('ok', { mode: 'boolean' }),
    code: integer('code'),
    text: text('text'),
    ms: integer('ms'),
  },
  (t) => [primaryKey({ columns: [t.deliveryId, t.number] })],
);

// ---- around ----
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
