/** Claim: the estimate of a 2 KB prompt takes <= 5 ms once the ranks are loaded, over HTTP, authentication included. */
import { freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { claim, load, machine, ms, percentile, post } from './load.ts';

const CLAIM_MS = 5;
const SENTENCE = 'Summarise the complaint of {{customer}} in one sentence and propose a fair refund. ';
const text = SENTENCE.repeat(Math.ceil(2_048 / SENTENCE.length)).slice(0, 2_048);

const folder = freshFolder();
const server = await startServer({ port: await freePort(), dataDir: folder.dataDir });
const estimate = (i: number) =>
  post(
    `${server.url}/api/token-tracking/estimate`,
    // no two are the same text: nothing may come out of a cache
    JSON.stringify({ model: 'sandbox-small', text: `${i} ${text}`, maxOutputTokens: 500 }),
    { authorization: `Bearer ${server.apiKey}` },
  );
console.log(`estimate of a prompt of ${text.length} characters on ${machine()}`);
await load(500, 1, estimate);
const { samples } = await load(500, 1, (i) => estimate(1_000 + i));
const times = samples.map((sample) => sample.totalMs);
console.log(`p50 ${ms(percentile(times, 50))}, p99 ${ms(percentile(times, 99))}`);
claim('estimate p50', percentile(times, 50), CLAIM_MS);
await server.stop();
folder.remove();
