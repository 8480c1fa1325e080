/** Running workflows: trigger, look, cancel, pause, resume. The row is written before anything is enqueued; the run's object does the rest. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { EXECUTION_STATUSES, NODE_STATUSES, type ExecutionStatus } from '../domain/workflow/state.ts';
import type { RunObject, RunOrder, RunView } from '../domain/workflow/run.ts';
import { findExecution, listExecutions, loadOrders, type ExecutionRow } from '../store/executions.ts';
import { archivedView } from '../store/archive.ts';
import { resumeCalled } from '../store/called-runs.ts';
import { runObject } from '../store/run-object.ts';
import { startRun } from '../store/start-run.ts';
import { findVersion, findWorkflow } from '../store/workflows.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, newRoutes, optionalJsonBody, pageOf, pageQuery, type AppEnv } from './routes.ts';
import { idParam, noWorkflow, requirePins, requireRunnable } from './workflows.ts';

const MAX_INPUT_CHARS = 1_000_000;
const status = z.enum(EXECUTION_STATUSES);
const runError = z.looseObject({ reason: z.string(), message: z.string(), nodeId: z.string().optional() });

const refusalSchema = z.looseObject({ reason: z.string() });

const spendFields = { inputTokens: z.int(), outputTokens: z.int(), costNanoUsd: z.int() };
const summarySchema = z
  .object({
    id: z.string(),
    workflowId: z.string(),
    version: z.int().nullable(),
    status,
    trigger: z.string(),
    createdAt: z.string(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    ...spendFields,
    budgetNanoUsd: z.int().nullable(),
    error: runError.nullable(),
  })
  .openapi('ExecutionSummary');

export const nodeRunSchema = z
  .object({
    nodeId: z.string(),
    itemIndex: z.int().optional(),
    itemPath: z.array(z.int()).optional(),
    status: z.enum(NODE_STATUSES),
    attempts: z.int(),
    startedAt: z.string().nullable(),
    endedAt: z.string().nullable(),
    handle: z.string().optional(),
    output: z.unknown().optional(),
    outputPreview: z.string().optional(),
    error: runError.optional(),
    wait: z
      .looseObject({
        for: z.enum(['retry', 'budget', 'delay', 'approval', 'workflow']),
        /** approval: what the person is asked */
        message: z.string().optional(),
        /** workflow: the execution it waits for */
        executionId: z.string().optional(),
        /** null = until it comes */
        until: z.string().nullable(),
      })
      .optional()
      .openapi({ description: 'what a waiting node waits for' }),
    ...spendFields,
  })
  .openapi('ExecutionNode');

export const executionSchema = summarySchema
  .extend({
    input: z.unknown(),
    /** the execution that called it, as a step of its own */
    parentExecutionId: z.string().nullable(),
    /** the execution whose results it took over, and from which node on it ran anew */
    replayOf: z.string().nullable(),
    fromNodeId: z.string().nullable(),
    /** when its steps and its input were removed, since the team keeps them no longer; null = they were not */
    detailsRemovedAt: z.string().nullable(),
    /** why it is paused at a budget */
    refusal: refusalSchema.nullable(),
    /** `paused` by a person, or because all that is left only waits (it goes on by itself) */
    pausedFor: z.enum(['person', 'wait']).nullish(),
    nodes: z.array(nodeRunSchema),
    /** per node, how many of its items stand where */
    counts: z.record(z.string(), z.partialRecord(z.enum(NODE_STATUSES), z.int())),
    /** there are more rows of nodes: ask again with ?cursor= */
    nextCursor: z.string().nullable(),
  })
  .openapi('Execution');

const triggerSchema = z.strictObject({
  input: z.unknown().optional(),
  version: z.enum(['draft', 'published']).optional(),
});
export const stateSchema = z.object({ executionId: z.string(), status });
export const noExecution = (id: string) =>
  new Refused({ reason: 'not_found', message: `There is no execution "${id}".` });

/** An execution as it is answered: the run's own word where there is one, else the index row's. */
function shown(row: ExecutionRow, view: RunView | null) {
  const { id, workflowId, version, trigger, createdAt, startedAt, endedAt, budgetNanoUsd } = row;
  const { inputTokens, outputTokens, costNanoUsd, parentExecutionId, replayOf, fromNodeId } = row;
  const { detailsRemovedAt } = row;
  return {
    ...{ id, workflowId, version, trigger, createdAt, startedAt, endedAt, budgetNanoUsd },
    ...{ inputTokens, outputTokens, costNanoUsd, parentExecutionId, replayOf, fromNodeId, detailsRemovedAt },
    nodes: [],
    counts: {},
    nextCursor: null,
    ...view,
    refusal: (view?.refusal ?? null) as z.infer<typeof refusalSchema> | null,
    status: (view?.status ?? row.status) as ExecutionStatus,
    error: (view ? view.error : row.error) as z.infer<typeof runError> | null,
  };
}

