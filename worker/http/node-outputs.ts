/** What a step of a run gave, whole, as a file: also where the run itself shows only how it begins. Streamed, so that it may be of any size. */
import { createRoute, z } from '@hono/zod-openapi';
import type { NodePlace, WholeOutput } from '../domain/workflow/run.ts';
import { archivedOutput } from '../store/archive.ts';
import { findExecution } from '../store/executions.ts';
import { runObject } from '../store/run-object.ts';
import { Refused } from './errors.ts';
import { noExecution } from './executions.ts';
import { newRoutes } from './routes.ts';

const params = z.object({ id: z.string().max(64), nodeId: z.string().max(64) });
const query = z.object({
  itemPath: z
    .string()
    .regex(
      /^\d{1,7}(\.\d{1,7}){0,31}$/,
      'must be the indexes of the item in the maps around it, like 4 or 4.0.12',
    )
    .optional()
    .openapi({
      description: 'inside maps: the index of the item in each, outermost first, like `4` or `4.0.12`',
    }),
});

export const nodeOutputs = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/executions/{id}/nodes/{nodeId}/output',
    summary: 'The whole output of one node, as a file',
    description:
      'JSON, streamed: also what is too large to be shown with the execution, where `outputPreview` says how it begins.',
    request: { params, query },
    responses: {
      200: { description: 'The output.', content: { 'application/json': { schema: z.unknown() } } },
    },
  }),
  async (c) => {
    const { id, nodeId } = c.req.valid('param');
    const { itemPath: asked } = c.req.valid('query');
    const { db, env } = c.get('services');
    const row = await findExecution(db, c.get('actor').teamId, id);
    if (!row) throw noExecution(id);
    const place: NodePlace = { nodeId, itemPath: asked === undefined ? [] : asked.split('.').map(Number) };
    const output =
      row.archivedAt === null
        ? await runObject(env, id).output(place)
        : await archivedOutput(env.FILES, id, place);
    const body = output && (await bodyOf(env.FILES, output));
    const at = asked === undefined ? '' : ` at item ${asked}`;
    if (!body)
      throw new Refused({
        reason: 'not_found',
        message: `The node "${nodeId}"${at} has no output in this run.`,
      });
    const name = [nodeId, asked].filter((part) => part !== undefined).join('-');
    return c.body(body.content, 200, {
      'content-type': 'application/json; charset=utf-8',
      ...(body.bytes === null ? {} : { 'content-length': String(body.bytes) }),
      'content-disposition': `attachment; filename="${name.replace(/[^\w.-]/g, '_')}.json"`,
      'cache-control': 'private, no-store',
    }) as never;
  },
);

/** null when its file is gone. */
async function bodyOf(
  files: R2Bucket,
  output: WholeOutput,
): Promise<{ content: string | ReadableStream; bytes: number | null } | null> {
  if ('json' in output) return { content: output.json, bytes: null };
  const file = await files.get(output.ref.key);
  return file && { content: file.body, bytes: file.size };
}
