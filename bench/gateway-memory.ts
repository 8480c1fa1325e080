/**
 * Claim: memory stays flat over 100,000 calls, JSON and streams in turn, every one reserved, settled and on the ledger. Prints the
 * resident memory of the server's processes every tenth of the calls; from the fifth of them to the end it may grow by GROWTH at most.
 * What the allocator and the caches of the start take is in the first fifth.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { eventually, freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { load, machine, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const CALLS = Number(process.argv[2] ?? 100_000);
const GROWTH = 0.1;
const CONCURRENCY = 32;

const upstream = await startUpstreamProcess(0);
const before = new Set(descendants(process.pid));
const folder = freshFolder();
const server = await startServer({
  port: await freePort(),
  dataDir: folder.dataDir,
  env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-bench' },
});
await server.api('POST', '/api/token-tracking/budget', {
  scope: { type: 'team' },
  window: 'month',
  timeZone: 'UTC',
  limitNanoUsd: 1e15,
  policy: 'block',
});
const headers = { authorization: `Bearer ${server.apiKey}` };
const bodyOf = (i: number) =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: `Say hello to the people of Hamburg, for the ${i}th time.` }],
    max_tokens: 50,
    stream: i % 2 === 1,
  });

/** Every process below `pid`, as the kernel has it now. */
function descendants(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const name of readdirSync('/proc').filter((entry) => /^\d+$/.test(entry))) {
    try {
      // The name in parentheses may hold spaces and parentheses itself.
      const [, parent] = readFileSync(`/proc/${name}/stat`, 'utf8').split(') ').at(-1)!.split(' ');
      children.set(Number(parent), [...(children.get(Number(parent)) ?? []), Number(name)]);
    } catch {
      // gone meanwhile
    }
  }
  const below = (parent: number): number[] =>
    (children.get(parent) ?? []).flatMap((child) => [child, ...below(child)]);
  return below(pid);
}

/** Resident MB of the server's processes, by name. */
function resident(): Map<string, number> {
  const megabytes = new Map<string, number>();
  for (const pid of descendants(process.pid).filter((one) => !before.has(one))) {
    try {
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      const name = /^Name:\s+(.*)$/m.exec(status)![1]!;
      const mb = Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / 1024;
      megabytes.set(name, (megabytes.get(name) ?? 0) + mb);
    } catch {
      // gone meanwhile
    }
  }
  return megabytes;
}
const sum = (megabytes: Map<string, number>) => [...megabytes.values()].reduce((a, b) => a + b, 0);

console.log(
  `gateway memory over ${CALLS} calls, half of them streams, ${CONCURRENCY} at once, on ${machine()}`,
);
const step = CALLS / 10;
const totals: number[] = [];
for (let done = 0; done < CALLS; done += step) {
  const { perSecond } = await load(step, CONCURRENCY, (i) =>
    post(`${server.url}/v1/chat/completions`, bodyOf(done + i), headers),
  );
  const now = resident();
  totals.push(sum(now));
  const parts = [...now].map(([name, mb]) => `${name} ${mb.toFixed(0)}`).join(', ');
  console.log(`${done + step} calls: ${sum(now).toFixed(0)} MB (${parts}), ${perSecond.toFixed(0)}/s`);
}
const sums = await eventually(
  () => server.api('GET', '/api/token-tracking/reconcile'),
  ({ body }) => body.heldNanoUsd === 0 && body.pendingNanoUsd === 0,
  120_000,
);
const growth = totals.at(-1)! / totals[1]! - 1;
console.log(
  `from ${2 * step} to ${CALLS} calls: ${(growth * 100).toFixed(1)}% (claim: at most ${GROWTH * 100}%); drift ${sums.body.driftNanoUsd} nano-USD`,
);
await server.stop();
upstream.stop();
folder.remove();
if (growth > GROWTH) process.exitCode = 1;