/** Tells a run to do something; one that ended long ago stays as it is. */
async function told(
  c: Context<AppEnv>,
  id: string,
  tell: (run: RunObject, order: RunOrder) => Promise<ExecutionStatus>,
) {
  const { db, env } = c.get('services');
  const row = await findExecution(db, c.get('actor').teamId, id);
  const order = row && (await loadOrders({ db, files: env.FILES }, [id])).get(id);
  if (!row || !order) throw noExecution(id);
  if (row.archivedAt !== null) return { executionId: id, status: row.status as ExecutionStatus };
  return { executionId: id, status: await tell(runObject(env, id), order) };
}

const triggerBody = optionalJsonBody(triggerSchema, { params: idParam });

export const executions = newRoutes()
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/workflows/{id}/trigger',
      summary: 'Run a workflow',
      description: 'Runs the published version, or the draft when there is none or `version` says so.',
      ...triggerBody,
      middleware: [idempotent, triggerBody.middleware] as const,
      responses: answers(202, 'It is saved and will run.', stateSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { input, version } = c.req.valid('json');
      const { db } = c.get('services');
      const actor = c.get('actor');
      const row = await findWorkflow(db, actor.teamId, id);
      if (!row) throw noWorkflow(id);
      if (version === 'published' && row.publishedVersion === null)
        throw new Refused({ reason: 'conflict', message: 'The workflow has no published version yet.' });
      if (JSON.stringify(input ?? null).length > MAX_INPUT_CHARS)
        throw new Refused({
          reason: 'too_large',
          message: 'The input is larger than 1 MB.',
          limitBytes: MAX_INPUT_CHARS,
        });
      const number = version === 'draft' ? null : row.publishedVersion;
      const pinned = number === null ? null : await findVersion(db, actor.teamId, id, number);
      const definition = pinned?.body ?? row.draft;
      if (!pinned) requireRunnable(definition);
      const pins = await requirePins(db, actor.teamId, { workflowId: id, definition });
      const started = await startRun(c.get('services'), {
        teamId: actor.teamId,
        workflowId: id,
        version: number,
        definition,
        definitionHash: pinned?.hash,
        trigger: actor.keyId !== null ? 'api' : 'manual',
        input,
        keyId: actor.keyId,
        memberId: actor.memberId,
        groupIds: actor.groupIds,
        pins,
      });
      if (!started.ok) throw new Refused(started.error);
      return c.json({ executionId: started.value.executionId, status: 'queued' as const }, 202);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/workflows/{id}/executions',
      summary: 'Its executions, newest first',
      request: { params: idParam, query: pageQuery.extend({ status: status.optional() }) },
      responses: answers(200, 'One page.', pageOf(summarySchema)),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db } = c.get('services');
      const { teamId } = c.get('actor');
      if (!(await findWorkflow(db, teamId, id))) throw noWorkflow(id);
      const page = await listExecutions(db, teamId, { ...c.req.valid('query'), workflowId: id });
      return c.json(
        page as unknown as { data: z.infer<typeof summarySchema>[]; nextCursor: string | null },
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/executions',
      summary: 'Executions of the team, newest first',
      request: {
        query: pageQuery.extend({ status: status.optional(), workflowId: z.string().max(64).optional() }),
      },
      responses: answers(200, 'One page.', pageOf(summarySchema)),
    }),
    async (c) => {
      const page = await listExecutions(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json(
        page as unknown as { data: z.infer<typeof summarySchema>[]; nextCursor: string | null },
        200,
      );
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/executions/{id}',
      summary: 'One execution, node by node',
      description:
        'Nodes inside a map have a row per item; ?nodeId= shows only those of one node, ?cursor= the next page.',
      request: {
        params: idParam,
        query: z.object({
          nodeId: z.string().max(64).optional(),
          limit: z.coerce.number().int().min(1).max(1000).default(1000),
          cursor: z.string().max(1000).optional(),
        }),
      },
      responses: answers(200, 'The execution.', executionSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db, env } = c.get('services');
      const row = await findExecution(db, c.get('actor').teamId, id);
      if (!row) throw noExecution(id);
      const page = c.req.valid('query');
      const view =
        row.archivedAt === null
          ? await runObject(env, id).view(page)
          : await archivedView(env.FILES, id, page);
      const input = row.inputRef ? await (await env.FILES.get(row.inputRef))?.json() : row.input;
      return c.json({ ...shown(row, view), input: (input ?? null) as unknown }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/cancel',
      summary: 'End it now; an ended one stays as it is',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'How it stands.', stateSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      return c.json(await told(c, id, (run, order) => run.cancel(order)), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/pause',
      summary: 'Finish what runs, begin nothing new',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'How it stands.', stateSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      return c.json(await told(c, id, (run, order) => run.pause(order)), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: '/api/executions/{id}/resume',
      summary: 'Go on from where it stopped',
      description: '`budgetNanoUsd` sets the run’s own budget; null takes it away.',
      ...optionalJsonBody(z.strictObject({ budgetNanoUsd: z.int().min(0).nullish() }), { params: idParam }),
      responses: answers(200, 'How it stands.', stateSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { budgetNanoUsd } = c.req.valid('json');
      const state = await told(c, id, (run, order) => run.resume(order, { budgetNanoUsd }));
      await resumeCalled(c.get('services'), id);
      return c.json(state, 200);
    },
  );
