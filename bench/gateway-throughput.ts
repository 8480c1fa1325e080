/** Claim: >= 600 JSON calls a second through one process with an instant upstream, every call reserved, settled and on the ledger; beside the upstream alone. */
import { eventually, freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { claim, diskSync, load, machine, ms, percentile, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const CLAIM_PER_SECOND = 600;
/** until the runtime has compiled what is hot */
const WARM_CALLS = 3_000;

const upstream = await startUpstreamProcess(0);
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
const body = JSON.stringify({
  model: 'gpt-4o-mini',
  messages: [{ role: 'user', content: 'Say hello to the people of Hamburg.' }],
  max_tokens: 50,
});
const direct = () => post(`${upstream.url}/chat/completions`, body);
const gateway = () =>
  post(`${server.url}/v1/chat/completions`, body, { authorization: `Bearer ${server.apiKey}` });

console.log(
  `gateway throughput, instant upstream, on ${machine()} (load generator and upstream on the same cores)`,
);
console.log(diskSync(folder.dataDir));
await load(WARM_CALLS, 32, gateway);
const alone = await load(4000, 32, direct);
const through = await load(6000, 32, gateway);
const expected = WARM_CALLS + 6000;
const ledger = await eventually(
  () => server.api('GET', '/api/token-tracking/stats'),
  (answer) => answer.body.totals.runs >= expected,
  60_000,
);
console.log(
  `direct ${alone.perSecond.toFixed(0)}/s, gateway ${through.perSecond.toFixed(0)}/s (ratio ${(through.perSecond / alone.perSecond).toFixed(3)}), p50 ${ms(
    percentile(
      through.samples.map((s) => s.totalMs),
      50,
    ),
  )}, p99 ${ms(
    percentile(
      through.samples.map((s) => s.totalMs),
      99,
    ),
  )}; rows in the ledger: ${ledger.body.totals.runs} of ${expected}`,
);
claim('gateway ms per call', 1000 / through.perSecond, 1000 / CLAIM_PER_SECOND);
await server.stop();
upstream.stop();
folder.remove();
