/** Rollups computed anew from the ledger, day by day. Each day is one transaction of D1, so rows that are carried meanwhile are in both or in neither. */

const DAY_S = 86_400;
const MOST_KEYS = 100;

export interface RollupDifference {
  dimension: string;
  key: string;
  /** sums over the quarters of an hour that differ, in cost or in anything else */
  beforeNanoUsd: number;
  afterNanoUsd: number;
  quarters: number;
}

/** How far it is; kept between requests. */
export interface RollupProgress {
  /** unix seconds: days before this one are done; null = not begun */
  nextS: number | null;
  /** null = all days are done */
  endS: number | null;
  differingKeys: number;
  keys: RollupDifference[];
}

export const NO_PROGRESS: RollupProgress = { nextS: null, endS: 0, differingKeys: 0, keys: [] };

/** Beside `dimensionsOf` of store/ledger.ts: what a row counts in; rebuild.test.ts holds the two together. D1 takes no more than five SELECTs in one. */
const DIMENSIONS = `
  SELECT d.value ->> 0 AS dimension, d.value ->> 1 AS key, part.* FROM part, json_each(json_array(
    json_array('team', ''), json_array('model', model), json_array('provider_model', provider || '/' || model),
    json_array('prompt', nullif(prompt_id, '')), json_array('workflow', nullif(workflow_id, '')),
    json_array('member', nullif(member_id, '')), json_array('key', nullif(key_id, '')))) AS d WHERE d.value ->> 1 IS NOT NULL
  UNION ALL SELECT 'group', g.value, part.* FROM part, json_each(part.group_ids) AS g
  UNION ALL SELECT 'tag', t.value, part.* FROM part, json_each(part.tags) AS t`;

const FRESH = `
  part AS MATERIALIZED (
    SELECT unixepoch(created_at) / 900 * 900 AS start, execution_type <> 'adjustment' AS run, input_tokens, output_tokens,
      cost_nano_usd, provider, model, prompt_id, workflow_id, member_id, key_id, group_ids, tags
    FROM ledger WHERE team_id = ?1 AND created_at >= ?4 AND created_at < ?5),
  fresh AS MATERIALIZED (
    SELECT dimension, key, start, sum(run) AS runs, sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
      sum(cost_nano_usd) AS cost_nano_usd
    FROM (${DIMENSIONS}) GROUP BY 1, 2, 3),
  stale AS MATERIALIZED (
    SELECT dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd FROM rollup
    WHERE team_id = ?1 AND dimension IN (SELECT value FROM json_each('["team","model","provider_model","prompt","workflow","member","key","group","tag"]'))
      AND start >= ?2 AND start < ?3)`;

const SAME = `f.runs = s.runs AND f.input_tokens = s.input_tokens AND f.output_tokens = s.output_tokens AND f.cost_nano_usd = s.cost_nano_usd`;
const ON = 's.dimension = f.dimension AND s.key = f.key AND s.start = f.start';

const COMPARE = `WITH ${FRESH}
  SELECT coalesce(f.dimension, s.dimension) AS dimension, coalesce(f.key, s.key) AS key, count(*) AS quarters,
    sum(coalesce(s.cost_nano_usd, 0)) AS beforeNanoUsd, sum(coalesce(f.cost_nano_usd, 0)) AS afterNanoUsd
  FROM fresh AS f FULL JOIN stale AS s ON ${ON}
  WHERE (${SAME}) IS NOT TRUE GROUP BY 1, 2`;

const REMOVE = `WITH ${FRESH}
  DELETE FROM rollup WHERE team_id = ?1 AND (dimension, start, key) IN (
    SELECT s.dimension, s.start, s.key FROM stale AS s LEFT JOIN fresh AS f ON ${ON} WHERE f.key IS NULL)`;

const REPLACE = `WITH ${FRESH}
  INSERT INTO rollup (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
  SELECT ?1, f.dimension, f.key, f.start, f.runs, f.input_tokens, f.output_tokens, f.cost_nano_usd
  FROM fresh AS f LEFT JOIN stale AS s ON ${ON} WHERE (${SAME}) IS NOT TRUE
  ON CONFLICT (team_id, dimension, start, key) DO UPDATE SET runs = excluded.runs, input_tokens = excluded.input_tokens,
    output_tokens = excluded.output_tokens, cost_nano_usd = excluded.cost_nano_usd`;

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

