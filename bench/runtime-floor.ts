/**
 * No claim: what the local runtime itself takes for what a paid call and a run cannot do without, in a Worker of a few lines. The figures of
 * gateway-latency, gateway-throughput and engine stand beside these: a call asks the team's object twice and each answer is written before
 * it leaves; a run has a row, an object of its own, a paid step and an end.
 */
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from 'esbuild';
import { convertV4MiniflareOptions, Log, LogLevel, Miniflare } from 'miniflare';
import { diskSync, load, machine, ms, percentile, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const WAYS = {
  echo: 'an empty answer',
  asks: 'two questions to an object and one call upstream, nothing written',
  writes: 'the same, each question written by a commit of its own',
  shared: 'the same, questions of one millisecond in one commit',
  'old-run': 'a run: row, paid step, end, in an object that exists',
  'new-run': 'the same in a new object',
};

const folder = mkdtempSync(join(tmpdir(), 'runtime-floor-'));
const upstream = await startUpstreamProcess(0);
const bundled = await build({
  entryPoints: [join(import.meta.dirname, 'runtime-floor.worker.ts')],
  bundle: true,
  format: 'esm',
  target: 'es2024',
  external: ['cloudflare:*'],
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
        name: 'floor',
        modules: true,
        script: bundled.outputFiles[0]!.text,
        compatibilityDate: '2026-10-01',
        bindings: { UPSTREAM: `${upstream.url}/chat/completions` },
        d1Databases: ['DB'],
        durableObjects: {
          TEAM: { className: 'Team', useSQLite: true },
          RUN: { className: 'Run', useSQLite: true },
        },
        serviceBindings: { NETWORK: { network: { allow: ['public', 'private'] } } },
        unsafeDirectSockets: [{ host: '127.0.0.1', port: 0 }],
      },
    ],
  }),
);
await mf.ready;
const { port } = await mf.unsafeGetDirectURL('floor');
const body = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Say hello to the people of Hamburg.' }],
  max_tokens: 50,
});
const ask = (way: string) => () => post(`http://127.0.0.1:${port}/${way}`, body);

/** ms of CPU that this process's runtimes have taken (Linux: in hundredths of a second) */
function cpuMs(): number {
  let sum = 0;
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    let stat: string;
    try {
      stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    } catch {
      continue;
    }
    const [, parent, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (stat.includes('(workerd)') && Number(parent) === process.pid)
      sum += (Number(fields[9]) + Number(fields[10])) * 10;
  }
  return sum;
}

console.log(`the runtime's own floor, on ${machine()} (load generator and upstream on the same cores)`);
console.log(diskSync(folder));
await ask('tables')();
for (const [way, meaning] of Object.entries(WAYS)) {
  const count = way.endsWith('run') ? 600 : 3_000;
  await load(count / 4, 32, ask(way));
  const one = await load(200, 1, ask(way));
  const before = cpuMs();
  const many = await load(count, 32, ask(way));
  const cpu = (cpuMs() - before) / count;
  console.log(
    `${meaning}: p50 ${ms(
      percentile(
        one.samples.map(({ totalMs }) => totalMs),
        50,
      ),
    )} one by one; ${many.perSecond.toFixed(0)}/s at 32, ${cpu.toFixed(2)} ms of CPU each`,
  );
}
await mf.dispose();
upstream.stop();
rmSync(folder, { recursive: true, force: true });
