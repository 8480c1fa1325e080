/** /api/token-tracking/invoices: providers' invoices as CSV, and how they differ from the ledger. */
import { createRoute, z } from '@hono/zod-openapi';
import { isTimeZone } from '../../domain/budget/periods.ts';
import { parseAmount } from '../../domain/invoice/amount.ts';
import { basisPoints, DIFFERENCE_STATUSES, type DifferenceRow } from '../../domain/invoice/difference.ts';
import { readInvoice } from '../../domain/invoice/read.ts';
import { usd } from '../../domain/money-text.ts';
import {
  deleteInvoice,
  findInvoice,
  invoiceDifference,
  listInvoices,
  saveInvoice,
  type Invoice,
} from '../../store/invoices.ts';
import { byCaller } from '../audited.ts';
import { Refused } from '../errors.ts';
import { boundaryOf, MultipartFault, partsOf } from '../multipart.ts';
import { answers, idParam, newRoutes, pageOf, pageQuery } from '../routes.ts';

export const MAX_INVOICE_BYTES = 10 * 1024 * 1024;

const invoiceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    provider: z.string(),
    format: z.string(),
    timeZone: z.string(),
    by: z.enum(['day', 'month']),
    currency: z.string(),
    rates: z.record(z.string(), z.string()),
    rows: z.int(),
    /** rows without day and model: totals and the like */
    leftOutRows: z.int(),
    totalNanoUsd: z.int(),
    firstDay: z.string(),
    lastDay: z.string(),
    createdAt: z.string(),
  })
  .openapi('Invoice');

const money = { ledgerNanoUsd: z.int(), invoiceNanoUsd: z.int(), differenceNanoUsd: z.int() };
const differenceSchema = z
  .object({
    invoice: invoiceSchema,
    totals: z.object({ ...money, basisPoints: z.int().nullable() }),
    rows: z.array(
      z.object({
        day: z.string(),
        model: z.string(),
        invoiceModels: z.array(z.string()),
        runs: z.int(),
        ...money,
        basisPoints: z.int().nullable(),
        status: z.enum(DIFFERENCE_STATUSES),
      }),
    ),
  })
  .openapi('InvoiceDifference');

const columns = z.strictObject({
  date: z.string().min(1).max(200),
  model: z.string().min(1).max(200),
  amount: z.string().min(1).max(200),
  currency: z.string().min(1).max(200).optional(),
});

const refuse = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });
const none = (id: string) => new Refused({ reason: 'not_found', message: `There is no invoice "${id}".` });
const shown = ({ teamId: _, decimals: __, createdBy: ___, by, ...row }: Invoice) => ({
  ...row,
  by: by as 'day' | 'month',
});

const upload = z.object({
  name: z.string().trim().min(1).max(200).optional(),
  provider: z
    .string()
    .regex(/^[\w.-]{1,100}$/)
    .optional()
    .openapi({ description: 'Whose calls it bills; needed with `columns`, else what the file is of' }),
  timeZone: z.string().max(64).refine(isTimeZone, 'must be an IANA time zone').default('UTC'),
  columns: z.string().max(1_000).optional().openapi({
    description:
      'For files of other providers, JSON: {"date":"...","model":"...","amount":"...","currency":"..."} by the names of its columns',
  }),
  rates: z
    .string()
    .max(500)
    .optional()
    .openapi({ description: 'Dollars per unit of other currencies: EUR:1.0842,GBP:1.27' }),
});

