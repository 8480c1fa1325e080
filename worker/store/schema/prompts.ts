/** The prompt library. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { id, time, json } from './columns.ts';

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
