/** SQL of a rebuild: slices of the ledger gather in tables of their own and take the counters' place in one synchronous transaction. */
import type { Settlement } from '../worker/domain/budget/budget.ts';
import type {
  Carried,
  RebuildRefusal,
  RebuildSlice,
  RebuildState,
  RebuiltCounters,
  ScopeDifference,
} from '../worker/domain/budget/rebuild.ts';
import { scopeKey, scopesOf, type ScopeKey } from '../worker/domain/budget/scopes.ts';
import { err, ok, type Result } from '../worker/domain/result.ts';

const MOST_SCOPES = 100;
const BUCKET_S = 900;

/** docs/state.md, "TeamBudget object". */
export const REBUILD_TABLES = `
  CREATE TABLE rebuild (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE rebuild_spend (
    scope TEXT NOT NULL,
    bucket INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL,
    PRIMARY KEY (scope, bucket)
  ) STRICT, WITHOUT ROWID;
`;

type Body = Omit<RebuildState, 'seq'>;

/** Cells of spend that are not what the ledger says, of the time whose rows are still there. A missing cell is 0. */
const DIFFERING = `
  SELECT coalesce(n.scope, o.scope) AS scope, coalesce(o.cost_nano_usd, 0) AS before, coalesce(n.cost_nano_usd, 0) AS after
  FROM rebuild_spend AS n FULL JOIN spend AS o ON o.scope = n.scope AND o.bucket = n.bucket
  WHERE coalesce(n.bucket, o.bucket) >= ?1 AND coalesce(n.cost_nano_usd, 0) <> coalesce(o.cost_nano_usd, 0)`;

export class RebuildStore {
  readonly #sql: SqlStorage;

  constructor({ sql }: DurableObjectStorage) {
    this.#sql = sql;
  }

