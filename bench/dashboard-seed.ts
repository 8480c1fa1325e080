/** Fills the database files of a stopped server with a year of a busy team: ledger rows, their rollups and runs, and the counters of its budget object. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { dimensionsSql } from './dashboard-rollups.ts';

const CHUNK_ROWS = 250_000;
const YEAR_S = 365 * 86_400;
/** newest rows that also have a run: the runs page reads nothing else */
const RUNS = 1_000_000;

export interface Seeded {
  rows: number;
  costNanoUsd: number;
  seconds: number;
}

function databases(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.sqlite'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** The file that has this table, and with it this row. */
function open(dataDir: string, table: string, where: string): DatabaseSync {
  for (const file of databases(dataDir)) {
    const db = new DatabaseSync(file);
    const there = db.prepare('SELECT 1 FROM sqlite_master WHERE type = ? AND name = ?').get('table', table);
    if (there && db.prepare(`SELECT 1 FROM ${table} WHERE ${where}`).get()) return db;
    db.close();
  }
  throw new Error(`no database under ${dataDir} has ${table} with ${where}`);
}

/** A spread-out number below `n` for row `seq`: the same every time. */
const pick = (n: number, salt: number) => `((seq * 2654435761 + ${salt}) % 4294967296 / 97 % ${n})`;

/** The year's rows as SQL: eight models, forty prompts, twenty-five members, thirty clients; and a few things that hardly ever occur. */
const rowsSql = (teamId: string, startS: number, rows: number) => `
WITH RECURSIVE numbers(seq) AS (SELECT ?1 UNION ALL SELECT seq + 1 FROM numbers WHERE seq < ?2)
SELECT seq,
  strftime('%Y-%m-%dT%H:%M:%fZ', ${startS} + seq * ${YEAR_S / rows}, 'unixepoch') AS created_at,
  CAST(${startS} + seq * ${YEAR_S / rows} AS INTEGER) / 900 * 900 AS start,
  CASE WHEN seq % 400009 = 7 THEN 'cancelled' WHEN seq % 97 = 0 THEN 'failed' ELSE 'succeeded' END AS status,
  CASE WHEN seq % 500009 = 11 THEN 'model-rare' ELSE 'model-' || ${pick(8, 1)} END AS model,
  CASE ${pick(8, 1)} WHEN 0 THEN 'gemini' WHEN 1 THEN 'anthropic' WHEN 2 THEN 'anthropic' ELSE 'openai' END AS provider,
  1000 + ${pick(900_001, 2)} AS cost,
  100 + ${pick(3000, 3)} AS input_tokens,
  20 + ${pick(800, 4)} AS output_tokens,
  'prm_' || ${pick(40, 5)} AS prompt_id,
  CASE WHEN seq % 5 = 0 THEN 'wf_' || ${pick(10, 6)} END AS workflow_id,
  'mem_' || ${pick(25, 7)} AS member_id,
  'key_' || ${pick(12, 8)} AS key_id,
  CASE WHEN seq % 600011 = 13 THEN '["client-rare"]' WHEN seq % 10 = 0 THEN '["client-' || ${pick(30, 9)} || '","urgent"]'
    ELSE '["client-' || ${pick(30, 9)} || '"]' END AS tags,
  '${teamId}' AS team_id
FROM numbers`;

export function seedYear(
  dataDir: string,
  teamId: string,
  { rows, endMs }: { rows: number; endMs: number },
): Seeded {
  const began = performance.now();
  const startS = Math.floor(endMs / 1000) - YEAR_S;
  const db = open(dataDir, 'organization', `id = '${teamId}'`);
  db.exec(
    'PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000; PRAGMA temp_store = MEMORY',
  );
  db.exec(`DELETE FROM ledger WHERE team_id = '${teamId}'; DELETE FROM run WHERE team_id = '${teamId}'`);
  for (const { name } of db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'rollup%'")
    .all())
    db.exec(`DELETE FROM ${name as string} WHERE team_id = '${teamId}'`);
  // rows come in the order of most indexes; the others are made at the end, in one go
  const later = db
    .prepare(
      "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name IN ('ledger', 'run') AND sql IS NOT NULL",
    )
    .all() as { name: string; sql: string }[];
  for (const { name } of later) db.exec(`DROP INDEX ${name}`);
  // the coarser rollups are summed up at the end, too
  const triggers = db
    .prepare("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'rollup'")
    .all() as { name: string; sql: string }[];
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  const sql = rowsSql(teamId, startS, rows);
  for (let from = 1; from <= rows; from += CHUNK_ROWS) {
    const to = Math.min(rows, from + CHUNK_ROWS - 1);
    db.exec('BEGIN');
    db.prepare(`CREATE TEMP TABLE chunk AS ${sql}`).run(from, to);
    db.exec(INTO_LEDGER);
    for (const statement of dimensionsSql()) db.exec(statement);
    if (to > rows - RUNS) db.exec(`${INTO_RUNS} WHERE seq > ${rows - RUNS}`);
    db.exec('DROP TABLE chunk; COMMIT');
  }
  for (const { sql: index } of later) db.exec(index);
  for (const [table, seconds] of [
    ['rollup_hour', 3_600],
    ['rollup_six_hours', 21_600],
    ['rollup_day', 86_400],
  ])
    db.exec(`INSERT INTO ${table} (team_id, dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd)
      SELECT team_id, dimension, key, start / ${seconds} * ${seconds}, sum(runs), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd)
      FROM rollup WHERE team_id = '${teamId}' GROUP BY 1, 2, 3, 4`);
  for (const { sql: trigger } of triggers) db.exec(trigger);
  db.exec('PRAGMA wal_checkpoint(TRUNCATE)');
  const { cost } = db
    .prepare("SELECT sum(cost_nano_usd) AS cost FROM rollup WHERE team_id = ? AND dimension = 'team'")
    .get(teamId) as { cost: number };
  const spend = db
    .prepare(
      "SELECT dimension || ':' || key AS scope, start, cost_nano_usd AS cost FROM rollup WHERE team_id = ? AND dimension IN ('team', 'model', 'prompt', 'workflow', 'member', 'key', 'tag')",
    )
    .iterate(teamId);
  const object = open(dataDir, 'totals', `team_id = '${teamId}'`);
  object.exec('PRAGMA synchronous = OFF; BEGIN; DELETE FROM spend; DELETE FROM outbox');
  const insert = object.prepare('INSERT INTO spend (scope, bucket, cost_nano_usd) VALUES (?, ?, ?)');
  for (const row of spend) insert.run(row.scope!, row.start!, row.cost!);
  object
    .prepare('UPDATE totals SET total_nano_usd = ?, last_seq = ?, acknowledged_seq = ?')
    .run(cost, rows, rows);
  object.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)');
  object.close();
  db.close();
  return { rows, costNanoUsd: cost, seconds: (performance.now() - began) / 1000 };
}

const INTO_LEDGER = `
INSERT INTO ledger (id, team_id, seq, run_id, attempt, status, source, flags, execution_type, provider, model,
  input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, reasoning_tokens, cost_nano_usd, priced, price_id,
  prompt_id, workflow_id, member_id, key_id, tags, usage_json, latency_ms, created_at)
SELECT printf('led_%020d', seq), team_id, seq, printf('run_%020d', seq), 1, status, 'reported', '[]', 'gateway', provider, model,
  input_tokens, 0, 0, output_tokens, 0, cost, 1, 'shipped:' || provider || '/' || model,
  prompt_id, workflow_id, member_id, key_id, tags, '{}', 800, created_at
FROM chunk`;

const INTO_RUNS = `
INSERT INTO run (id, team_id, status, execution_type, provider, model, attempts, input_tokens, output_tokens, cost_nano_usd,
  latency_ms, prompt_id, workflow_id, member_id, key_id, tags, last_seq, created_at)
SELECT printf('run_%020d', seq), team_id, status, 'gateway', provider, model, 1, input_tokens, output_tokens, cost,
  800, prompt_id, workflow_id, member_id, key_id, tags, seq, created_at
FROM chunk`;
