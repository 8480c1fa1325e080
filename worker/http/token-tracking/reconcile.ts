/** GET /api/token-tracking/reconcile: the three sums and their difference, at one consistent cut. */
import { createRoute, z } from '@hono/zod-openapi';
import { ledgerCut } from '../../store/ledger.ts';
import { answers, newRoutes } from '../routes.ts';

const reconciliationSchema = z
  .object({
    /** the sum of all rows, those that retention deleted included */
    ledgerNanoUsd: z.int(),
    /** the part of it that retention deleted */
    archivedNanoUsd: z.int(),
    rollupNanoUsd: z.int(),
    /** settled, on the way to the ledger */
    pendingNanoUsd: z.int(),
    counterNanoUsd: z.int(),
    heldNanoUsd: z.int(),
    /** counter - ledger - pending: 0 at any instant */
    driftNanoUsd: z.int(),
    asOf: z.iso.datetime(),
  })
  .openapi('Reconciliation');

export const reconcile = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/token-tracking/reconcile',
    summary: 'Do ledger, rollups and counters agree?',
    responses: answers(
      200,
      'They do when driftNanoUsd is 0 and ledgerNanoUsd equals rollupNanoUsd.',
      reconciliationSchema,
    ),
  }),
  async (c) => {
    const { env, now, team } = c.get('services');
    const { teamId } = c.get('actor');
    // The ledger first: rows are carried in order, so everything that the object settled above its watermark is pending there.
    const { ledgerNanoUsd, archivedNanoUsd, rollupNanoUsd, watermarkSeq } = await ledgerCut(env.DB, teamId);
    const { counterNanoUsd, pendingNanoUsd, heldNanoUsd } = await team(teamId).cutAt(watermarkSeq);
    return c.json(
      {
        ledgerNanoUsd,
        archivedNanoUsd,
        rollupNanoUsd,
        pendingNanoUsd,
        counterNanoUsd,
        heldNanoUsd,
        driftNanoUsd: counterNanoUsd - ledgerNanoUsd - pendingNanoUsd,
        asOf: new Date(now()).toISOString(),
      },
      200,
    );
  },
);
