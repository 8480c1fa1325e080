/**
 * Claims (engine.md, one machine): engine overhead per inline node <= 2 ms and per I/O node <= 20 ms median; trigger to first node
 * <= 100 ms p95; ten parallel branches of 50 ms end within 100 ms; and a 5-node workflow (webhook -> set -> LLM call -> if -> output)
 * >= 150 executions a second, every one persisted, shown with 1, 50 and 500 in flight. A provider that hangs delays other workflows by at
 * most 200 ms (p95).
 */
import { eventually, freePort, freshFolder, startServer } from '../tests/journeys/server.ts';
import { startSideEffects } from '../tests/journeys/side-effects.ts';
import { makeWorkflow, type Step } from '../tests/journeys/workflow.ts';
import { claim, diskSync, load, machine, ms, percentile, post } from './load.ts';
import { startUpstreamProcess } from './start-upstream.ts';

const upstream = await startUpstreamProcess(0);
const effects = await startSideEffects();
const slow = await startSideEffects({ delayMs: 50 });
const folder = freshFolder();
const server = await startServer({
  port: await freePort(),
  dataDir: folder.dataDir,
  env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-bench' },
});
console.log(`engine, on ${machine()} (load generator and upstream on the same cores)`);
console.log(diskSync(folder.dataDir));

interface NodeTimes {
  nodeId: string;
  startedAt: string;
  endedAt: string;
}
interface Run {
  status: string;
  error: unknown;
  startedAt: string;
  endedAt: string;
  nodes: NodeTimes[];
}
const start: Step = { id: 'start', kind: 'trigger', config: { on: 'api' } };
const triggerOf = (workflowId: string, input: object = {}) =>
  post(`${server.url}/api/workflows/${workflowId}/trigger`, JSON.stringify({ input }), {
    authorization: `Bearer ${server.apiKey}`,
  });
async function ended(id: string): Promise<Run> {
  const { body } = await eventually(
    () => server.api<Run>('GET', `/api/executions/${id}`),
    (answer) => ['completed', 'failed'].includes(answer.body.status),
    120_000,
  );
  if (body.status !== 'completed') throw new Error(JSON.stringify(body.error));
  return body;
}
const between = (from: string, to: string) => Date.parse(to) - Date.parse(from);

/** Runs of a workflow one after the other: their own times, and how long after the request their first node began. */
async function oneByOne(workflowId: string, count: number) {
  const durations: number[] = [];
  const firsts: number[] = [];
  for (let i = 0; i < count; i++) {
    const sentMs = Date.now();
    const run = await ended(JSON.parse((await triggerOf(workflowId)).text).executionId);
    durations.push(between(run.startedAt, run.endedAt));
    firsts.push(Math.min(...run.nodes.map((node) => Date.parse(node.startedAt))) - sentMs);
  }
  return { durations, firsts };
}
const chain = async (name: string, steps: Step[]) => makeWorkflow(server, { name, steps: [start, ...steps] });

const INLINE = 20;
const inline = await chain(
  'Inline',
  Array.from({ length: INLINE }, (_, i) => ({ id: `t${i}`, kind: 'transform', config: { expression: '1' } })),
);
const io = await chain(
  'I/O',
  Array.from({ length: 10 }, (_, i) => ({
    id: `h${i}`,
    kind: 'http',
    config: { method: 'GET', url: effects.url },
  })),
);
for (const workflowId of [inline, io]) await oneByOne(workflowId, 5);
const inlineRuns = await oneByOne(inline, 40);
const perInline = percentile(inlineRuns.durations, 50) / INLINE;
console.log(`inline node: ${ms(perInline)} (median of runs of ${INLINE})`);
claim('ms per inline node', perInline, 2);
const ioRuns = await oneByOne(io, 40);
const perIo = percentile(ioRuns.durations, 50) / 10;
console.log(`I/O node against an instant server: ${ms(perIo)} (median of runs of 10)`);
claim('ms per I/O node', perIo, 20);
const first = percentile([...inlineRuns.firsts, ...ioRuns.firsts], 95);
console.log(`trigger to first node: p95 ${ms(first)}`);
claim('ms from trigger to first node, p95', first, 100);

