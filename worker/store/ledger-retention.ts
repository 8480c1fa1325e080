/**
 * Retention: old ledger rows go, their sum stays. Only rows that a proof has counted may go (store/ledger-proof.ts), and what they cost is
 * carried forward in the transaction that removes them, so ledger, rollups and counters agree before and after (B24).
 */
import { isNotNull } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { organization } from './schema.ts';

const DOOMED = `
  SELECT id, cost_nano_usd FROM ledger WHERE team_id = ?1 AND created_at < ?2
    AND seq <= (SELECT seq FROM ledger_checkpoint WHERE team_id = ?1)
  ORDER BY created_at, id LIMIT ?3`;

/** Removes at most `rows` rows booked before an instant (ISO); answers how many went. */
export async function removeLedgerRows(
  db: D1Database,
  teamId: string,
  { before, rows }: { before: string; rows: number },
): Promise<number> {
  const [, removed] = await db.batch([
    db
      .prepare(
        `WITH doomed AS MATERIALIZED (${DOOMED})
         UPDATE ledger_checkpoint SET
           carried_cost_nano_usd = carried_cost_nano_usd + (SELECT coalesce(sum(cost_nano_usd), 0) FROM doomed),
           carried_rows = carried_rows + (SELECT count(*) FROM doomed),
           carried_before = max(coalesce(carried_before, ''), ?2)
         WHERE team_id = ?1 AND EXISTS (SELECT 1 FROM doomed)`,
      )
      .bind(teamId, before, rows),
    db.prepare(`DELETE FROM ledger WHERE id IN (SELECT id FROM (${DOOMED}))`).bind(teamId, before, rows),
  ]);
  return removed!.meta.changes;
}

/** Teams that keep their ledger for so many days and no longer. */
export async function teamsWithRetention(db: Db): Promise<{ id: string; days: number }[]> {
  const teams = await db
    .select({ id: organization.id, days: organization.ledgerRetentionDays })
    .from(organization)
    .where(isNotNull(organization.ledgerRetentionDays));
  return teams.flatMap(({ id, days }) => (days === null ? [] : [{ id, days }]));
}
