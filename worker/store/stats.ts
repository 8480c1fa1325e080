/** Statistics read rollups only, never the ledger (B23). */

export interface Sums {
  runs: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  /** answers from the cache, which are no runs, and what they would have cost */
  cacheHits: number;
  savedNanoUsd: number;
}

export interface Span {
  /** unix seconds, on a quarter of an hour */
  from: number;
  to: number;
}

const SUMS = `coalesce(sum(runs), 0) AS runs, coalesce(sum(input_tokens), 0) AS inputTokens,
  coalesce(sum(output_tokens), 0) AS outputTokens, coalesce(sum(cost_nano_usd), 0) AS costNanoUsd,
  coalesce(sum(cache_hits), 0) AS cacheHits, coalesce(sum(saved_nano_usd), 0) AS savedNanoUsd`;

/** Sums of a team over a span, per piece of it, and per key of a dimension (dearest first); read in one transaction, so they add up. */
export async function readStats(
  db: D1Database,
  teamId: string,
  {
    span,
    pieces,
    dimension,
    mostGroups,
  }: { span: Span; pieces: Span[]; dimension: string | null; mostGroups: number },
) {
  const json = JSON.stringify(pieces);
  const inPiece = `FROM json_each(?2) AS p JOIN rollup ON team_id = ?1 AND dimension = ?3
    AND start >= p.value ->> 'from' AND start < p.value ->> 'to' AND start >= ?4 AND start < ?5`;
  const [totals, series, groups, cells] = await db.batch([
    db
      .prepare(
        `SELECT ${SUMS} FROM rollup WHERE team_id = ?1 AND dimension = 'team' AND start >= ?2 AND start < ?3`,
      )
      .bind(teamId, span.from, span.to),
    db
      .prepare(`SELECT p.value ->> 'from' AS "from", ${SUMS} ${inPiece} GROUP BY 1`)
      .bind(teamId, json, 'team', span.from, span.to),
    db
      .prepare(
        `SELECT key, ${SUMS} FROM rollup WHERE team_id = ?1 AND dimension = ?2 AND start >= ?3 AND start < ?4
         GROUP BY key ORDER BY sum(cost_nano_usd) DESC, key LIMIT ?5`,
      )
      .bind(teamId, dimension ?? '', span.from, span.to, mostGroups),
    db
      .prepare(
        `SELECT p.value ->> 'from' AS "from", rollup.key AS key, sum(cost_nano_usd) AS costNanoUsd ${inPiece} GROUP BY 1, 2`,
      )
      .bind(teamId, json, dimension ?? '', span.from, span.to),
  ]);
  return {
    totals: totals!.results[0] as Sums,
    series: series!.results as (Sums & { from: number })[],
    groups: groups!.results as (Sums & { key: string })[],
    cells: cells!.results as { from: number; key: string; costNanoUsd: number }[],
  };
}
