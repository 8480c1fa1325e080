/** Runs that take over from others: a replay keeps what an earlier run has, a node alone is given what it needs. Both are executions like any other. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { definitionSchema, type Definition } from '../domain/workflow/definition.ts';
import { aloneDefinition, isAllWell } from '../domain/workflow/replay.ts';
import type { Pins } from '../domain/workflow/run.ts';
import { ENDED, type ExecutionStatus } from '../domain/workflow/state.ts';
import { earlierRun } from '../store/archive.ts';
import { audit } from '../store/audit.ts';
import { ALONE, findExecution, loadOrders, type ExecutionRow } from '../store/executions.ts';
import { startRun } from '../store/start-run.ts';
import { findWorkflow } from '../store/workflows.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { noExecution, stateSchema } from './executions.ts';
import { idempotent } from './idempotency.ts';
import { answers, newRoutes, optionalJsonBody, type AppEnv } from './routes.ts';
import { idParam, noWorkflow, requirePins, requireRunnable, requireSound } from './workflows.ts';

const MAX_GIVEN_CHARS = 5_000_000;
const nodeParams = z.object({ id: z.string().max(64), nodeId: z.string().max(64) });

const replayBody = optionalJsonBody(
  z.strictObject({
    fromNodeId: z.string().max(64).optional().openapi({
      description:
        'runs anew from this node on; absent = from what did not succeed, or from the start when all did. A node inside a map runs again, with those behind it, for every item',
    }),
    version: z.literal('draft').optional().openapi({
      description:
        'runs the draft as it is now instead of what it ran: what the draft’s steps before `fromNodeId` gave then stands in for them. Needs `fromNodeId`',
    }),
  }),
  { params: idParam },
);
const aloneBody = optionalJsonBody(
  z.strictObject({
    definition: definitionSchema.optional().openapi({ description: 'instead of the saved draft' }),
    input: z.unknown().optional().openapi({ description: 'the input of the run' }),
    nodes: z
      .record(z.string().max(64), z.unknown())
      .optional()
      .openapi({ description: 'outputs of other nodes, as if they had run' }),
    item: z.unknown().optional().openapi({ description: 'the item, for a node inside a map' }),
    index: z.int().min(0).optional(),
  }),
  { params: nodeParams },
);

const noNode = (id: string, path: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message: `there is no node "${id}"` }] });

/** null = from what had failed. A run in which all went well has nothing to go on from. */
async function beginningOf(
  services: Parameters<typeof earlierRun>[0],
  row: ExecutionRow,
  { nodes }: Definition,
): Promise<string | null> {
  if (row.status !== 'completed') return null;
  const earlier = await earlierRun(services, row.id);
  return isAllWell(await earlier.nodes()) ? (nodes[0]?.id ?? null) : null;
}

/** The draft a run is gone on with: as a run of it would begin, given what the earlier one has. */
async function draftFor(
  c: Context<AppEnv>,
  row: ExecutionRow,
  { alone, fromNodeId }: { alone?: object; fromNodeId?: string },
): Promise<{ definition: Definition; pins: Pins }> {
  if (fromNodeId === undefined)
    throw new Refused({
      reason: 'invalid',
      issues: [{ path: 'fromNodeId', message: 'says where the draft begins' }],
    });
  if (alone)
    throw new Refused({
      reason: 'conflict',
      message: 'It ran one step alone: there is nothing before that.',
    });
  const { db } = c.get('services');
  const workflow = await findWorkflow(db, row.teamId, row.workflowId);
  if (!workflow) throw noWorkflow(row.workflowId);
  requireRunnable(workflow.draft);
  const of = { workflowId: row.workflowId, definition: workflow.draft };
  return { definition: workflow.draft, pins: await requirePins(db, row.teamId, of) };
}

