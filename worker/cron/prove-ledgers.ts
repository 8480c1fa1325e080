/** Proves the ledgers of active teams anew: once a day, and whenever so many rows are newer than the last proof that a quick reconciliation would be slow. */
import type { Services } from '../services.ts';
import { activeTeams } from '../store/executions.ts';
import { proveLedger, wantsProof } from '../store/ledger-proof.ts';

const ACTIVE_MS = 3_600_000;
const MAX_AGE_MS = 24 * 3_600_000;
const MAX_NEWER_ROWS = 100_000;
/** All proofs of one minute together take no longer; the next minute goes on. */
const MINUTES_SHARE_MS = 20_000;

export async function proveLedgers({ env, db, now }: Services): Promise<void> {
  const untilMs = now() + MINUTES_SHARE_MS;
  for (const teamId of await activeTeams(db, new Date(now() - ACTIVE_MS).toISOString())) {
    const wish = { nowMs: now(), maxAgeMs: MAX_AGE_MS, maxNewerRows: MAX_NEWER_ROWS };
    if (await wantsProof(env.DB, teamId, wish))
      await proveLedger(env.DB, teamId, {
        mayGoOn: () => now() < untilMs,
        nowIso: () => new Date(now()).toISOString(),
      });
    if (now() >= untilMs) return;
  }
}
