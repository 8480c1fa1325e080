/**
 * The proof of a whole ledger: its rows summed one by one, slice by slice in the order of their numbers, and kept as the checkpoint on
 * which quick reconciliations stand. It can stop after any slice and go on later, also when two go on at once.
 */

const SLICE_ROWS = 50_000;

interface Progress {
  next_seq: number | null;
  next_cost_nano_usd: number;
  next_rows: number;
  carried_cost_nano_usd: number;
  carried_rows: number;
}

export interface ProofOptions {
  /** asked after every slice: false = stop here, go on another time */
  mayGoOn(): boolean;
  nowIso(): string;
  sliceRows?: number;
}

/** Proves on; true when it came to the end, so that the checkpoint is new. */
export async function proveLedger(db: D1Database, teamId: string, options: ProofOptions): Promise<boolean> {
  const { mayGoOn, nowIso, sliceRows = SLICE_ROWS } = options;
  await begin(db, teamId);
  for (;;) {
    const at = await progressOf(db, teamId);
    if (!at || at.next_seq === null) return true; // another one came to the end
    const slice = (await db
      .prepare(
        `SELECT count(*) AS rows, coalesce(sum(cost_nano_usd), 0) AS cost, max(seq) AS seq FROM
           (SELECT seq, cost_nano_usd FROM ledger WHERE team_id = ? AND seq > ? ORDER BY seq LIMIT ?)`,
      )
      .bind(teamId, at.next_seq, sliceRows)
      .first<{ rows: number; cost: number; seq: number | null }>())!;
    const now = {
      seq: slice.seq ?? at.next_seq,
      cost: at.next_cost_nano_usd + slice.cost,
      rows: at.next_rows + slice.rows,
    };
    const ended = slice.rows < sliceRows;
    if (await (ended ? end : goOn)(db, teamId, { at, now, nowIso: nowIso() })) {
      if (ended) return true;
    } else await restartIfRowsWent(db, teamId, at);
    if (!mayGoOn()) return false;
  }
}

/** A proof begins with what retention carried forward: those rows are gone, their sum is not. */
const begin = (db: D1Database, teamId: string) =>
  db
    .prepare(
      `INSERT INTO ledger_checkpoint (team_id, next_seq) VALUES (?, 0) ON CONFLICT (team_id) DO UPDATE SET
         next_seq = 0, next_cost_nano_usd = carried_cost_nano_usd, next_rows = carried_rows WHERE next_seq IS NULL`,
    )
    .bind(teamId)
    .run();

const progressOf = (db: D1Database, teamId: string) =>
  db
    .prepare(
      'SELECT next_seq, next_cost_nano_usd, next_rows, carried_cost_nano_usd, carried_rows FROM ledger_checkpoint WHERE team_id = ?',
    )
    .bind(teamId)
    .first<Progress>();

interface Step {
  at: Progress;
  now: { seq: number; cost: number; rows: number };
  nowIso: string;
}

/** Only when nobody else went on from the same place, and no rows were removed meanwhile. */
const UNMOVED = 'team_id = ?1 AND next_seq = ?2 AND next_rows = ?3 AND carried_rows = ?4';

const goOn = (db: D1Database, teamId: string, { at, now }: Step): Promise<boolean> =>
  changes(
    db
      .prepare(
        `UPDATE ledger_checkpoint SET next_seq = ?5, next_cost_nano_usd = ?6, next_rows = ?7 WHERE ${UNMOVED}`,
      )
      .bind(teamId, at.next_seq, at.next_rows, at.carried_rows, now.seq, now.cost, now.rows),
  );

/** What was proved stays proved: when the newest rows were removed, `seq` does not go back to what is left. */
const end = (db: D1Database, teamId: string, { at, now, nowIso }: Step): Promise<boolean> =>
  changes(
    db
      .prepare(
        `UPDATE ledger_checkpoint SET seq = max(seq, ?5), cost_nano_usd = ?6, rows = ?7, verified_at = ?8,
           next_seq = NULL, next_cost_nano_usd = 0, next_rows = 0 WHERE ${UNMOVED}`,
      )
      .bind(teamId, at.next_seq, at.next_rows, at.carried_rows, now.seq, now.cost, now.rows, nowIso),
  );

/** Rows that were summed already may have been removed and carried: begin again rather than count them twice. */
const restartIfRowsWent = (db: D1Database, teamId: string, at: Progress) =>
  db
    .prepare(
      `UPDATE ledger_checkpoint SET next_seq = 0, next_cost_nano_usd = carried_cost_nano_usd, next_rows = carried_rows
       WHERE team_id = ? AND next_seq IS NOT NULL AND carried_rows <> ?`,
    )
    .bind(teamId, at.carried_rows)
    .run();

async function changes(statement: D1PreparedStatement): Promise<boolean> {
  return (await statement.run()).meta.changes > 0;
}

/** Should the ledger of this team be proved again: is a proof under way, or the last one old, or many rows newer than it? */
export async function wantsProof(
  db: D1Database,
  teamId: string,
  { nowMs, maxAgeMs, maxNewerRows }: { nowMs: number; maxAgeMs: number; maxNewerRows: number },
): Promise<boolean> {
  const found = await db
    .prepare(
      `SELECT (SELECT max(seq) FROM ledger WHERE team_id = ?1) AS newest, c.seq, c.verified_at, c.next_seq
       FROM (SELECT 1) LEFT JOIN ledger_checkpoint AS c ON c.team_id = ?1`,
    )
    .bind(teamId)
    .first<{
      newest: number | null;
      seq: number | null;
      verified_at: string | null;
      next_seq: number | null;
    }>();
  if (!found || found.newest === null) return false;
  if (found.next_seq !== null || found.newest - (found.seq ?? 0) > maxNewerRows) return true;
  return found.verified_at === null || Date.parse(found.verified_at) < nowMs - maxAgeMs;
}
