/** /api/outputs: what workflows gave, listed, tagged and exported. The export is streamed; a spreadsheet never finds a formula in it. */
import { createRoute, z } from '@hono/zod-openapi';
import { EXECUTION_STATUSES } from '../domain/workflow/state.ts';
import { audit } from '../store/audit.ts';
import { allOutputs, fieldsOf, findOutput, listOutputs, setTags, type OutputRow } from '../store/outputs.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { answers, idParam, jsonBody, newRoutes, pageOf, pageQuery } from './routes.ts';

const MOST_FIELDS = 200;
/** An instant, or a day of UTC: as text it sorts among the instants. */
const instant = z.iso
  .datetime()
  .or(z.iso.date())
  .transform((text) => new Date(text).toISOString());

const filter = {
  workflowId: z.string().max(64).optional(),
  executionId: z.string().max(64).optional(),
  tag: z.string().max(64).optional(),
  status: z.enum(EXECUTION_STATUSES).optional().openapi({ description: 'how its execution stands' }),
  from: instant.optional().openapi({ description: 'made from then on: an instant or a day (UTC)' }),
  to: instant.optional().openapi({ description: 'made before then' }),
  text: z.string().min(1).max(200).optional().openapi({ description: 'stands somewhere in the value' }),
};
const tagsSchema = z
  .array(z.string().trim().min(1).max(64))
  .max(20)
  .transform((tags) => [...new Set(tags)]);

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
  // the wide ones count too: a spreadsheet in Japanese reads them alike (OWASP, CSV injection)
  if (typeof value === 'string' && /^[=+\-@\t\r\n＝＋－＠]/.test(text)) text = `'${text}`;
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
      method: 'patch',
      path: '/api/outputs/{id}',
      summary: 'Tag an output',
      description: 'The tags are set as given; `[]` takes them all away.',
      request: { params: idParam, body: jsonBody(z.strictObject({ tags: tagsSchema })) },
      responses: answers(200, 'The output.', outputSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { tags } = c.req.valid('json');
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const before = await findOutput(services.db, teamId, id);
      const row = before && (await setTags(services.db, teamId, id, tags));
      if (!row) throw new Refused({ reason: 'not_found', message: `There is no output "${id}".` });
      await audit(services, {
        ...byCaller(c),
        action: 'output.tag',
        target: id,
        before: { tags: before.tags },
        after: { tags },
      });
      return c.json(shown(row), 200);
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
      const { teamId } = c.get('actor');
      const pages = allOutputs(db, teamId, query);
      const text =
        format === 'csv' ? csvOf(pages, await fieldsOf(db, teamId, query, MOST_FIELDS)) : jsonOf(pages);
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

async function* csvOf(pages: AsyncGenerator<OutputRow[]>, fields: readonly string[]): AsyncGenerator<string> {
  yield `\uFEFF${[...FIXED, 'value', ...fields.map((field) => `value.${field}`)].map(csvCell).join(',')}\r\n`;
  for await (const rows of pages) yield rows.map((row) => csvLine(row, fields)).join('');
}

async function* jsonOf(pages: AsyncGenerator<OutputRow[]>): AsyncGenerator<string> {
  let before = '[';
  for await (const rows of pages) {
    yield before + rows.map((row) => JSON.stringify(shown(row))).join(',\n');
    before = ',\n';
  }
  yield before === '[' ? '[]' : ']';
}
