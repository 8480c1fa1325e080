/**
 * Claim: what the gateway adds to a call, budgets and ledger on, over an upstream of 50 ms: p50 <= 3 ms at concurrency 1, <= 5 ms at 10,
 * <= 8 ms at 50; the first streamed byte <= 5 ms later than direct. Beside direct calls in the same run, every call on the ledger.
 */
import { freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { claim, diskSync, load, machine, ms, percentile, post, type Sample } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const UPSTREAM_MS = 50;
const CLAIMS_MS: Record<number, number> = { 1: 3, 10: 5, 50: 8 };
const FIRST_BYTE_MS = 5;
/** until the runtime has compiled what is hot */
const WARM_CALLS = 3_000;

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
const at = (samples: Sample[], pick: 'firstMs' | 'totalMs', p: number) =>
  percentile(
    samples.map((sample) => sample[pick]),
    p,
  );

console.log(`gateway latency over an upstream of ${UPSTREAM_MS} ms on ${machine()}`);
console.log(diskSync(folder.dataDir));
await load(WARM_CALLS, 32, () => ways.gateway(false));
await load(500, 32, () => ways.gateway(true));
for (const [kind, stream] of [
  ['JSON', false],
  ['stream', true],
] as const) {
  for (const concurrency of [1, 10, 50]) {
    const count = concurrency === 1 ? 200 : 2000;
    const { samples: direct } = await load(count, concurrency, () => ways.direct(stream));
    const { samples: gateway } = await load(count, concurrency, () => ways.gateway(stream));
    const added = (p: number, pick: 'firstMs' | 'totalMs') => at(gateway, pick, p) - at(direct, pick, p);
    const figures = `added p50 ${ms(added(50, 'totalMs'))}, p99 ${ms(added(99, 'totalMs'))}`;
    const first = stream
      ? `; first byte p50 ${ms(added(50, 'firstMs'))}, p99 ${ms(added(99, 'firstMs'))}`
      : '';
    const whole = ` (direct p50 ${ms(at(direct, 'totalMs', 50))}, gateway p50 ${ms(at(gateway, 'totalMs', 50))})`;
    console.log(
      `${kind.padEnd(6)} concurrency ${String(concurrency).padStart(2)}: ${figures}${first}${whole}`,
    );
    if (!stream) claim(`added p50 at ${concurrency}`, added(50, 'totalMs'), CLAIMS_MS[concurrency]!);
    else if (concurrency === 1) claim('first byte p50', added(50, 'firstMs'), FIRST_BYTE_MS);
  }
}
const sums = (await server.api('GET', '/api/token-tracking/reconcile')).body;
console.log(`drift after all of it: ${sums.driftNanoUsd} nano-USD, counter ${sums.counterNanoUsd}`);
await server.stop();
upstream.stop();
folder.remove();
