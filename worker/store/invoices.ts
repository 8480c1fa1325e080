/** Invoices: written whole or not at all, read with what our own rollups say of the same days. */
import { and, desc, eq, lt } from 'drizzle-orm';
import { differenceOf, modelKey, type DifferenceRow } from '../domain/invoice/difference.ts';
import type { InvoiceLine } from '../domain/invoice/read.ts';
import { intervalsOf } from '../domain/budget/intervals.ts';
import { wallClockMs } from '../domain/budget/periods.ts';
import type { CoreServices, Db } from '../services.ts';
import { audit, type AuditEntry } from './audit.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { invoice, invoiceLine } from './schema.ts';
import { readCells } from './stats.ts';

export type Invoice = typeof invoice.$inferSelect;

/** Lines of one statement: JSON that fits one D1 parameter. */
const LINES_AT_ONCE = 2_000;
/** Days of an invoice, and a little more. */
const MOST_PIECES = 1_200;
const DAY_MS = 86_400_000;

/** Invoice, lines and audit row in one transaction. */
export async function saveInvoice(
  services: CoreServices,
  by: Pick<AuditEntry, 'teamId' | 'actor' | 'ip'>,
  { row, lines }: { row: Invoice; lines: readonly InvoiceLine[] },
): Promise<void> {
  const { db, env } = services;
  const parts: InvoiceLine[][] = [];
  for (let from = 0; from < lines.length; from += LINES_AT_ONCE)
    parts.push(lines.slice(from, from + LINES_AT_ONCE));
  const { name, provider, totalNanoUsd, firstDay, lastDay } = row;
  const after = { name, provider, totalNanoUsd, firstDay, lastDay };
  const statement = (query: { toSQL(): { sql: string; params: unknown[] } }) => {
    const { sql, params } = query.toSQL();
    return env.DB.prepare(sql).bind(...params);
  };
  await env.DB.batch([
    statement(db.insert(invoice).values(row)),
    ...parts.map((part) =>
      env.DB.prepare(
        `INSERT INTO invoice_line (invoice_id, day, model, cost_nano_usd, rows)
         SELECT ?1, value ->> 'day', value ->> 'model', value ->> 'costNanoUsd', value ->> 'rows' FROM json_each(?2)`,
      ).bind(row.id, JSON.stringify(part)),
    ),
    statement(audit(services, { ...by, action: 'invoice.import', target: row.id, after })),
  ]);
}

export const findInvoice = (db: Db, teamId: string, id: string): Promise<Invoice | undefined> =>
  db.query.invoice.findFirst({ where: and(eq(invoice.teamId, teamId), eq(invoice.id, id)) });

export async function listInvoices(db: Db, teamId: string, { limit, cursor }: PageOptions) {
  const rows = await db
    .select()
    .from(invoice)
    .where(and(eq(invoice.teamId, teamId), cursor === undefined ? undefined : lt(invoice.id, cursor)))
    .orderBy(desc(invoice.id))
    .limit(limit + 1);
  return pageFrom(rows, limit);
}

export async function deleteInvoice(
  services: CoreServices,
  by: Pick<AuditEntry, 'teamId' | 'actor' | 'ip'>,
  row: Invoice,
): Promise<void> {
  const { db } = services;
  const { name, provider, totalNanoUsd } = row;
  await db.batch([
    db.delete(invoiceLine).where(eq(invoiceLine.invoiceId, row.id)),
    db.delete(invoice).where(eq(invoice.id, row.id)),
    audit(services, {
      ...by,
      action: 'invoice.delete',
      target: row.id,
      before: { name, provider, totalNanoUsd },
    }),
  ]);
}

/** An invoice beside the ledger, per model and day of its zone; both from sums that equal their rows. */
export async function invoiceDifference(
  { db, env, prices }: CoreServices,
  row: Invoice,
): Promise<DifferenceRow[]> {
  const lines = await db.select().from(invoiceLine).where(eq(invoiceLine.invoiceId, row.id));
  const pieces = piecesOf(row);
  const [cells] = await readCells(env.DB, row.teamId, {
    span: { from: pieces[0]!.from, to: pieces.at(-1)!.to },
    pieces,
    dimensions: ['provider_model'],
  });
  const days = new Map(pieces.map(({ from, day }) => [from, day]));
  const prefix = `${row.provider}/`;
  const ours = cells!
    .filter(({ key }) => key.startsWith(prefix))
    .map(({ from, key, costNanoUsd, runs }) => ({
      day: days.get(from)!,
      model: key.slice(prefix.length),
      costNanoUsd,
      runs,
    }));
  const at = row.createdAt;
  const known = (name: string) => prices.lookup(row.provider, name, at)?.model ?? null;
  return differenceOf(ours, lines, { keyOf: (model) => modelKey(model, known), decimals: row.decimals });
}

/** The days (or months) of an invoice from its first to its last, as spans of its zone. */
function piecesOf({ firstDay, lastDay, by, timeZone }: Invoice) {
  const whole = (day: string) => (day.length === 7 ? `${day}-01` : day);
  const fromMs = startOf(whole(firstDay), timeZone);
  const last = startOf(whole(lastDay), timeZone);
  // one instant inside of the last piece is enough: pieces are whole
  const pieces = intervalsOf(
    { fromMs, toMs: last + 1, interval: by === 'month' ? 'month' : 'day', timeZone },
    MOST_PIECES,
  );
  if (!pieces) throw new RangeError(`an invoice of more than ${MOST_PIECES} days`);
  return pieces.map(({ startMs, endMs }) => ({
    from: startMs / 1000,
    to: endMs / 1000,
    day: new Date(wallClockMs(timeZone, startMs)).toISOString().slice(0, by === 'month' ? 7 : 10),
  }));
}

/** The instant at which a day begins in a zone: of the quarters of an hour around its UTC midnight, the first that is that day there. */
function startOf(day: string, timeZone: string): number {
  const midnight = Date.parse(`${day}T00:00:00.000Z`);
  for (let at = midnight - DAY_MS; at <= midnight + DAY_MS; at += 900_000)
    if (new Date(wallClockMs(timeZone, at)).toISOString().slice(0, 10) === day) return at;
  throw new RangeError(`${day} does not exist in ${timeZone}`);
}
