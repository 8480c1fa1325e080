/** Claim: one team's budget object does at least 600 reserve + settle per second, every row persisted and carried to the ledger, drift 0. */
import { mkdtempSync, rmSync, statSync, readdirSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { machine } from './load.ts';

const CLAIM_PER_SECOND = 600;
const root = resolve(import.meta.dirname, '..');
const folder = mkdtempSync(join(tmpdir(), 'reserve-settle-'));

const bundled = await build({
  entryPoints: [join(root, 'bench/reserve-settle.worker.ts')],
  bundle: true,
  format: 'esm',
  target: 'es2024',
  conditions: ['workerd', 'worker', 'browser'],
  external: ['cloudflare:*', 'node:*'],
  write: false,
});
const mf = new Miniflare(
  convertV4MiniflareOptions({
    log: new Log(LogLevel.WARN),
    cf: false,
    telemetry: { enabled: false },
    resourcePersistencePath: folder,
    workers: [
      {
        name: 'bench',
        modules: true,
        script: bundled.outputFiles[0]!.text,
        compatibilityDate: '2026-10-01',
        compatibilityFlags: ['nodejs_compat'],
        bindings: { MASTER_KEY: `${'A'.repeat(43)}=` },
        d1Databases: ['DB'],
        r2Buckets: ['FILES'],
        durableObjects: {
          TEAM_BUDGET: { className: 'TeamBudget', useSQLite: true },
          WORKFLOW_RUN: { className: 'WorkflowRun', useSQLite: true },
        },
        queueProducers: { LEDGER: 'ledger', EXECUTIONS: 'executions' },
        queueConsumers: { ledger: { maxBatchSize: 50, maxBatchTimeout: 0, maxRetries: 10 } },
      },
    ],
  }),
);

async function ask<T>(path: string): Promise<T> {
  const response = await mf.dispatchFetch(`http://bench${path}`);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}
const megabytes = (path: string): number =>
  readdirSync(path, { recursive: true, withFileTypes: true }).reduce(
    (sum, entry) => sum + (entry.isFile() ? statSync(join(entry.parentPath, entry.name)).size : 0),
    0,
  ) / 1e6;

const db = await mf.getD1Database('DB');
for (const name of readdirSync(join(root, 'migrations'))
  .filter((file) => file.endsWith('.sql'))
  .sort()) {
  const statements = readFileSync(join(root, 'migrations', name), 'utf8').split('--> statement-breakpoint');
  await db.batch(statements.map((sql) => db.prepare(sql.trim())));
}

console.log(`reserve + settle on one team object, 6 budgets, inside workerd on ${machine()}`);
await ask('/budgets');
let from = 0;
let best = 0;
const timed = async (count: number, concurrency: number) => {
  const started = performance.now();
  const { refused } = await ask<{ refused: number }>(
    `/pairs?from=${from}&count=${count}&concurrency=${concurrency}`,
  );
  from += count;
  if (refused > 0) throw new Error(`${refused} of ${count} were refused`);
  return count / ((performance.now() - started) / 1000);
};
await timed(500, 16);
for (const concurrency of [1, 16, 64]) {
  const perSecond = await timed(concurrency === 1 ? 500 : 4000, concurrency);
  best = Math.max(best, perSecond);
  console.log(
    `concurrency ${String(concurrency).padStart(2)}: ${perSecond.toFixed(0)} pairs/s while the ledger is carried`,
  );
}
const started = performance.now();
const sums = await ask<{
  counterNanoUsd: number;
  ledgerNanoUsd: number;
  rollupNanoUsd: number;
  pendingNanoUsd: number;
  heldNanoUsd: number;
}>('/drain');
const rows = await db.prepare('SELECT count(*) AS n FROM ledger').first<{ n: number }>();
console.log(
  `rows in the ledger: ${rows!.n} of ${from}, the last ${(performance.now() - started).toFixed(0)} ms after the last settle; ` +
    `counter - ledger: ${sums.counterNanoUsd - sums.ledgerNanoUsd}, ledger - rollups: ${sums.ledgerNanoUsd - sums.rollupNanoUsd}, held: ${sums.heldNanoUsd}; ` +
    `${megabytes(folder).toFixed(1)} MB on disk`,
);
await mf.dispose();
rmSync(folder, { recursive: true, force: true });
if (
  rows!.n !== from ||
  sums.counterNanoUsd !== sums.ledgerNanoUsd ||
  sums.ledgerNanoUsd !== sums.rollupNanoUsd
) {
  console.error('FAILED: the books do not agree');
  process.exitCode = 1;
}
if (best < CLAIM_PER_SECOND) {
  console.error(`FAILED: ${best.toFixed(0)} pairs/s is below the claim of ${CLAIM_PER_SECOND}`);
  process.exitCode = 1;
}
