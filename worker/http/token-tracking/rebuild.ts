/** POST /api/token-tracking/rebuild: counters and rollups computed anew from the ledger, compared, and put right where they differ. */
import { createRoute, z } from '@hono/zod-openapi';
import type { RebuildState, RebuiltCounters } from '../../domain/budget/rebuild.ts';
import type { Services } from '../../services.ts';
import { audit } from '../../store/audit.ts';
import { carriedOf, ledgerSlice, provedSeqOf } from '../../store/rebuild-ledger.ts';
import { NO_PROGRESS, rebuildRollupsOfNextDay, type RollupProgress } from '../../store/rebuild-rollups.ts';
import { byCaller } from '../audited.ts';
import { Refused } from '../errors.ts';
import { answers, newRoutes, optionalJsonBody } from '../routes.ts';

/** One request works no longer than this; the next one goes on where it stopped. */
const WORK_MS = 20_000;
/** Under load rows leave the outbox while they are compared: read on and try again. */
const TRIES = 50;

const difference = {
  beforeNanoUsd: z.int(),
  afterNanoUsd: z.int(),
  differenceNanoUsd: z.int(),
  quarters: z.int(),
};
const rebuiltSchema = z
  .object({
    /** `running`: ask again with the same body, it goes on */
    status: z.enum(['running', 'done']),
    dryRun: z.boolean(),
    /** ledger rows up to this number are counted in; what was still on its way to the ledger came from the outbox */
    countedUpTo: z.int(),
    /** null while it is running */
    counters: z
      .object({
        totalBeforeNanoUsd: z.int(),
        totalAfterNanoUsd: z.int(),
        differingScopes: z.int(),
        /** the largest differences, at most 100; `scope` as "key:key_01h..." */
        scopes: z.array(z.object({ scope: z.string(), ...difference })),
      })
      .nullable(),
    rollups: z.object({
      differingKeys: z.int(),
      keys: z.array(z.object({ dimension: z.string(), key: z.string(), ...difference })),
    }),
  })
  .openapi('Rebuilt');

export const rebuild = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/token-tracking/rebuild',
    summary: 'Compute counters and rollups anew from the ledger',
    description:
      'Answers what differed and puts it right, while calls go on; `dryRun` only compares. Repeating it changes nothing. On a long ledger one request does a part: repeat it until `status` is `done`. ' +
      'Time whose rows retention has removed is left as it stands.',
    ...optionalJsonBody(z.strictObject({ dryRun: z.boolean().default(false) }), {}),
    responses: answers(200, 'What differed.', rebuiltSchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { teamId } = c.get('actor');
    const { dryRun } = c.req.valid('json');
    const untilMs = services.now() + WORK_MS;
    const mayGoOn = () => services.now() < untilMs;
    const judge = services.team(teamId);
    const state = await judge.rebuildOpen(await carriedOf(services.env.DB, teamId), !dryRun);
    if (!dryRun && state.seq === 0 && state.rollups === null)
      await audit(services, { ...byCaller(c), action: 'counters.rebuild', target: teamId });

    const rollups = await putRollupsRight(services, teamId, { state, mayGoOn });
    const counters =
      rollups.endS === null ? await putCountersRight(services, teamId, { state, mayGoOn }) : null;
    const seq = counters?.seq ?? state.seq;
    const answer = {
      status: counters?.found ? ('done' as const) : ('running' as const),
      dryRun,
      countedUpTo: seq,
      counters: counters?.found
        ? { ...counters.found, scopes: counters.found.scopes.map(withDifference) }
        : null,
      rollups: { differingKeys: rollups.differingKeys, keys: rollups.keys.map(withDifference) },
    };
    if (!dryRun && counters?.found)
      await audit(services, {
        ...byCaller(c),
        action: 'counters.rebuilt',
        target: teamId,
        before: { totalNanoUsd: counters.found.totalBeforeNanoUsd },
        after: {
          totalNanoUsd: counters.found.totalAfterNanoUsd,
          countedUpTo: seq,
          differingScopes: counters.found.differingScopes,
          differingRollups: rollups.differingKeys,
        },
      });
    return c.json(answer, 200);
  },
);

interface Part {
  state: RebuildState;
  mayGoOn(): boolean;
}

async function putRollupsRight({ env, team }: Services, teamId: string, { state, mayGoOn }: Part) {
  let progress = (state.rollups as RollupProgress | null) ?? NO_PROGRESS;
  const { beforeMs } = state.carried;
  const fromS = beforeMs === null ? null : Math.ceil(beforeMs / 900_000) * 900;
  while (progress.endS !== null) {
    progress = await rebuildRollupsOfNextDay(env.DB, teamId, { progress, apply: state.apply, fromS });
    if (mayGoOn() && progress.endS !== null) continue;
    await team(teamId).rebuildSave(progress);
    break;
  }
  return progress;
}

/** Slices up to the newest row, then the switch; `found` stays null when the time is over before. */
async function putCountersRight(
  { env, team }: Services,
  teamId: string,
  { state, mayGoOn }: Part,
): Promise<{ seq: number; found: RebuiltCounters | null }> {
  const judge = team(teamId);
  let seq = state.seq;
  const provedSeq = await provedSeqOf(env.DB, teamId);
  for (let tries = 0; tries < TRIES; tries++) {
    for (let last = false; !last;) {
      const next = await ledgerSlice(env.DB, teamId, seq);
      if (!next) break;
      const reached = await judge.rebuildAdd(next.slice);
      if (reached === null) throw another();
      last = next.last && reached === next.slice.toSeq;
      seq = reached;
      if (!last && !mayGoOn()) return { seq, found: null };
    }
    // rows above the newest one that is left were removed: there is nothing to read of them
    if (seq < provedSeq)
      seq = (await judge.rebuildAdd({ fromSeq: seq, toSeq: provedSeq, costNanoUsd: 0, spend: [] })) ?? seq;
    const finished = await judge.rebuildFinish();
    if (finished.ok) return { seq, found: finished.value };
    if (finished.error.reason === 'not_begun') throw another();
  }
  return { seq, found: null };
}

const another = () =>
  new Refused({
    reason: 'conflict',
    message: 'Another rebuild of this team has just ended. Ask again if you still want one.',
  });

const withDifference = <T extends { beforeNanoUsd: number; afterNanoUsd: number }>(one: T) => ({
  ...one,
  differenceNanoUsd: one.afterNanoUsd - one.beforeNanoUsd,
});
