/** Removes ledger rows that are older than their team keeps them, a bounded part every minute. */
import type { Services } from '../services.ts';
import { removeLedgerRows, teamsWithRetention } from '../store/ledger-retention.ts';

const DAY_MS = 86_400_000;
const ROWS_AT_ONCE = 2_000;
const MINUTES_SHARE_MS = 5_000;

export async function retainLedgers({ env, db, now }: Services): Promise<void> {
  const untilMs = now() + MINUTES_SHARE_MS;
  for (const { id, days } of await teamsWithRetention(db)) {
    const before = new Date(now() - days * DAY_MS).toISOString();
    let removed = ROWS_AT_ONCE;
    while (removed === ROWS_AT_ONCE && now() < untilMs)
      removed = await removeLedgerRows(env.DB, id, { before, rows: ROWS_AT_ONCE });
    if (now() >= untilMs) return;
  }
}
