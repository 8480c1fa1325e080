/** GET /api/token-tracking/ledger: one row per billed attempt, newest first. */
import { createRoute, z } from '@hono/zod-openapi';
import { ledgerPage, type LedgerRow } from '../../store/ledger-page.ts';
import { providerCostIn } from '../../domain/cost/provider-cost.ts';
import { Refused } from '../errors.ts';
import { answers, newRoutes, pageOf, pageQuery } from '../routes.ts';
import { instant } from './instant.ts';

export const ledgerRowSchema = z
  .object({
    id: z.string(),
    runId: z.string(),
    attempt: z.int(),
    status: z.string(),
    source: z.enum(['reported', 'estimated', 'external']),
    flags: z.array(z.string()),
    executionType: z.string(),
    provider: z.string(),
    model: z.string(),
    inputTokens: z.int(),
    cacheReadTokens: z.int(),
    cacheWriteTokens: z.int(),
    outputTokens: z.int(),
    reasoningTokens: z.int(),
    costNanoUsd: z.int(),
    /** what the provider itself says the call cost (OpenRouter), beside our own; null = it says nothing */
    providerCostNanoUsd: z.int().nullable(),
    /** false = the model had no price: the cost is unknown, not 0 */
    priced: z.boolean(),
    priceId: z.string().nullable(),
    promptId: z.string().nullable(),
    promptVersion: z.int().nullable(),
    workflowId: z.string().nullable(),
    executionId: z.string().nullable(),
    nodeId: z.string().nullable(),
    memberId: z.string().nullable(),
    keyId: z.string().nullable(),
    groupIds: z.array(z.string()),
    tags: z.array(z.string()),
    latencyMs: z.int(),
    createdAt: z.iso.datetime(),
  })
  .openapi('LedgerRow');

const id = z.string().max(200).optional();

function shown({ teamId: _team, seq: _seq, usageJson: _usage, rawUsage, source, ...row }: LedgerRow) {
  return {
    ...row,
    source: source as 'reported' | 'estimated' | 'external',
    providerCostNanoUsd: providerCostIn(rawUsage),
  };
}

export const ledger = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/token-tracking/ledger',
    summary: 'What was spent, attempt by attempt',
    request: {
      query: pageQuery.extend({
        executionId: id,
        runId: id,
        model: id,
        provider: id,
        status: id,
        keyId: id,
        memberId: id,
        promptId: id,
        workflowId: id,
        tag: id,
        groupId: id,
        from: instant.optional(),
        to: instant.optional(),
      }),
    },
    responses: answers(200, 'Newest first.', pageOf(ledgerRowSchema)),
  }),
  async (c) => {
    const { limit, cursor, ...filter } = c.req.valid('query');
    const page = await ledgerPage(c.get('services').db, c.get('actor').teamId, { filter, limit, cursor });
    if (!page)
      throw new Refused({
        reason: 'malformed',
        message: 'That is not a cursor of this list.',
        param: 'cursor',
      });
    return c.json({ data: page.data.map(shown), nextCursor: page.nextCursor }, 200);
  },
);
