/** What a rebuild reads from the ledger: sums per scope and quarter of an hour, as domain/budget/scopes.ts names a call's scopes. */
import type { Carried, RebuildSlice } from '../domain/budget/rebuild.ts';

/** Rows of one slice: what it answers must fit into one message to the object, also when each row has an execution of its own. */
const SLICE_ROWS = 5_000;

/** One row per scope of a ledger row; D1 takes no more than five SELECTs in one. */
const SCOPES = `
  SELECT s.value AS scope, bucket, cost FROM part, json_each(json_array(
    'team:', 'model:' || model, 'member:' || nullif(member_id, ''), 'key:' || nullif(key_id, ''), 'prompt:' || nullif(prompt_id, ''),
    'prompt_version:' || nullif(prompt_id, '') || '@' || prompt_version, 'workflow:' || nullif(workflow_id, ''),
    'execution:' || nullif(execution_id, ''))) AS s WHERE s.value IS NOT NULL
  UNION ALL SELECT 'group:' || g.value, bucket, cost FROM part, json_each(part.group_ids) AS g
  UNION ALL SELECT 'tag:' || t.value, bucket, cost FROM part, json_each(part.tags) AS t
  UNION ALL SELECT 'execution:' || caller.id, bucket, cost FROM part JOIN caller ON caller.called = part.execution_id`;

const SLICE = `
  WITH RECURSIVE part AS MATERIALIZED (
    SELECT cost_nano_usd AS cost, unixepoch(created_at) / 900 * 900 AS bucket, model, member_id, key_id, prompt_id,
      prompt_version, workflow_id, execution_id, group_ids, tags
    FROM ledger WHERE team_id = ?1 AND seq > ?2 AND seq <= ?3),
  -- whoever called an execution, down to the first: their index rows stay as long as the team
  caller (called, id) AS (
    SELECT e.id, e.parent_execution_id FROM execution AS e
    WHERE e.id IN (SELECT execution_id FROM part) AND e.parent_execution_id IS NOT NULL
    UNION ALL
    SELECT caller.called, e.parent_execution_id FROM caller JOIN execution AS e ON e.id = caller.id
    WHERE e.parent_execution_id IS NOT NULL)
  SELECT scope, bucket, sum(cost) AS costNanoUsd FROM (${SCOPES}) WHERE cost <> 0 GROUP BY 1, 2`;

/** The next slice above `fromSeq`; null when the ledger ends there. `last`: it was the newest. */
export async function ledgerSlice(
  db: D1Database,
  teamId: string,
  fromSeq: number,
): Promise<{ slice: RebuildSlice; last: boolean } | null> {
  const ends = await db
    .prepare(
      `SELECT max(seq) AS seq, count(*) AS rows, coalesce(sum(cost_nano_usd), 0) AS cost FROM
         (SELECT seq, cost_nano_usd FROM ledger WHERE team_id = ? AND seq > ? ORDER BY seq LIMIT ${SLICE_ROWS})`,
    )
    .bind(teamId, fromSeq)
    .first<{ seq: number | null; rows: number; cost: number }>();
  if (!ends || ends.seq === null) return null;
  const { results } = await db
    .prepare(SLICE)
    .bind(teamId, fromSeq, ends.seq)
    .all<RebuildSlice['spend'][number]>();
  return {
    slice: { fromSeq, toSeq: ends.seq, costNanoUsd: ends.cost, spend: results },
    last: ends.rows < SLICE_ROWS,
  };
}

/** Rows up to here stood in the ledger once: those that are not there any more were removed, and are carried. */
export async function provedSeqOf(db: D1Database, teamId: string): Promise<number> {
  const sql = 'SELECT seq FROM ledger_checkpoint WHERE team_id = ?';
  return (await db.prepare(sql).bind(teamId).first<{ seq: number }>())?.seq ?? 0;
}

/** What retention removed from a team's ledger. */
export async function carriedOf(db: D1Database, teamId: string): Promise<Carried> {
  const row = await db
    .prepare(
      'SELECT carried_rows AS rows, carried_cost_nano_usd AS cost, carried_before AS before FROM ledger_checkpoint WHERE team_id = ?',
    )
    .bind(teamId)
    .first<{ rows: number; cost: number; before: string | null }>();
  return {
    rows: row?.rows ?? 0,
    costNanoUsd: row?.cost ?? 0,
    beforeMs: row?.before ? Date.parse(row.before) : null,
  };
}
