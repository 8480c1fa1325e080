/** Invoices of providers, as they were imported. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import { id, time, json, money, safeMoney } from './columns.ts';

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
