/** /api/outputs: what workflows gave, listed and exported. The export is streamed; a spreadsheet never finds a formula in it. */
import { createRoute, z } from '@hono/zod-openapi';
import { allOutputs, listOutputs, type OutputRow } from '../store/outputs.ts';
import { answers, newRoutes, pageOf, pageQuery } from './routes.ts';

const filter = {
  workflowId: z.string().max(64).optional(),
  executionId: z.string().max(64).optional(),
  tag: z.string().max(64).optional(),
};

export const outputSchema = z
  .object({
    id: z.string(),
    workflowId: z.string(),
    executionId: z.string(),
    nodeId: z.string(),
    itemIndex: z.int().nullable(),
    value: z.unknown(),
    tags: z.array(z.string()),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costNanoUsd: z.int(),
    durationMs: z.int(),
    createdAt: z.string(),
  })
  .openapi('Output');

const shown = ({ teamId: _, itemKey: __, ...row }: OutputRow) => row;

/** A CSV cell: quoted where it must be; what a spreadsheet would take for a formula begins with an apostrophe. */
export function csvCell(value: unknown): string {
  let text =
    value === null || value === undefined
      ? ''
      : typeof value === 'object'
        ? JSON.stringify(value)
        : String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) text = `'${text}`;
  return /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

const FIXED = [
  'id',
  'workflowId',
  'executionId',
  'nodeId',
  'itemIndex',
  'tags',
  'inputTokens',
  'outputTokens',
  'costNanoUsd',
  'durationMs',
  'createdAt',
] as const;

/** The fields of values that are objects become columns `value.<field>`; other values stand in `value`. */
function csvLine(row: OutputRow, fields: readonly string[]): string {
  const { value } = row;
  const isObject = value !== null && typeof value === 'object' && !Array.isArray(value);
  const cells = [
    ...FIXED.map((name) => (name === 'tags' ? row.tags.join(' ') : row[name])),
    isObject ? null : value,
    ...fields.map((field) =>
      isObject && Object.hasOwn(value, field) ? (value as Record<string, unknown>)[field] : null,
    ),
  ];
  return cells.map(csvCell).join(',') + '\r\n';
}

const fieldsOf = (rows: OutputRow[]) =>
  [
    ...new Set(
      rows.flatMap(({ value }) =>
        value !== null && typeof value === 'object' && !Array.isArray(value) ? Object.keys(value) : [],
      ),
    ),
  ].slice(0, 200);

export const outputs = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/outputs',
      summary: 'Outputs of the team’s workflows, newest first',
      request: { query: pageQuery.extend(filter) },
      responses: answers(200, 'One page.', pageOf(outputSchema)),
    }),
    async (c) => {
      const page = await listOutputs(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/outputs/export',
      summary: 'All matching outputs as a file',
      request: { query: z.object({ ...filter, format: z.enum(['csv', 'json']).default('csv') }) },
      responses: {
        200: {
          description: 'CSV with a BOM, or a JSON array.',
          content: {
            'text/csv': { schema: z.string() },
            'application/json': { schema: z.array(outputSchema) },
          },
        },
      },
    }),
    async (c) => {
      const { format, ...query } = c.req.valid('query');
      const { db } = c.get('services');
      const pages = allOutputs(db, c.get('actor').teamId, query);
      const text = format === 'csv' ? csvOf(pages) : jsonOf(pages);
      const encoder = new TextEncoder();
      const body = new ReadableStream<Uint8Array>({
        async pull(controller) {
          const { value, done } = await text.next();
          if (done) controller.close();
          else controller.enqueue(encoder.encode(value));
        },
      });
      return c.body(body, 200, {
        'content-type': format === 'csv' ? 'text/csv; charset=utf-8' : 'application/json; charset=utf-8',
        'content-disposition': `attachment; filename="outputs.${format}"`,
        'cache-control': 'private, no-store',
      }) as never;
    },
  );

async function* csvOf(pages: AsyncGenerator<OutputRow[]>): AsyncGenerator<string> {
  const first = await pages.next();
  const fields = first.done ? [] : fieldsOf(first.value);
  yield `\uFEFF${[...FIXED, 'value', ...fields.map((field) => `value.${field}`)].map(csvCell).join(',')}\r\n`;
  if (first.done) return;
  yield first.value.map((row) => csvLine(row, fields)).join('');
  for await (const rows of pages) yield rows.map((row) => csvLine(row, fields)).join('');
}

async function* jsonOf(pages: AsyncGenerator<OutputRow[]>): AsyncGenerator<string> {
  let before = '[';
  for await (const rows of pages)
    for (const row of rows) {
      yield before + JSON.stringify(shown(row));
      before = ',\n';
    }
  yield before === '[' ? '[]' : ']';
}
