/** POST /api/models/:id/reprice: books the difference between what a model's calls cost and what they cost at the price in force. */
import { createRoute, z } from '@hono/zod-openapi';
import { audit } from '../store/audit.ts';
import { overridesOf } from '../store/prices.ts';
import { REPRICE_ROWS, repriced } from '../store/reprice.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, jsonBody, newRoutes } from './routes.ts';
import { instant } from './token-tracking/instant.ts';

const job = z
  .strictObject({
    /** without it, the model's rows of every provider */
    provider: z.string().min(1).max(100).optional(),
    from: instant,
    to: instant,
    /** 'now' = the price in force now; 'then' = the one that, as prices stand now, was in force at each call */
    priceAt: z.enum(['now', 'then']).default('now'),
    /** true = only say what the difference would be */
    dryRun: z.boolean().default(false),
  })
  .refine(({ from, to }) => from < to, { path: ['to'], message: 'must be after from' });

const resultSchema = z
  .object({
    dryRun: z.boolean(),
    /** ledger rows of the model in the period; calls of the last seconds may not have arrived there yet */
    rows: z.int(),
    /** rows whose model has no price: left as they are */
    unpriced: z.int(),
    beforeNanoUsd: z.int(),
    afterNanoUsd: z.int(),
    differenceNanoUsd: z.int(),
    /** rows that differ */
    adjustments: z.int(),
    /** what was booked: the difference, less what another job is booking just now */
    bookedNanoUsd: z.int(),
  })
  .openapi('Reprice');

const AT_ONCE = 250;

export const reprice = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/models/{id}/reprice',
    summary: 'Price past calls anew: the difference is booked as adjustments, no row is rewritten',
    middleware: [idempotent] as const,
    request: { params: z.object({ id: z.string().min(1).max(200) }), body: jsonBody(job) },
    responses: answers(200, 'The difference, booked unless it was a dry run.', resultSchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { prices, now, team } = services;
    const { teamId } = c.get('actor');
    const { id: model } = c.req.valid('param');
    const { provider, from, to, priceAt, dryRun } = c.req.valid('json');
    const overrides = await overridesOf(services, teamId);
    const nowIso = new Date(now()).toISOString();
    const found = await repriced(services, teamId, {
      of: { model, provider, from, to },
      priceOf: (row) =>
        prices.lookup(row.provider, row.model, priceAt === 'now' ? nowIso : row.at, overrides),
    });
    if (!found)
      throw new Refused({
        reason: 'invalid',
        issues: [{ path: 'to', message: `more than ${REPRICE_ROWS} rows: choose a shorter period` }],
      });
    const { rows, unpriced, beforeNanoUsd, afterNanoUsd, adjustments } = found;
    const difference = {
      rows,
      unpriced,
      beforeNanoUsd,
      afterNanoUsd,
      differenceNanoUsd: afterNanoUsd - beforeNanoUsd,
      adjustments: adjustments.length,
    };
    let bookedNanoUsd = 0;
    if (!dryRun) {
      // Told before it is done: a job that breaks off in the middle stands in the log, and can be run again.
      await audit(services, {
        ...byCaller(c),
        action: 'price.reprice',
        target: provider ? `${provider}/${model}` : model,
        after: { from, to, priceAt, ...difference },
      });
      for (let start = 0; start < adjustments.length; start += AT_ONCE) {
        const settled = await team(teamId).settleMany(adjustments.slice(start, start + AT_ONCE));
        for (const { costNanoUsd, repeated } of settled) if (!repeated) bookedNanoUsd += costNanoUsd;
      }
    }
    return c.json({ dryRun, ...difference, bookedNanoUsd }, 200);
  },
);
