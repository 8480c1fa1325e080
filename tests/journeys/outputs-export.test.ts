/** 100,000 outputs leave the really started server as CSV and JSON while its memory stays as it was. */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort, freshFolder, startServer, type Started } from './server.ts';

const ROWS = 100_000;
/** engine.md allows 512 MB for such a run; an export needs a few pages of rows */
const MOST_MB_ABOVE_IDLE = 256;

let server: Started;
const { dataDir, remove } = freshFolder();

/** The one SQLite file under the data folder that has outputs. */
function database(): DatabaseSync {
  const files = readdirSync(dataDir, { recursive: true }).map(String);
  for (const file of files.filter((name) => name.endsWith('.sqlite'))) {
    const db = new DatabaseSync(join(dataDir, file));
    if (db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'ended_run'").get()) return db;
    db.close();
  }
  throw new Error(`no database under ${dataDir}`);
}

/** Resident memory of every workerd that serves this port's data, in MB. */
function workerdMb(): number {
  const pids = execFileSync('pgrep', ['-f', 'workerd'], { encoding: 'utf8' }).split('\n').filter(Boolean);
  let kilobytes = 0;
  for (const pid of pids)
    try {
      if (!readFileSync(`/proc/${pid}/environ`, 'utf8').includes(`DATA_DIR=${dataDir}\0`)) continue;
      kilobytes += Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0);
    } catch {
      // it ended between the two looks
    }
  return kilobytes / 1024;
}

beforeAll(async () => {
  const port = await freePort();
  server = await startServer({ port, dataDir });
  const { body: me } = await server.api<any>('GET', '/api/me');
  await server.stop();
  const db = database();
  db.exec('BEGIN');
  const insert = db.prepare(
    `INSERT INTO output (id, team_id, workflow_id, execution_id, node_id, item_key, item_index, value, tags, input_tokens, output_tokens, cost_nano_usd, duration_ms, created_at)
     VALUES (?, ?, 'wf_bulk', 'exec_bulk', 'keep', ?, ?, ?, '["bulk"]', 1, 2, 3, 4, '2026-11-27T12:00:00.000Z')`,
  );
  for (let n = 0; n < ROWS; n++) {
    const value = {
      n,
      text: n % 1000 === 0 ? '=HYPERLINK("http://evil")' : 'x'.repeat(300),
      [`only${n % 3}`]: 1,
    };
    insert.run(`out_bulk${String(n).padStart(8, '0')}`, me.team.id, String(n), n, JSON.stringify(value));
  }
  db.exec('COMMIT');
  db.close();
  server = await startServer({ port, dataDir });
});
afterAll(async () => {
  await server.stop();
  remove();
});

/** Reads an export to its end, bit by bit; answers what was counted and the most memory that was seen. */
async function exported(format: 'csv' | 'json') {
  const response = await fetch(`${server.url}/api/outputs/export?format=${format}&workflowId=wf_bulk`, {
    headers: { authorization: `Bearer ${server.apiKey}` },
  });
  expect(response.status).toBe(200);
  let mostMb = 0;
  let lines = 0;
  let formulas = 0;
  let header = '';
  let rest = '';
  const decoder = new TextDecoder();
  let looked = 0;
  for await (const chunk of response.body!) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = parts.pop()!;
    for (const line of parts) {
      if (lines++ === 0) header = line;
      if (/(^|,|")=HYPERLINK/.test(line) && !/'=HYPERLINK/.test(line)) formulas++;
    }
    if (Date.now() - looked > 100) {
      looked = Date.now();
      mostMb = Math.max(mostMb, workerdMb());
    }
  }
  return { lines: lines + (rest === '' ? 0 : 1), formulas, header, mostMb };
}

it('exports 100,000 outputs in bounded memory, every field a column and no formula in a cell', async () => {
  await server.api('GET', '/api/outputs?limit=200&workflowId=wf_bulk');
  const idleMb = workerdMb();
  expect(idleMb).toBeGreaterThan(10);
  const csv = await exported('csv');
  expect(csv.lines).toBe(ROWS + 1);
  expect(csv.formulas).toBe(0);
  expect(csv.header).toMatch(/value\.n,value\.text/);
  for (const field of ['only0', 'only1', 'only2']) expect(csv.header).toContain(`value.${field}`);
  const json = await exported('json');
  expect(json.lines).toBe(ROWS);
  console.log(`export: idle ${idleMb} MB, csv ${csv.mostMb} MB, json ${json.mostMb} MB`);
  for (const { mostMb } of [csv, json]) {
    expect(mostMb).toBeGreaterThan(0);
    expect(mostMb - idleMb).toBeLessThan(MOST_MB_ABOVE_IDLE);
  }
});
