/** /api/data-sources: files of rows that workflows read. An upload is streamed to storage; a broken one leaves nothing behind. */
import { createRoute, z } from '@hono/zod-openapi';
import { err, type Result } from '../domain/result.ts';
import type { Refusal } from '../domain/refusal.ts';
import {
  deleteDataSource,
  findDataSource,
  insertDataSource,
  listDataSources,
  renameDataSource,
  rowsOf,
  type DataSourceRow,
} from '../store/data-sources.ts';
import { importTable, MAX_UPLOAD_BYTES, type ImportedTable } from '../store/import-table.ts';
import { workflowsUsing } from '../store/workflows.ts';
import { Refused } from './errors.ts';
import { boundaryOf, MultipartFault, partsOf } from './multipart.ts';
import { answers, jsonBody, newRoutes, pageOf, pageQuery } from './routes.ts';

const idParam = z.object({ id: z.string().max(64) });
const nameSchema = z.string().trim().min(1).max(200);
const kindSchema = z.enum(['csv', 'json']);

export const dataSourceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    kind: kindSchema,
    columns: z.array(z.object({ name: z.string(), type: z.enum(['string', 'number', 'boolean', 'date']) })),
    rowCount: z.int(),
    bytes: z.int(),
    createdAt: z.string(),
  })
  .openapi('DataSource');

const shown = ({ teamId: _, fileKey: __, kind, ...row }: DataSourceRow) => ({
  ...row,
  kind: kind as 'csv' | 'json',
});
const none = (id: string) =>
  new Refused({ reason: 'not_found', message: `There is no data source "${id}".` });

