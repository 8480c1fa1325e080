/** GET, POST /api/token-tracking/budget; GET, PATCH, DELETE /api/token-tracking/budget/:id */
import { createRoute, z } from '@hono/zod-openapi';
import { DEFAULT_THRESHOLDS } from '../../domain/budget/alerts.ts';
import {
  SCOPE_TYPES,
  WINDOWS,
  type Budget,
  type BudgetStatus,
  type Scope,
} from '../../domain/budget/budget.ts';
import { isTimeZone } from '../../domain/budget/periods.ts';
import { audit } from '../../store/audit.ts';
import { scopeExists } from '../../store/nouns.ts';
import { resumeAfterTopUp } from '../../store/paused-runs.ts';
import { projectionsOf } from '../../store/spend-history.ts';
import { findTeam } from '../../store/teams.ts';
import { byCaller } from '../audited.ts';
import { Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { answers, jsonBody, newRoutes, pageOf, pageQuery } from '../routes.ts';

const scope = z.strictObject({
  type: z.enum(SCOPE_TYPES),
  id: z
    .string()
    .min(1)
    .max(200)
    .optional()
    .openapi({ description: "the noun's id; a tag's or model's text; none for team" }),
});
const timeZone = z.string().max(64).refine(isTimeZone, 'must be an IANA time zone such as "Europe/Berlin"');
const anchor = z.strictObject({
  month: z.int().min(1).max(12).optional(),
  dayOfMonth: z.int().min(1).max(28).optional(),
  weekday: z.int().min(1).max(7).optional(),
  hour: z.int().min(0).max(23).optional(),
});
const limitNanoUsd = z
  .int()
  .min(0)
  .nullable()
  .openapi({ description: 'nano-USD; 0 = spend nothing, null = no limit' });
const maxTokensPerRun = z.int().min(1).max(1_000_000_000).nullable().openapi({
  description:
    'the most tokens, input and output together, that one call to a provider may take at worst; null = no limit',
});
const maxCostPerRunNanoUsd = z.int().min(0).nullable().openapi({
  description:
    'nano-USD that one call to a provider may cost at worst; null = no limit. In a workflow each call of a node counts by itself',
});
const thresholds = z
  .array(z.int().min(1).max(1000))
  .max(10)
  .transform((percents) => [...new Set(percents)].sort((a, b) => a - b));
const policy = z.enum(['block', 'warn']);
const window = z.enum(WINDOWS);

const projectionSchema = z
  .object({
    expectedNanoUsd: z.int(),
    lowNanoUsd: z.int().openapi({ description: '10% of outcomes are expected below' }),
    highNanoUsd: z.int().openapi({ description: '10% of outcomes are expected above' }),
    until: z.iso.datetime().openapi({
      description: 'the end of the period; of a budget in total, 30 days from now',
    }),
    exhaustsAt: z.iso
      .datetime()
      .nullable()
      .openapi({ description: 'when the limit is expected to be reached; null = not before `until`' }),
    basisDays: z.int().openapi({ description: 'full days it stands on, at most 14' }),
  })
  .openapi('Projection');

export const budgetSchema = z
  .object({
    id: z.string(),
    scope: z.object({ type: z.enum(SCOPE_TYPES), id: z.string().optional() }),
    each: z.boolean().optional(),
    fromBudgetId: z.string().optional(),
    window,
    timeZone: z.string(),
    anchor: z.object({
      month: z.int().optional(),
      dayOfMonth: z.int().optional(),
      weekday: z.int().optional(),
      hour: z.int().optional(),
    }),
    limitNanoUsd: z.int().nullable(),
    maxTokensPerRun: z.int().nullish(),
    maxCostPerRunNanoUsd: z.int().nullish(),
    policy,
    thresholds: z.array(z.int()),
    spentNanoUsd: z.int(),
    heldNanoUsd: z.int(),
    periodStart: z.iso.datetime(),
    resetsAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    projection: projectionSchema.nullable().openapi({
      description: 'null = fewer than three full days of spend, or a scope without history',
    }),
  })
  .openapi('Budget');

/** Budgets with where they are going. */
async function projected(
  db: D1Database,
  teamId: string,
  { budgets, nowMs }: { budgets: BudgetStatus[]; nowMs: number },
) {
  const projections = await projectionsOf(db, teamId, { budgets, nowMs });
  return budgets.map((budget) => ({ ...budget, projection: projections.get(budget.id) ?? null }));
}

const create = z.strictObject({
  scope,
  each: z.literal(true).optional().openapi({
    description:
      'a default: each subject of this type gets its own such budget at its first call; the scope then has no id',
  }),
  window,
  timeZone: timeZone.optional().openapi({ description: "the team's zone unless told" }),
  anchor: anchor.default({}),
  limitNanoUsd,
  maxTokensPerRun: maxTokensPerRun.optional(),
  maxCostPerRunNanoUsd: maxCostPerRunNanoUsd.optional(),
  policy: policy.default('block'),
  thresholds: thresholds.default([...DEFAULT_THRESHOLDS]),
});
const change = z.strictObject({
  limitNanoUsd: limitNanoUsd.optional(),
  maxTokensPerRun: maxTokensPerRun.optional(),
  maxCostPerRunNanoUsd: maxCostPerRunNanoUsd.optional(),
  policy: policy.optional(),
  thresholds: thresholds.optional(),
  window: window.optional(),
  timeZone: timeZone.optional(),
  anchor: anchor.optional(),
});

const path = '/api/token-tracking/budget';
const params = z.object({ id: z.string().max(200) });
const invalid = (at: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path: at, message }] });
const noBudget = () => new Refused({ reason: 'not_found', message: 'There is no such budget.' });