  /** Goes on with the rebuild of the same kind that is under way, or begins one. */
  open(carried: Carried, apply: boolean): RebuildState {
    const state = this.state();
    const same = state && state.apply === apply && JSON.stringify(state.carried) === JSON.stringify(carried);
    if (same) return state;
    this.close();
    const body: Body = { carried, apply, rollups: null };
    this.#sql.exec(
      'INSERT INTO rebuild (id, seq, cost_nano_usd, body) VALUES (1, 0, 0, ?)',
      JSON.stringify(body),
    );
    return { seq: 0, ...body };
  }

  state(): RebuildState | null {
    const row = this.#row();
    return row && { seq: row.seq, ...(JSON.parse(row.body) as Body) };
  }

  saveRollups(rollups: unknown): void {
    const state = this.state();
    if (!state) return;
    const { seq: _, ...body } = state;
    this.#sql.exec('UPDATE rebuild SET body = ?', JSON.stringify({ ...body, rollups } satisfies Body));
  }

  /** Takes a slice when it is the next one; answers how far the rebuild is, null when none is under way. */
  add({ fromSeq, toSeq, costNanoUsd, spend }: RebuildSlice): number | null {
    const row = this.#row();
    if (!row || row.seq !== fromSeq) return row ? row.seq : null;
    this.#addSpend(JSON.stringify(spend.map((cell) => [cell.scope, cell.bucket, cell.costNanoUsd])));
    this.#sql.exec('UPDATE rebuild SET seq = ?, cost_nano_usd = cost_nano_usd + ?', toSeq, costNanoUsd);
    return toSeq;
  }

  /**
   * Counts in what is still on its way to the ledger, compares, and, when it is to be applied, puts the new sums in the place of those
   * that differ. Must run in one transaction with nothing in between; afterwards whatever is in memory of the counters is void.
   */
  finish(): Result<RebuiltCounters, RebuildRefusal> {
    const row = this.#row();
    if (!row) return err({ reason: 'not_begun' });
    const { carried, apply } = JSON.parse(row.body) as Body;
    let totalAfterNanoUsd = carried.costNanoUsd + row.cost_nano_usd;
    type Entry = { booked_at: number; cost_nano_usd: number; body: string | null };
    const tail: [ScopeKey, number, number][] = [];
    for (const entry of this.#sql.exec<Entry>(
      'SELECT booked_at, cost_nano_usd, body FROM outbox WHERE seq > ? AND cost_nano_usd <> 0',
      row.seq,
    )) {
      if (entry.body === null) return err({ reason: 'behind' });
      const { subject, model } = JSON.parse(entry.body) as Settlement;
      const bucket = Math.floor(entry.booked_at / 1000 / BUCKET_S) * BUCKET_S;
      for (const scope of scopesOf(subject, model)) tail.push([scopeKey(scope), bucket, entry.cost_nano_usd]);
      totalAfterNanoUsd += entry.cost_nano_usd;
    }
    this.#addSpend(JSON.stringify(tail));

    const fromBucket =
      carried.beforeMs === null ? -1e12 : Math.ceil(carried.beforeMs / 1000 / BUCKET_S) * BUCKET_S;
    const scopes = this.#sql
      .exec<Record<keyof ScopeDifference, SqlStorageValue>>(
        `SELECT scope, sum(before) AS beforeNanoUsd, sum(after) AS afterNanoUsd, count(*) AS quarters FROM (${DIFFERING})
         GROUP BY scope ORDER BY sum(abs(after - before)) DESC, scope LIMIT ${MOST_SCOPES}`,
        fromBucket,
      )
      .toArray() as unknown as ScopeDifference[];
    const { differing } = this.#sql
      .exec<{ differing: number }>(
        `SELECT count(DISTINCT scope) AS differing FROM (${DIFFERING})`,
        fromBucket,
      )
      .one();
    const { total } = this.#sql.exec<{ total: number }>('SELECT total_nano_usd AS total FROM totals').one();
    if (apply) this.#replace(fromBucket, totalAfterNanoUsd);
    this.close();
    return ok({ totalBeforeNanoUsd: total, totalAfterNanoUsd, differingScopes: differing, scopes });
  }

  close(): void {
    this.#sql.exec('DELETE FROM rebuild_spend');
    this.#sql.exec('DELETE FROM rebuild');
    this.#sql.exec(
      'UPDATE outbox SET body = NULL WHERE body IS NOT NULL AND seq <= (SELECT acknowledged_seq FROM totals)',
    );
  }

  #replace(fromBucket: number, totalNanoUsd: number): void {
    this.#sql.exec(
      `DELETE FROM spend WHERE bucket >= ? AND cost_nano_usd <> 0 AND coalesce((SELECT n.cost_nano_usd FROM rebuild_spend AS n
         WHERE n.scope = spend.scope AND n.bucket = spend.bucket), 0) = 0`,
      fromBucket,
    );
    this.#sql.exec(
      `INSERT INTO spend (scope, bucket, cost_nano_usd)
         SELECT scope, bucket, cost_nano_usd FROM rebuild_spend WHERE bucket >= ? AND cost_nano_usd <> 0
       ON CONFLICT DO UPDATE SET cost_nano_usd = excluded.cost_nano_usd WHERE cost_nano_usd <> excluded.cost_nano_usd`,
      fromBucket,
    );
    this.#sql.exec('UPDATE totals SET total_nano_usd = ?1 WHERE total_nano_usd <> ?1', totalNanoUsd);
  }

  #addSpend(cells: string): void {
    this.#sql.exec(
      `INSERT INTO rebuild_spend (scope, bucket, cost_nano_usd) SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?) WHERE true
       ON CONFLICT DO UPDATE SET cost_nano_usd = cost_nano_usd + excluded.cost_nano_usd`,
      cells,
    );
  }

  #row() {
    type Row = { seq: number; cost_nano_usd: number; body: string };
    return this.#sql.exec<Row>('SELECT seq, cost_nano_usd, body FROM rebuild').next().value ?? null;
  }
}