export const invoices = newRoutes()
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/token-tracking/invoices',
      summary: "Import a provider's invoice (CSV)",
      description:
        'The cost export of the OpenAI dashboard, the Claude Console or Google Cloud Billing is known by its header; any other CSV with `columns`. ' +
        'The file as the body (text/csv), or multipart/form-data with a part called "file"; at most 10 MB. A fault is named by line and column, and nothing is imported.',
      request: { query: upload },
      responses: answers(201, 'It is imported.', invoiceSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const asked = c.req.valid('query');
      const mapping = mappingOf(asked.columns);
      const rates = ratesOf(asked.rates);
      const file = await fileOf(c.req.raw);
      const read = readInvoice(file.text, {
        columns: mapping,
        rates: new Map([...rates].map(([currency, { units }]) => [currency, units])),
      });
      if (!read.ok) throw new Refused({ reason: 'invalid', issues: read.error });
      const { lines, provider, ...found } = read.value;
      const of = asked.provider ?? provider;
      if (of === null) throw refuse('provider', 'say whose calls the invoice bills');
      const by = byCaller(c);
      const row: Invoice = {
        id: services.newId('invoice'),
        teamId: by.teamId,
        name: asked.name ?? file.name ?? `Invoice ${lines[0]!.day}`,
        provider: of,
        timeZone: asked.timeZone,
        rates: Object.fromEntries([...rates].map(([currency, { text }]) => [currency, text])),
        ...found,
        firstDay: lines[0]!.day,
        lastDay: lines.at(-1)!.day,
        createdBy: by.actor,
        createdAt: new Date(services.now()).toISOString(),
      };
      const years = Number(row.lastDay.slice(0, 4)) - Number(row.firstDay.slice(0, 4));
      if (years > 2)
        throw refuse('file', `spans ${row.firstDay} to ${row.lastDay}: at most two years at once`);
      await saveInvoice(services, by, { row, lines });
      return c.json(shown(row), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/token-tracking/invoices',
      summary: 'Imported invoices, newest first',
      request: { query: pageQuery },
      responses: answers(200, 'One page.', pageOf(invoiceSchema)),
    }),
    async (c) => {
      const page = await listInvoices(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/token-tracking/invoices/{id}',
      summary: 'One invoice',
      request: { params: idParam },
      responses: answers(200, 'The invoice.', invoiceSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const row = await findInvoice(c.get('services').db, c.get('actor').teamId, id);
      if (!row) throw none(id);
      return c.json(shown(row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/token-tracking/invoices/{id}',
      summary: 'Delete an invoice; the ledger is untouched',
      request: { params: idParam },
      responses: answers(200, 'It is gone.', z.object({ id: z.string() })),
    }),
    async (c) => {
      const services = c.get('services');
      const { id } = c.req.valid('param');
      const row = await findInvoice(services.db, c.get('actor').teamId, id);
      if (!row) throw none(id);
      await deleteInvoice(services, byCaller(c), row);
      return c.json({ id }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/token-tracking/invoices/{id}/difference',
      summary: 'The invoice beside the ledger, per model and day',
      description:
        '`rounding`: no more than the digits of the invoice and our rounding up per call explain. `format=csv` gives the rows as a file.',
      request: {
        params: idParam,
        query: z.object({
          onlyDifferences: z.enum(['true', 'false']).default('false'),
          format: z.enum(['json', 'csv']).default('json'),
        }),
      },
      responses: answers(200, 'Invoice minus ledger.', differenceSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { id } = c.req.valid('param');
      const { onlyDifferences, format } = c.req.valid('query');
      const row = await findInvoice(services.db, c.get('actor').teamId, id);
      if (!row) throw none(id);
      const all = await invoiceDifference(services, row);
      const rows =
        onlyDifferences === 'true'
          ? all.filter(({ status }) => status !== 'equal' && status !== 'rounding')
          : all;
      if (format === 'csv')
        return c.body(csvOf(rows), 200, {
          'content-type': 'text/csv; charset=utf-8',
          'content-disposition': `attachment; filename="difference-${row.id}.csv"`,
        }) as never;
      const sum = (of: (one: DifferenceRow) => number) => all.reduce((total, one) => total + of(one), 0);
      const ledgerNanoUsd = sum((one) => one.ledgerNanoUsd);
      const invoiceNanoUsd = sum((one) => one.invoiceNanoUsd);
      const differenceNanoUsd = invoiceNanoUsd - ledgerNanoUsd;
      const share = ledgerNanoUsd === 0 ? null : basisPoints(differenceNanoUsd, ledgerNanoUsd);
      const totals = { ledgerNanoUsd, invoiceNanoUsd, differenceNanoUsd, basisPoints: share };
      return c.json({ invoice: shown(row), totals, rows }, 200);
    },
  );

function mappingOf(text: string | undefined) {
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw refuse('columns', 'must be JSON');
  }
  const read = columns.safeParse(value);
  if (!read.success)
    throw refuse('columns', 'must name the columns of date, model and amount, and may name that of currency');
  return read.data;
}

function ratesOf(text: string | undefined): Map<string, { text: string; units: bigint }> {
  const rates = new Map<string, { text: string; units: bigint }>();
  for (const part of text?.split(',') ?? []) {
    const [, currency, rate] = /^\s*([A-Za-z]{3})\s*:\s*(\d{1,6}(?:\.\d{1,12})?)\s*$/.exec(part) ?? [];
    const amount = rate === undefined ? null : parseAmount(rate);
    if (!currency || !rate || !amount || amount.units <= 0n)
      throw refuse('rates', 'must be like EUR:1.0842,GBP:1.27');
    rates.set(currency.toUpperCase(), { text: rate, units: amount.units });
  }
  return rates;
}

/** The file as the body or as the one file of a form. */
async function fileOf(request: Request): Promise<{ name: string | null; text: string }> {
  const bytes = await bytesOf(request);
  const boundary = boundaryOf(request.headers.get('content-type') ?? undefined);
  if (boundary === null) return { name: null, text: decoded(bytes) };
  try {
    const whole = (async function* () {
      yield bytes;
    })();
    for await (const part of partsOf(whole, boundary))
      if (!('text' in part)) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of part.body) chunks.push(chunk);
        return { name: part.filename.slice(0, 200) || null, text: decoded(joined(chunks)) };
      }
  } catch (error) {
    if (error instanceof MultipartFault) throw new Refused({ reason: 'malformed', message: error.message });
    throw error;
  }
  throw refuse('file', 'is missing');
}

async function bytesOf(request: Request): Promise<Uint8Array> {
  const tooLarge = () =>
    new Refused({
      reason: 'too_large',
      message: 'The file is larger than 10 MB.',
      limitBytes: MAX_INVOICE_BYTES,
    });
  const most = MAX_INVOICE_BYTES + 64 * 1024;
  if (Number(request.headers.get('content-length') ?? 0) > most) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  const reader = request.body?.getReader();
  for (;;) {
    const next = await reader?.read();
    if (!next || next.done) break;
    size += next.value.length;
    if (size > most) {
      await reader!.cancel();
      throw tooLarge();
    }
    chunks.push(next.value);
  }
  return joined(chunks);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const all = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
}

function decoded(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: false }).decode(bytes);
  } catch {
    throw refuse('file', 'is not UTF-8 text');
  }
}

/** A cell that a spreadsheet would take for a formula is made text. */
const quoted = (text: string) => `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;

const csvOf = (rows: readonly DifferenceRow[]): string =>
  [
    'day,model,invoice_models,runs,ledger_usd,invoice_usd,difference_usd,difference_percent,status',
    ...rows.map((row) =>
      [
        row.day,
        quoted(row.model),
        quoted(row.invoiceModels.join('; ')),
        row.runs,
        usd(row.ledgerNanoUsd),
        usd(row.invoiceNanoUsd),
        usd(row.differenceNanoUsd),
        row.basisPoints === null ? '' : (row.basisPoints / 100).toFixed(2),
        row.status,
      ].join(','),
    ),
  ].join('\r\n') + '\r\n';
