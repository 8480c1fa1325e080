/** GET /api/token-tracking/reconcile: the three sums at one consistent cut. */
import { createRoute, z } from '@hono/zod-openapi';
import { ledgerCut } from '../../store/ledger-cut.ts';
import { proveLedger } from '../../store/ledger-proof.ts';
import { answers, newRoutes } from '../routes.ts';

/** One request proves no longer than this; the next one, or the minute's job, goes on where it stopped. */
const PROOF_MS = 20_000;

const reconciliationSchema = z
  .object({
    ledgerNanoUsd: z.int(),
    rollupNanoUsd: z.int(),
    /** settled, on the way to the ledger */
    pendingNanoUsd: z.int(),
    counterNanoUsd: z.int(),
    heldNanoUsd: z.int(),
    /** counter - ledger - pending: 0 at any instant */
    driftNanoUsd: z.int(),
    asOf: z.iso.datetime(),
    /** ledger rows up to this number were summed one by one at `verifiedAt`; the newer ones were summed for this answer */
    verifiedUpTo: z.int(),
    /** null = the whole ledger was summed for this answer */
    verifiedAt: z.iso.datetime().nullable(),
    /** the newest number in the ledger */
    newestRow: z.int(),
    /** a proof of the whole ledger is under way and has come this far; null = none is */
    verifying: z.int().nullable(),
  })
  .openapi('Reconciliation');

export const reconcile = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/token-tracking/reconcile',
    summary: 'Do ledger, rollups and counters agree?',
    description:
      'Quick unless `full=true`: what the last proof of the whole ledger found, and the sum of every row since. ' +
      '`full=true` first sums the whole ledger again, row by row; on a very long one it stops after a while with `verifying` set: ask again, and it goes on.',
    request: { query: z.object({ full: z.enum(['true', 'false']).default('false') }) },
    responses: answers(
      200,
      'They do when driftNanoUsd is 0 and ledgerNanoUsd equals rollupNanoUsd.',
      reconciliationSchema,
    ),
  }),
  async (c) => {
    const { env, now, team } = c.get('services');
    const { teamId } = c.get('actor');
    const nowIso = () => new Date(now()).toISOString();
    if (c.req.valid('query').full === 'true') {
      const untilMs = now() + PROOF_MS;
      await proveLedger(env.DB, teamId, { mayGoOn: () => now() < untilMs, nowIso });
    }
    // The ledger first: rows are carried in order, so everything that the object settled above its watermark is pending there.
    const cut = await ledgerCut(env.DB, teamId);
    const { counterNanoUsd, pendingNanoUsd, heldNanoUsd } = await team(teamId).cutAt(cut.watermarkSeq);
    return c.json(
      {
        ledgerNanoUsd: cut.ledgerNanoUsd,
        rollupNanoUsd: cut.rollupNanoUsd,
        pendingNanoUsd,
        counterNanoUsd,
        heldNanoUsd,
        driftNanoUsd: counterNanoUsd - cut.ledgerNanoUsd - pendingNanoUsd,
        asOf: nowIso(),
        verifiedUpTo: cut.verifiedSeq,
        verifiedAt: cut.verifiedAt,
        newestRow: cut.watermarkSeq,
        verifying: cut.verifyingSeq,
      },
      200,
    );
  },
);