async function* chunks(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

interface Upload {
  name?: string;
  kind?: 'csv' | 'json';
}

/** The kind as told, else as the file's name or type says, else CSV. */
const kindOf = (told: Upload['kind'], filename: string, contentType: string): 'csv' | 'json' =>
  told ?? (/\.json$/i.test(filename) || /\bjson\b/i.test(contentType) ? 'json' : 'csv');

/** Reads a form: its file is imported as it comes, its fields `name` and `kind` count when they stand before the file. */
async function importForm(
  body: AsyncIterable<Uint8Array>,
  boundary: string,
  told: Upload,
  take: (
    upload: Required<Upload>,
    file: AsyncIterable<Uint8Array>,
  ) => Promise<Result<ImportedTable, Refusal>>,
) {
  const fields: Record<string, string> = {};
  let done: { upload: Required<Upload>; table: Result<ImportedTable, Refusal> } | null = null;
  for await (const part of partsOf(body, boundary)) {
    if ('text' in part) {
      if (part.name !== 'name' && part.name !== 'kind') return invalid(part.name, 'unknown field');
      fields[part.name] = part.text;
      if (part.name === 'name' && done)
        done.upload.name = nameSchema.safeParse(part.text).data ?? done.upload.name;
      continue;
    }
    if (part.name !== 'file') return invalid(part.name, 'unknown field; the file is called "file"');
    if (done) return invalid('file', 'one file at a time');
    const kind = told.kind ?? kindSchema.safeParse(fields.kind).data;
    if (fields.kind !== undefined && !kindSchema.safeParse(fields.kind).success)
      return invalid('kind', 'must be "csv" or "json"');
    const name = nameSchema.safeParse(
      told.name ?? fields.name ?? part.filename.replace(/\.(csv|json)$/i, ''),
    );
    if (!name.success) return invalid('name', 'must have 1 to 200 characters');
    const upload = { name: name.data, kind: kindOf(kind, part.filename, part.contentType) };
    const table = await take(upload, part.body);
    if (!table.ok) return { upload, table };
    done = { upload, table };
  }
  return done ?? invalid('file', 'is missing');
}

const invalid = (path: string, message: string) => ({
  upload: { name: '', kind: 'csv' as const },
  table: err<Refusal>({ reason: 'invalid', issues: [{ path, message }] }),
});

export const dataSources = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/data-sources',
      summary: 'The data sources of the team, newest first',
      request: { query: pageQuery },
      responses: answers(200, 'One page.', pageOf(dataSourceSchema)),
    }),
    async (c) => {
      const page = await listDataSources(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/data-sources',
      summary: 'Upload a CSV or JSON file',
      description:
        'Either multipart/form-data with a part called "file" (and "name", "kind" before it), or the file itself as the body with ?name= and ?kind=. At most 50 MB.',
      request: { query: z.strictObject({ name: nameSchema.optional(), kind: kindSchema.optional() }) },
      responses: answers(201, 'The data source, with the types its columns have.', dataSourceSchema),
    }),
    async (c) => {
      const { db, env, newId, now } = c.get('services');
      const { teamId } = c.get('actor');
      const told = c.req.valid('query');
      if (Number(c.req.header('content-length') ?? 0) > MAX_UPLOAD_BYTES + 64 * 1024)
        throw new Refused({
          reason: 'too_large',
          message: `The file is larger than ${MAX_UPLOAD_BYTES / 1024 / 1024} MB.`,
          limitBytes: MAX_UPLOAD_BYTES,
        });
      if (!c.req.raw.body)
        throw new Refused({ reason: 'invalid', issues: [{ path: 'file', message: 'is missing' }] });
      const id = newId('dataSource');
      const fileKey = `data/${teamId}/${id}`;
      const take = (upload: Required<Upload>, body: AsyncIterable<Uint8Array>) =>
        importTable(env.FILES, { kind: upload.kind, fileKey, body });
      const contentType = c.req.header('content-type');
      const boundary = boundaryOf(contentType);
      const body = chunks(c.req.raw.body);
      const { upload, table } = await (async () => {
        try {
          if (boundary !== null) return await importForm(body, boundary, told, take);
          const upload = { name: told.name ?? 'Upload', kind: kindOf(told.kind, '', contentType ?? '') };
          return { upload, table: await take(upload, body) };
        } catch (error) {
          if (error instanceof MultipartFault)
            throw new Refused({ reason: 'malformed', message: error.message });
          throw error;
        }
      })();
      if (!table.ok) throw new Refused(table.error);
      const row: DataSourceRow = {
        id,
        teamId,
        name: upload.name,
        kind: upload.kind,
        fileKey,
        ...table.value,
        createdAt: new Date(now()).toISOString(),
      };
      await insertDataSource(db, row);
      return c.json(shown(row), 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/data-sources/{id}',
      summary: 'One data source',
      request: { params: idParam },
      responses: answers(200, 'The data source.', dataSourceSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const row = await findDataSource(c.get('services').db, c.get('actor').teamId, id);
      if (!row) throw none(id);
      return c.json(shown(row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/data-sources/{id}/preview',
      summary: 'Its first rows',
      request: {
        params: idParam,
        query: z.object({ limit: z.coerce.number().int().min(1).max(200).default(20) }),
      },
      responses: answers(
        200,
        'Rows with typed values; an empty cell is null.',
        z.object({
          columns: dataSourceSchema.shape.columns,
          data: z.array(z.record(z.string(), z.unknown())),
          rowCount: z.int(),
        }),
      ),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db, env } = c.get('services');
      const row = await findDataSource(db, c.get('actor').teamId, id);
      if (!row) throw none(id);
      const data = await rowsOf(env.FILES, row, { offset: 0, limit: c.req.valid('query').limit });
      return c.json({ columns: row.columns, data, rowCount: row.rowCount }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: '/api/data-sources/{id}',
      summary: 'Rename it',
      request: { params: idParam, body: jsonBody(z.strictObject({ name: nameSchema })) },
      responses: answers(200, 'The data source.', dataSourceSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const row = await renameDataSource(
        c.get('services').db,
        c.get('actor').teamId,
        id,
        c.req.valid('json').name,
      );
      if (!row) throw none(id);
      return c.json(shown(row), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: '/api/data-sources/{id}',
      summary: 'Delete it with its rows',
      request: { params: idParam },
      responses: answers(200, 'It is gone.', z.object({ id: z.string() })),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db, env } = c.get('services');
      const { teamId } = c.get('actor');
      const row = await findDataSource(db, teamId, id);
      if (!row) throw none(id);
      const used = await workflowsUsing(db, teamId, id);
      if (used.length > 0)
        throw new Refused({
          reason: 'conflict',
          message: `It is used by ${used.map(({ name, id: workflow }) => `"${name}" (${workflow})`).join(', ')}.`,
        });
      await deleteDataSource({ db, files: env.FILES }, row);
      return c.json({ id }, 200);
    },
  );
