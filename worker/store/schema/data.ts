/** Uploaded data. */
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { id, time, json } from './columns.ts';

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