const branches = Array.from({ length: 10 }, (_, i) => `b${i}`);
const parallel = await makeWorkflow(server, {
  name: 'Ten branches',
  steps: [
    start,
    ...branches.map((id) => ({ id, kind: 'http', config: { method: 'GET', url: slow.url } })),
    { id: 'join', kind: 'merge', config: { mode: 'all' } },
  ],
  edges: branches.flatMap((id): [string, string][] => [
    ['start', id],
    [id, 'join'],
  ]),
});
await oneByOne(parallel, 5);
const { durations } = await oneByOne(parallel, 30);
console.log(
  `ten branches of 50 ms: p50 ${ms(percentile(durations, 50))}, p95 ${ms(percentile(durations, 95))}`,
);
claim('ms for ten branches of 50 ms, p50', percentile(durations, 50), 100);

// a workflow of one quick step, alone and then beside twenty runs whose provider hangs
const hanging = await startSideEffects({ delayMs: 60_000 });
const one = (name: string, url: string) =>
  chain(name, [{ id: 'get', kind: 'http', config: { method: 'GET', url } }]);
const quick = await one('Quick', effects.url);
const stuck = await one('Stuck', hanging.url);
await oneByOne(quick, 10);
const turnaround = async () => {
  const times: number[] = [];
  for (let i = 0; i < 40; i++) {
    const sentMs = Date.now();
    const run = await ended(JSON.parse((await triggerOf(quick)).text).executionId);
    times.push(Date.parse(run.endedAt) - sentMs);
  }
  return percentile(times, 95);
};
const alone = await turnaround();
const stuckRuns = await load(20, 20, () => triggerOf(stuck));
await eventually(
  async () => hanging.effects.length,
  (count) => count === 20,
);
const beside = await turnaround();
console.log(
  `a quick run, trigger to end: p95 ${ms(alone)} alone, ${ms(beside)} beside twenty runs whose provider hangs`,
);
claim('ms by which a provider that hangs delays others, p95', beside - alone, 200);
for (const { text } of stuckRuns.samples)
  await server.api('POST', `/api/executions/${JSON.parse(text).executionId}/cancel`);

const five = await makeWorkflow(server, {
  name: 'Five nodes',
  steps: [
    start,
    { id: 'set', kind: 'transform', config: { expression: '{"who": trigger.name}' } },
    {
      id: 'ask',
      kind: 'prompt',
      config: { model: 'gpt-4o-mini', prompt: 'Greet {{ nodes.set.who }}', maxTokens: 50 },
    },
    { id: 'long', kind: 'condition', config: { expression: '$length(nodes.ask.text) > 3' } },
    { id: 'keep', kind: 'output', config: { value: '{{ nodes.ask.text }}' } },
  ],
  edges: [
    ['start', 'set'],
    ['set', 'ask'],
    ['ask', 'long'],
    ['long', 'keep', 'true'],
  ],
});
await load(60, 10, () => triggerOf(five, { name: 'Ada' }));
let best = 0;
for (const inFlight of [1, 50, 500]) {
  const count = inFlight === 1 ? 60 : 1_000;
  const began = Date.now();
  const { samples } = await load(count, inFlight, () => triggerOf(five, { name: 'Ada' }));
  const ids = samples.map((sample) => JSON.parse(sample.text).executionId as string);
  // the last triggered is about the last to end: until then nobody asks for the others, so that asking costs little
  await eventually(
    () => server.api('GET', `/api/outputs?workflowId=${five}&executionId=${ids.at(-1)}`),
    ({ body }) => body.data.length === 1,
    120_000,
  );
  const runs: Run[] = [];
  for (const id of ids) runs.push(await ended(id));
  const seconds = (Math.max(...runs.map((run) => Date.parse(run.endedAt))) - began) / 1000;
  const took = runs.map((run) => between(run.startedAt, run.endedAt));
  best = Math.max(best, count / seconds);
  console.log(
    `triggered ${inFlight} at once: ${(count / seconds).toFixed(0)} executions/s; start to end p50 ${ms(percentile(took, 50))}, p95 ${ms(percentile(took, 95))}`,
  );
}
claim('ms per execution at its best', 1000 / best, 1000 / 150);
await server.stop();
upstream.stop();
await effects.close();
await slow.close();
await hanging.close();
folder.remove();
