/** POST /api/token-tracking/log: usage of calls that were made elsewhere, priced and booked like our own. */
import { createRoute, z } from '@hono/zod-openapi';
import type { CallSubject, ExecutionType, Settlement } from '../../domain/budget/budget.ts';
import { costOf, isContradictory } from '../../domain/cost/cost.ts';
import { usageSchema, type Usage } from '../../domain/cost/usage.ts';
import type { Issue } from '../../domain/refusal.ts';
import { groupsOfMember } from '../../store/groups.ts';
import { ledgerCostOf } from '../../store/ledger-page.ts';
import { namesOf } from '../../store/nouns.ts';
import { overridesOf } from '../../store/prices.ts';
import { Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { answers, jsonBody, newRoutes } from '../routes.ts';
import { instant } from './instant.ts';

const EXECUTION_TYPES = [
  'gateway',
  'prompt',
  'workflow',
  'external',
  'evaluation',
  'assistant',
] as const satisfies ExecutionType[];
const EARLIEST = '2020-01-01T00:00:00.000Z';
const CLOCK_SKEW_MS = 5 * 60_000;

const tokens = z.int().min(0).max(1_000_000_000);
const usageLog = z.strictObject({
  model: z.string().min(1).max(200),
  inputTokens: tokens,
  outputTokens: tokens,
  cacheReadTokens: tokens.default(0),
  cacheWriteTokens: tokens.default(0),
  reasoningTokens: tokens.default(0),
  executionType: z.enum(EXECUTION_TYPES).default('external'),
  promptId: z.string().min(1).max(200).optional(),
  runId: z
    .string()
    .regex(/^[\w.:-]{1,200}$/, 'letters, digits and . : _ - only')
    .optional(),
  memberId: z.string().min(1).max(200).optional(),
  tags: z.array(z.string().min(1).max(200)).max(20).default([]),
  occurredAt: instant.optional(),
});

const loggedSchema = z
  .object({
    runId: z.string(),
    costNanoUsd: z.int(),
    /** false = the model has no price: the cost is unknown, not 0 */
    priced: z.boolean(),
  })
  .openapi('LoggedUsage');

export const usageLogging = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/token-tracking/log',
    summary: 'Book usage of a call made elsewhere; once per runId',
    middleware: [idempotent] as const,
    request: { body: jsonBody(usageLog) },
    responses: answers(201, 'It is booked.', loggedSchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { db, env, judge, newId, now, prices } = services;
    const { teamId, keyId, memberId, keyTags, groupIds } = c.get('actor');
    const body = c.req.valid('json');
    const usage: Usage = usageSchema.parse(body);
    const issues: Issue[] = [];
    if (isContradictory(usage))
      issues.push({ path: 'inputTokens', message: 'is less than the cached tokens, which are part of it' });
    if (usage.reasoningTokens > usage.outputTokens)
      issues.push({ path: 'reasoningTokens', message: 'is more than outputTokens, of which it is a part' });
    const occurredAt = body.occurredAt ?? new Date(now()).toISOString();
    if (Date.parse(occurredAt) > now() + CLOCK_SKEW_MS)
      issues.push({ path: 'occurredAt', message: 'lies in the future' });
    if (occurredAt < EARLIEST) issues.push({ path: 'occurredAt', message: `lies before ${EARLIEST}` });
    for (const [type, id] of [
      ['prompt', body.promptId],
      ['member', body.memberId],
    ] as const)
      if (id !== undefined && !(await namesOf(env.DB, teamId, { type, ids: [id] })).has(id))
        issues.push({ path: `${type}Id`, message: `there is no such ${type} in this team` });
    if (issues.length > 0) throw new Refused({ reason: 'invalid', issues });

    const runId = body.runId ?? newId('run');
    const attempt = 1;
    const overrides = await overridesOf(services, teamId);
    const ref = prices.resolve(body.model, [], overrides) ?? { provider: 'external', model: body.model };
    const price = prices.lookup(ref.provider, ref.model, occurredAt, overrides);
    // The object forgets after a month which attempts it settled; the ledger does not.
    const booked = body.runId === undefined ? null : await ledgerCostOf(db, teamId, runId, attempt);
    if (booked !== null) return c.json({ runId, costNanoUsd: booked, priced: price !== null }, 201);

    const ofAnother = body.memberId !== undefined && body.memberId !== memberId;
    const subject: CallSubject = {
      teamId,
      keyId: keyId ?? undefined,
      memberId: body.memberId ?? memberId ?? undefined,
      promptId: body.promptId,
      groupIds: ofAnother
        ? [...(keyId === null ? [] : groupIds), ...(await groupsOfMember(db, body.memberId!))]
        : groupIds,
      tags: [...new Set([...keyTags, ...body.tags])],
    };
    const call = { runId, attempt, subject, ...ref, executionType: body.executionType };
    if (!price) {
      const asked = {
        ...call,
        ceilingNanoUsd: null,
        inputNanoUsd: 0,
        clampable: false,
        dispatching: false,
        ttlMs: 60_000,
      };
      const admission = await judge(teamId).reserve(asked);
      if (!admission.ok) throw new Refused(admission.error);
    }
    const settlement: Settlement = {
      ...call,
      status: 'succeeded',
      billed: true,
      costNanoUsd: price ? costOf(usage, price) : 0,
      usage,
      source: 'external',
      flags: [],
      priced: price !== null,
      priceId: price?.id ?? null,
      rawUsage: null,
      latencyMs: 0,
      occurredAt,
    };
    const { costNanoUsd } = await judge(teamId).settle(settlement);
    return c.json({ runId, costNanoUsd, priced: price !== null }, 201);
  },
);
