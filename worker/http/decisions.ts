/** What a person decides in a run, and what waits for one: an approval, or what became of a step of which nobody knows whether it happened. Each is audited. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { err, type Result } from '../domain/result.ts';
import type { NodePlace, NotDecided } from '../domain/workflow/run.ts';
import { EXECUTION_STATUSES, type ExecutionStatus } from '../domain/workflow/state.ts';
import { audit } from '../store/audit.ts';
import { findExecution, listAsking } from '../store/executions.ts';
import { runObject } from '../store/run-object.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { nodeRunSchema, noExecution, stateSchema } from './executions.ts';
import { answers, jsonBody, newRoutes, pageOf, pageQuery, type AppEnv } from './routes.ts';

const MAX_OUTPUT_CHARS = 1_000_000;
const params = z.object({ id: z.string().max(64), nodeId: z.string().max(64) });
const index = z.int().min(0).max(1_000_000);
const place = {
  itemIndex: index.optional().openapi({ description: 'inside a map: which item' }),
  itemPath: z
    .array(index)
    .max(32)
    .optional()
    .openapi({ description: 'inside nested maps: the index in each, outermost first' }),
};

type Ask = { itemIndex?: number; itemPath?: number[] };
const pathOf = ({ itemIndex, itemPath }: Ask): number[] =>
  itemPath ?? (itemIndex === undefined ? [] : [itemIndex]);

/** 404 when the execution is not the team's; a decision that finds nothing to decide is a 409. */
async function decided(
  c: Context<AppEnv>,
  of: NodePlace & { executionId: string; what: 'approval' | 'review'; decision: string },
  decide: () => Promise<Result<ExecutionStatus, NotDecided>>,
) {
  const { executionId, what, ...decision } = of;
  const services = c.get('services');
  const row = await findExecution(services.db, c.get('actor').teamId, executionId);
  if (!row) throw noExecution(executionId);
  const outcome = row.archivedAt === null ? await decide() : err('nothing_to_decide' as const);
  if (!outcome.ok) {
    const at = decision.itemPath.length > 0 ? ` at item ${decision.itemPath.join('.')}` : '';
    if (outcome.error === 'no_node')
      throw new Refused({
        reason: 'not_found',
        message: `There is no node "${decision.nodeId}"${at} in this run.`,
      });
    const waits = what === 'approval' ? 'does not wait for an approval' : 'has nothing to be reviewed';
    throw new Refused({
      reason: 'conflict',
      message: `The node "${decision.nodeId}"${at} ${waits} (any more).`,
    });
  }
  await audit(services, {
    ...byCaller(c),
    action: `execution.${what}`,
    target: executionId,
    after: decision,
  });
  return { executionId, status: outcome.value };
}

/** nodes shown of one run; the rest stand on its own page */
const SHOWN_NODES = 20;
const askingSchema = z
  .object({
    executionId: z.string(),
    workflowId: z.string(),
    version: z.int().nullable(),
    status: z.enum(EXECUTION_STATUSES),
    trigger: z.string(),
    createdAt: z.string(),
    questions: z.int().openapi({ description: 'how many nodes wait for a person' }),
    nodes: z
      .array(
        nodeRunSchema.extend({
          kind: z.string(),
          name: z.string().nullable().openapi({ description: 'null = it has none' }),
        }),
      )
      .openapi({
        description: `the first ${SHOWN_NODES} of them: \`waiting\` for an approval, or \`needs_review\``,
      }),
  })
  .openapi('OpenDecision');

export const decisions = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/decisions',
      summary: 'Executions in which something waits for a person, newest first',
      description:
        'Approvals, and steps of which nobody knows whether they happened, across all workflows of the team.',
      request: {
        query: pageQuery.extend({
          limit: z.coerce.number().int().min(1).max(50).default(20),
          workflowId: z.string().max(64).optional(),
        }),
      },
      responses: answers(200, 'One page.', pageOf(askingSchema)),
    }),
    async (c) => {
      const { db } = c.get('services');
      const page = await listAsking(db, c.get('actor').teamId, c.req.valid('query'));
      const data = await Promise.all(
        page.data.map(async ({ id, definition, status, ...row }) => {
          const asking = await runObject(c.env, id).questions(SHOWN_NODES);
          const nodes = asking.map((node) => {
            const known = definition.nodes.find((one) => one.id === node.nodeId);
            return { ...node, kind: known?.kind ?? '', name: known?.name ?? null };
          });
          return { executionId: id, ...row, status: status as ExecutionStatus, nodes };
        }),
      );
      // decided a moment ago, and its row not yet brought up to date
      const open = data.filter(({ nodes }) => nodes.length > 0);
      return c.json({ data: open, nextCursor: page.nextCursor } as never, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/approvals/{nodeId}',
      summary: 'Approve or reject what an approval node asks',
      request: {
        params,
        body: jsonBody(z.strictObject({ decision: z.enum(['approved', 'rejected']), ...place })),
      },
      responses: answers(200, 'How the execution stands.', stateSchema),
    }),
    async (c) => {
      const { id, nodeId } = c.req.valid('param');
      const { decision, ...ask } = c.req.valid('json');
      const at = { nodeId, itemPath: pathOf(ask) };
      const of = { executionId: id, what: 'approval' as const, decision, ...at };
      return c.json(await decided(c, of, () => runObject(c.env, id).approve({ ...at, decision })), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/reviews/{nodeId}',
      summary: 'Say what became of a step, and let the run go on',
      description:
        'For a node in `needs_review`: `done` takes it as succeeded with `output` (default null), `retry` runs it once more. The run goes on from there, also when it had ended.',
      request: {
        params,
        body: jsonBody(
          z.strictObject({ decision: z.enum(['done', 'retry']), output: z.unknown().optional(), ...place }),
        ),
      },
      responses: answers(200, 'How the execution stands.', stateSchema),
    }),
    async (c) => {
      const { id, nodeId } = c.req.valid('param');
      const { decision, output, ...ask } = c.req.valid('json');
      if (JSON.stringify(output ?? null).length > MAX_OUTPUT_CHARS)
        throw new Refused({
          reason: 'too_large',
          message: 'The output is larger than 1 MB.',
          limitBytes: MAX_OUTPUT_CHARS,
        });
      const at = { nodeId, itemPath: pathOf(ask) };
      const of = { executionId: id, what: 'review' as const, decision, ...at };
      return c.json(
        await decided(c, of, () => runObject(c.env, id).review({ ...at, decision, output })),
        200,
      );
    },
  );