/** One day more; answers the new progress, `endS: null` after the last one. Days before `fromS` (their rows may be gone) are left alone. */
export async function rebuildRollupsOfNextDay(
  db: D1Database,
  teamId: string,
  { progress, apply, fromS }: { progress: RollupProgress; apply: boolean; fromS: number | null },
): Promise<RollupProgress> {
  if (progress.nextS === null) return span(db, teamId, fromS);
  const { nextS, endS } = progress;
  if (endS === null || nextS >= endS) return { ...progress, endS: null };
  const untilS = Math.floor(nextS / DAY_S) * DAY_S + DAY_S;
  const bound = (sql: string) => db.prepare(sql).bind(teamId, nextS, untilS, iso(nextS), iso(untilS));
  let { results } = await bound(COMPARE).all<RollupDifference>();
  if (apply && results.length > 0) {
    const [compared] = await db.batch<RollupDifference>([bound(COMPARE), bound(REMOVE), bound(REPLACE)]);
    results = compared!.results;
  }
  const keys = new Map(progress.keys.map((one) => [`${one.dimension} ${one.key}`, one]));
  let differingKeys = progress.differingKeys;
  for (const one of results) {
    const known = keys.get(`${one.dimension} ${one.key}`);
    if (!known) differingKeys++;
    keys.set(`${one.dimension} ${one.key}`, known ? added(known, one) : one);
  }
  const size = (one: RollupDifference) => Math.abs(one.afterNanoUsd - one.beforeNanoUsd);
  const largest = [...keys.values()].sort((a, b) => size(b) - size(a)).slice(0, MOST_KEYS);
  return { nextS: untilS, endS, differingKeys, keys: largest };
}

const added = (a: RollupDifference, b: RollupDifference): RollupDifference => ({
  ...a,
  beforeNanoUsd: a.beforeNanoUsd + b.beforeNanoUsd,
  afterNanoUsd: a.afterNanoUsd + b.afterNanoUsd,
  quarters: a.quarters + b.quarters,
});

/** From the first instant that either side knows to the last. */
async function span(db: D1Database, teamId: string, fromS: number | null): Promise<RollupProgress> {
  const row = await db
    .prepare(
      `SELECT min(unixepoch(first), start) AS first, max(unixepoch(last), stop) AS last FROM
         (SELECT min(created_at) AS first, max(created_at) AS last FROM ledger WHERE team_id = ?1),
         (SELECT min(start) AS start, max(start) AS stop FROM rollup WHERE team_id = ?1)`,
    )
    .bind(teamId)
    .first<{ first: number | null; last: number | null }>();
  if (!row || row.first === null || row.last === null) return emptyOr(db, teamId, fromS);
  const nextS = Math.max(row.first, fromS ?? row.first);
  return { ...NO_PROGRESS, nextS: Math.floor(nextS / 900) * 900, endS: row.last + 1 };
}

/** One side has nothing at all: the span is the other's. */
async function emptyOr(db: D1Database, teamId: string, fromS: number | null): Promise<RollupProgress> {
  const row = await db
    .prepare(
      `SELECT coalesce((SELECT unixepoch(min(created_at)) FROM ledger WHERE team_id = ?1), (SELECT min(start) FROM rollup WHERE team_id = ?1)) AS first,
         coalesce((SELECT unixepoch(max(created_at)) FROM ledger WHERE team_id = ?1), (SELECT max(start) FROM rollup WHERE team_id = ?1)) AS last`,
    )
    .bind(teamId)
    .first<{ first: number | null; last: number | null }>();
  if (!row || row.first === null || row.last === null) return { ...NO_PROGRESS, nextS: 0, endS: null };
  const nextS = Math.max(row.first, fromS ?? row.first);
  return { ...NO_PROGRESS, nextS: Math.floor(nextS / 900) * 900, endS: row.last + 1 };
}