/** What an audit row tells of a budget: what people set, not where it stands. */
const limitsOf = ({ scope, window, timeZone, anchor, limitNanoUsd, policy, thresholds, ...one }: Budget) => ({
  scope,
  ...(one.each ? { each: true } : {}),
  window,
  timeZone,
  anchor,
  limitNanoUsd,
  maxTokensPerRun: one.maxTokensPerRun ?? null,
  maxCostPerRunNanoUsd: one.maxCostPerRunNanoUsd ?? null,
  policy,
  thresholds,
});

/** The scope as it is kept, or 422 naming its id. */
async function checkedScope(
  db: D1Database,
  teamId: string,
  asked: { scope: Scope; each?: true },
): Promise<Scope> {
  const { type, id } = asked.scope;
  if (asked.each) {
    if (type === 'team')
      throw invalid('each', 'a team has one budget of its own; "each" is for the scopes inside it');
    if (id !== undefined) throw invalid('scope.id', 'a default for each has no id');
    return { type };
  }
  if (type !== 'team' && id === undefined) throw invalid('scope.id', `the id of the ${type} is missing`);
  if (!(await scopeExists(db, teamId, asked.scope)))
    throw invalid('scope.id', `there is no such ${type.replace('_', ' ')} in this team`);
  return type === 'team' ? { type } : { type, id };
}

export const budgets = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path,
      summary: 'Budgets and where they stand',
      request: { query: pageQuery },
      responses: answers(200, 'Oldest first.', pageOf(budgetSchema)),
    }),
    async (c) => {
      const { limit, cursor } = c.req.valid('query');
      const all = await c.get('services').team(c.get('actor').teamId).listBudgets();
      const rest = all
        .sort((a, b) => (a.id < b.id ? -1 : 1))
        .filter(({ id }) => cursor === undefined || id > cursor);
      const { env, now } = c.get('services');
      const { teamId } = c.get('actor');
      const data = await projected(env.DB, teamId, { budgets: rest.slice(0, limit), nowMs: now() });
      return c.json({ data, nextCursor: rest.length > limit ? data.at(-1)!.id : null }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path,
      summary: 'Make a budget; what its scope already spent in the running period counts',
      middleware: [idempotent] as const,
      request: { body: jsonBody(create) },
      responses: answers(201, 'The budget as it stands.', budgetSchema),
    }),
    async (c) => {
      const { db, env, newId, now, team } = c.get('services');
      const { teamId } = c.get('actor');
      const { each, ...asked } = c.req.valid('json');
      const budget: Budget = {
        ...asked,
        id: newId('budget'),
        scope: await checkedScope(env.DB, teamId, { scope: asked.scope, each }),
        ...(each ? { each } : {}),
        timeZone: asked.timeZone ?? (await findTeam(db, teamId))?.timeZone ?? 'UTC',
        createdAt: new Date(now()).toISOString(),
      };
      const status = await team(teamId).createBudget(budget);
      await audit(c.get('services'), {
        ...byCaller(c),
        action: 'budget.create',
        target: budget.id,
        after: limitsOf(status),
      });
      const [shown] = await projected(env.DB, teamId, { budgets: [status], nowMs: now() });
      return c.json(shown!, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: `${path}/{id}`,
      summary: 'One budget',
      request: { params },
      responses: answers(200, 'The budget as it stands.', budgetSchema),
    }),
    async (c) => {
      const status = await c.get('services').team(c.get('actor').teamId).getBudget(c.req.valid('param').id);
      if (!status) throw noBudget();
      const { env, now } = c.get('services');
      const { teamId } = c.get('actor');
      const [shown] = await projected(env.DB, teamId, { budgets: [status], nowMs: now() });
      return c.json(shown!, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: `${path}/{id}`,
      summary: 'Change a budget; the effect is immediate, and runs that wait for it ask again',
      request: { params, body: jsonBody(change) },
      responses: answers(200, 'The budget as it stands now.', budgetSchema),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const team = c.get('services').team(c.get('actor').teamId);
      const before = await team.getBudget(id);
      const status = before && (await team.updateBudget(id, c.req.valid('json')));
      if (!status) throw noBudget();
      await audit(c.get('services'), {
        ...byCaller(c),
        action: 'budget.update',
        target: id,
        before: limitsOf(before),
        after: limitsOf(status),
      });
      c.executionCtx.waitUntil(resumeAfterTopUp(c.get('services'), c.get('actor').teamId));
      const { env, now } = c.get('services');
      const { teamId } = c.get('actor');
      const [shown] = await projected(env.DB, teamId, { budgets: [status], nowMs: now() });
      return c.json(shown!, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: `${path}/{id}`,
      summary: 'Delete a budget; its alerts stay',
      request: { params },
      responses: { 204: { description: 'It is gone.' } },
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const team = c.get('services').team(c.get('actor').teamId);
      const before = await team.getBudget(id);
      if (!before || !(await team.deleteBudget(id))) throw noBudget();
      await audit(c.get('services'), {
        ...byCaller(c),
        action: 'budget.delete',
        target: id,
        before: limitsOf(before),
      });
      c.executionCtx.waitUntil(resumeAfterTopUp(c.get('services'), c.get('actor').teamId));
      return c.body(null, 204);
    },
  );
