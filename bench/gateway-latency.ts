/** Claim (issue A): what the gateway adds to a call, p50 and p99, JSON and streaming, beside direct calls in the same run; every call reserved, settled and on the ledger. */
import { freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { load, machine, ms, percentile, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const UPSTREAM_MS = 50;
const upstream = await startUpstreamProcess(UPSTREAM_MS);
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

const body = (stream: boolean) =>
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [{ role: 'user', content: 'Say hello to the people of Hamburg.' }],
    max_tokens: 50,
    stream,
  });
const ways = {
  direct: (stream: boolean) => post(`${upstream.url}/chat/completions`, body(stream)),
  gateway: (stream: boolean) =>
    post(`${server.url}/v1/chat/completions`, body(stream), { authorization: `Bearer ${server.apiKey}` }),
};

console.log(`gateway latency over an upstream of ${UPSTREAM_MS} ms on ${machine()}`);
await load(300, 10, () => ways.gateway(false));
for (const [kind, stream] of [
  ['JSON', false],
  ['stream', true],
] as const) {
  for (const concurrency of [1, 10, 50]) {
    const count = concurrency === 1 ? 100 : 500;
    const direct = await load(count, concurrency, () => ways.direct(stream));
    const gateway = await load(count, concurrency, () => ways.gateway(stream));
    const added = (p: number, pick: 'firstMs' | 'totalMs') =>
      percentile(
        gateway.samples.map((s) => s[pick]),
        p,
      ) -
      percentile(
        direct.samples.map((s) => s[pick]),
        p,
      );
    console.log(
      `${kind.padEnd(6)} concurrency ${String(concurrency).padStart(2)}: added p50 ${ms(added(50, 'totalMs'))}, p99 ${ms(added(99, 'totalMs'))}` +
        (stream ? `; first byte p50 ${ms(added(50, 'firstMs'))}` : '') +
        ` (direct p50 ${ms(
          percentile(
            direct.samples.map((s) => s.totalMs),
            50,
          ),
        )}, gateway p50 ${ms(
          percentile(
            gateway.samples.map((s) => s.totalMs),
            50,
          ),
        )})`,
    );
  }
}
const sums = (await server.api('GET', '/api/token-tracking/reconcile')).body;
console.log(`drift after all of it: ${sums.driftNanoUsd} nano-USD, counter ${sums.counterNanoUsd}`);
await server.stop();
upstream.stop();
folder.remove();
