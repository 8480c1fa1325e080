/** GET /api/runs: every call, billed or not, from wherever it came. */
import { createRoute, z } from '@hono/zod-openapi';
import { attemptsOf, findRun, listRuns, type RunRow } from '../store/runs.ts';
import { Refused } from './errors.ts';
import { answers, newRoutes, pageOf, pageQuery } from './routes.ts';

const text = z.string().nullable();
const runSchema = z
  .object({
    id: z.string(),
    status: z.string(),
    executionType: z.string(),
    provider: z.string(),
    model: z.string(),
    attempts: z.int(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costNanoUsd: z.int(),
    latencyMs: z.int(),
    error: text,
    promptId: text,
    promptVersion: z.int().nullable(),
    workflowId: text,
    executionId: text,
    nodeId: text,
    memberId: text,
    keyId: text,
    tags: z.array(z.string()),
    createdAt: z.string(),
  })
  .openapi('Run');

/** One call to a provider; billed ones are rows of the ledger, the others stand here only. */
const attemptSchema = z
  .object({
    attempt: z.int(),
    status: z.string(),
    billed: z.boolean(),
    provider: z.string(),
    model: z.string(),
    inputTokens: z.int(),
    outputTokens: z.int(),
    costNanoUsd: z.int(),
    latencyMs: z.int(),
    error: text,
    createdAt: z.string(),
  })
  .openapi('RunAttempt');

const shown = ({ teamId: _, lastSeq: __, failedAttempts: ___, ...row }: RunRow) => row;
const filter = z.string().min(1).max(200).optional();

export const runs = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/runs',
      summary: 'Runs, newest first',
      request: {
        query: pageQuery.extend({
          promptId: filter,
          workflowId: filter,
          executionId: filter,
          model: filter,
          status: filter,
        }),
      },
      responses: answers(200, 'A page of runs.', pageOf(runSchema)),
    }),
    async (c) => {
      const page = await listRuns(c.get('services').db, c.get('actor').teamId, c.req.valid('query'));
      return c.json({ ...page, data: page.data.map(shown) }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/runs/{id}',
      summary: 'One run',
      request: { params: z.object({ id: z.string().max(200) }) },
      responses: answers(
        200,
        'The run, and each of its attempts in order.',
        runSchema.extend({ attemptDetails: z.array(attemptSchema) }).openapi('RunWithAttempts'),
      ),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db } = c.get('services');
      const row = await findRun(db, c.get('actor').teamId, id);
      if (!row) throw new Refused({ reason: 'not_found', message: `There is no run "${id}".` });
      return c.json({ ...shown(row), attemptDetails: await attemptsOf(db, row) }, 200);
    },
  );
