/** How a team's calls are made: API keys, what is forbidden, ways to providers, routes, the key that seals secrets. */
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import type { Guardrails } from '../../domain/guard/guardrails.ts';
import type { Route } from '../../domain/routing/route.ts';
import { id, time, json } from './columns.ts';

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
