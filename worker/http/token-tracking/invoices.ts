/** /api/token-tracking/invoices: providers' invoices as CSV, and how they differ from the ledger. */
import { createRoute, z } from '@hono/zod-openapi';
import { isTimeZone } from '../../domain/budget/periods.ts';
import { basisPoints, DIFFERENCE_STATUSES, type DifferenceRow } from '../../domain/invoice/difference.ts';
import { readInvoice } from '../../domain/invoice/read.ts';
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
import { answers, idParam, newRoutes, pageOf, pageQuery } from '../routes.ts';
import { csvOf } from './difference-csv.ts';
import { fileOf, mappingOf, ratesOf, refuse } from './invoice-upload.ts';

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