export const replays = newRoutes()
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/replay',
      summary: 'Run it again, keeping what it has',
      description:
        'A new execution of the same version (or of the draft) with the same input. Results that do not hang on what runs anew are taken over and cost nothing, those of the items of a map that had not ended among them: they have `attempts` 0.',
      ...replayBody,
      middleware: [idempotent, replayBody.middleware] as const,
      responses: answers(202, 'It is saved and will run.', stateSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { fromNodeId, version } = c.req.valid('json');
      const services = c.get('services');
      const { db, env } = services;
      const actor = c.get('actor');
      const row = await findExecution(db, actor.teamId, id);
      const order = row && (await loadOrders({ db, files: env.FILES }, [id])).get(id);
      if (!row || !order) throw noExecution(id);
      if (!ENDED.includes(row.status as ExecutionStatus))
        throw new Refused({
          reason: 'conflict',
          message: 'It has not ended yet: cancel it, or wait for its end.',
        });
      if (row.detailsRemovedAt !== null)
        throw new Refused({
          reason: 'conflict',
          message: 'Its steps and its input were removed: the team keeps runs no longer than that.',
        });
      const { alone } = order;
      const draft = version === 'draft' ? await draftFor(c, row, { alone, fromNodeId }) : null;
      const definition = draft?.definition ?? order.definition;
      if (fromNodeId !== undefined && !definition.nodes.some((node) => node.id === fromNodeId))
        throw noNode(fromNodeId, 'fromNodeId');
      const from = fromNodeId ?? (await beginningOf(services, row, definition));
      const started = await startRun(services, {
        teamId: actor.teamId,
        workflowId: row.workflowId,
        version: draft ? null : row.version,
        definition,
        definitionHash: draft ? undefined : row.definitionHash,
        trigger: alone ? ALONE : 'replay',
        input: alone ?? order.input,
        keyId: actor.keyId,
        memberId: actor.memberId,
        groupIds: actor.groupIds,
        // the draft has a budget of its own
        budgetNanoUsd: draft ? undefined : row.budgetNanoUsd,
        pins: draft ? draft.pins : order.pins,
        replay: { executionId: id, fromNodeId: from },
      });
      if (!started.ok) throw new Refused(started.error);
      const { executionId } = started.value;
      await audit(services, {
        ...byCaller(c),
        action: 'execution.replay',
        target: id,
        after: { executionId, fromNodeId: from, ...(draft ? { version: 'draft' } : {}) },
      });
      return c.json({ executionId, status: 'queued' as const }, 202);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows/{id}/nodes/{nodeId}/run',
      summary: 'Run one node alone',
      description:
        'What the node would find is given: the input of the run, outputs of other nodes, the item of a map. Its side effects are real, and what it spends is booked.',
      ...aloneBody,
      middleware: [idempotent, aloneBody.middleware] as const,
      responses: answers(202, 'It is saved and will run.', stateSchema),
    }),
    async (c) => {
      const { id, nodeId } = c.req.valid('param');
      const { definition: sent, input = null, nodes = {}, ...at } = c.req.valid('json');
      const services = c.get('services');
      const actor = c.get('actor');
      const row = await findWorkflow(services.db, actor.teamId, id);
      if (!row) throw noWorkflow(id);
      const whole: Definition = sent ?? row.draft;
      requireSound(whole);
      if (!whole.nodes.some((node) => node.id === nodeId)) {
        if (sent) throw noNode(nodeId, 'definition.nodes');
        throw new Refused({ reason: 'not_found', message: `There is no node "${nodeId}" in the draft.` });
      }
      for (const given of Object.keys(nodes))
        if (given === nodeId || !whole.nodes.some((node) => node.id === given))
          throw noNode(given, `nodes.${given}`);
      const alone = { input, nodes, ...at };
      if (JSON.stringify(alone).length > MAX_GIVEN_CHARS)
        throw new Refused({
          reason: 'too_large',
          message: 'What is given is larger than 5 MB.',
          limitBytes: MAX_GIVEN_CHARS,
        });
      const definition = aloneDefinition(whole, nodeId, Object.keys(nodes));
      // what is given has run already, whatever its settings lack; the node itself must be able to
      requireRunnable({
        ...definition,
        nodes: definition.nodes.filter((node) => !(node.id in nodes)),
        edges: aloneDefinition(whole, nodeId, []).edges,
      });
      const started = await startRun(services, {
        teamId: actor.teamId,
        workflowId: id,
        version: null,
        definition,
        trigger: ALONE,
        input: alone,
        keyId: actor.keyId,
        memberId: actor.memberId,
        groupIds: actor.groupIds,
      });
      if (!started.ok) throw new Refused(started.error);
      return c.json({ executionId: started.value.executionId, status: 'queued' as const }, 202);
    },
  );
