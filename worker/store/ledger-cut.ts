/** D1's side of a reconciliation, read in one transaction. What was proved before is taken as proved; every newer row is summed. */

export interface LedgerCut {
  ledgerNanoUsd: number;
  rollupNanoUsd: number;
  /** the newest outbox number in the ledger */
  watermarkSeq: number;
  /** rows up to this number were summed at `verifiedAt`, those above it just now */
  verifiedSeq: number;
  verifiedAt: string | null;
  /** rows above `verifiedSeq` */
  newerRows: number;
  /** a proof of the whole ledger is under way and has come this far; null = none is */
  verifyingSeq: number | null;
}

/** Costs as much as there are rows since the last proof (store/ledger-proof.ts), however long the ledger is. */
export async function ledgerCut(db: D1Database, teamId: string): Promise<LedgerCut> {
  const [checkpoint, newer, rollup] = await db.batch<Record<string, number | string | null>>([
    db
      .prepare('SELECT seq, cost_nano_usd, verified_at, next_seq FROM ledger_checkpoint WHERE team_id = ?')
      .bind(teamId),
    db
      .prepare(
        `SELECT coalesce(sum(cost_nano_usd), 0) AS cost, coalesce(max(seq), 0) AS seq, count(*) AS rows FROM ledger
         WHERE team_id = ?1 AND seq > coalesce((SELECT seq FROM ledger_checkpoint WHERE team_id = ?1), 0)`,
      )
      .bind(teamId),
    db
      .prepare(
        "SELECT coalesce(sum(cost_nano_usd), 0) AS cost FROM rollup WHERE team_id = ? AND dimension = 'team'",
      )
      .bind(teamId),
  ]);
  const proved = checkpoint!.results[0] as
    { seq: number; cost_nano_usd: number; verified_at: string | null; next_seq: number | null } | undefined;
  const since = newer!.results[0] as { cost: number; seq: number; rows: number };
  return {
    ledgerNanoUsd: (proved?.cost_nano_usd ?? 0) + since.cost,
    rollupNanoUsd: rollup!.results[0]!.cost as number,
    watermarkSeq: Math.max(since.seq, proved?.seq ?? 0),
    verifiedSeq: proved?.seq ?? 0,
    verifiedAt: proved?.verified_at ?? null,
    newerRows: since.rows,
    verifyingSeq: proved?.next_seq ?? null,
  };
}
