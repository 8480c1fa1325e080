/** Claim: executions per second of a 5-node workflow (trigger -> prompt -> transform -> condition -> output), every one persisted, and ms per execution with 1, 20 and 100 in flight. */
import { eventually, freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { load, machine, ms, percentile, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const upstream = await startUpstreamProcess(0);
const folder = freshFolder();
const server = await startServer({
  port: await freePort(),
  dataDir: folder.dataDir,
  env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-bench' },
});
const node = (id: string, kind: string, x: number, config: object) => ({
  id,
  kind,
  position: { x, y: 0 },
  config,
});
const workflow = await server.api('POST', '/api/workflows', {
  name: 'Bench',
  nodes: [
    node('start', 'trigger', 0, { on: 'api' }),
    node('ask', 'prompt', 200, { model: 'gpt-4o-mini', prompt: 'Greet {{ trigger.name }}', maxTokens: 50 }),
    node('shape', 'transform', 400, {
      expression: '{"text": nodes.ask.text, "length": $length(nodes.ask.text)}',
    }),
    node('long', 'condition', 600, { expression: 'nodes.shape.length > 3' }),
    node('keep', 'output', 800, { value: '{{ nodes.shape }}' }),
  ],
  edges: [
    { id: 'e1', source: 'start', target: 'ask' },
    { id: 'e2', source: 'ask', target: 'shape' },
    { id: 'e3', source: 'shape', target: 'long' },
    { id: 'e4', source: 'long', sourceHandle: 'true', target: 'keep' },
  ],
  settings: {},
});
if (workflow.status !== 201) throw new Error(JSON.stringify(workflow.body));
const trigger = () =>
  post(
    `${server.url}/api/workflows/${workflow.body.id}/trigger`,
    JSON.stringify({ input: { name: 'Ada' } }),
    { authorization: `Bearer ${server.apiKey}` },
  );
const ended = async (id: string) =>
  eventually(
    () => server.api('GET', `/api/executions/${id}`),
    (answer) => ['completed', 'failed'].includes(answer.body.status),
    120_000,
  );

console.log(
  `5-node workflow, instant upstream, on ${machine()} (load generator and upstream on the same cores)`,
);
await load(30, 10, trigger);
for (const inFlight of [1, 20, 100]) {
  const count = inFlight === 1 ? 30 : 400;
  const started = performance.now();
  const { samples } = await load(count, inFlight, trigger);
  const ids = samples.map((sample) => JSON.parse(sample.text).executionId as string);
  // the last triggered is not always the last to end: ask the list, not each of them, so that asking costs little
  await eventually(
    () => server.api('GET', `/api/outputs?workflowId=${workflow.body.id}&executionId=${ids.at(-1)}`),
    (answer) => answer.body.data.length === 1,
    120_000,
  );
  const durations: number[] = [];
  for (const id of ids) {
    const { body } = await ended(id);
    if (body.status !== 'completed') throw new Error(JSON.stringify(body.error));
    durations.push(Date.parse(body.endedAt) - Date.parse(body.startedAt));
  }
  const last = Math.max(
    ...(await Promise.all(ids.slice(-5).map(ended))).map(({ body }) => Date.parse(body.endedAt)),
  );
  const seconds = (last - (performance.timeOrigin + started)) / 1000;
  console.log(
    `triggered ${inFlight} at once: ${(count / seconds).toFixed(0)} executions/s; start to end p50 ${ms(percentile(durations, 50))}, p95 ${ms(percentile(durations, 95))}; 202 after p50 ${ms(
      percentile(
        samples.map((s) => s.totalMs),
        50,
      ),
    )}`,
  );
}
await server.stop();
upstream.stop();
folder.remove();
