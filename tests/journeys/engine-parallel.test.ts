import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startSideEffects } from './side-effects.ts';
import { startUpstream, type Upstream } from './upstream.ts';
import { ENDED, makeWorkflow, trigger } from './workflow.ts';

const folder = freshFolder();
let upstream: Upstream;
let server: Started;
beforeAll(async () => {
  upstream = await startUpstream({ delayMs: 30 });
  server = await startServer({
    port: await freePort(),
    dataDir: folder.dataDir,
    env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-test' },
  });
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
  folder.remove();
});

const execution = async (id: string) => (await server.api('GET', `/api/executions/${id}`)).body;
const ended = (id: string, timeoutMs = 60_000) =>
  eventually(
    () => execution(id),
    ({ status }) => ENDED.includes(status),
    timeoutMs,
  );

describe('branches of one run', () => {
  it('are all on their way at once, and a merge waits for the last', async () => {
    const effects = await startSideEffects({ delayMs: 300 });
    const branches = Array.from({ length: 10 }, (_, i) => `b${i}`);
    const workflowId = await makeWorkflow(server, {
      name: 'Ten branches',
      steps: [
        { id: 'start', kind: 'trigger', config: { on: 'api' } },
        ...branches.map((id) => ({
          id,
          kind: 'http',
          config: { method: 'GET', url: `${effects.url}/${id}` },
        })),
        { id: 'join', kind: 'merge', config: { mode: 'all' } },
        { id: 'keep', kind: 'output', config: { value: '{{ nodes.join }}' } },
      ],
      edges: [
        ...branches.flatMap((id): [string, string][] => [
          ['start', id],
          [id, 'join'],
        ]),
        ['join', 'keep'],
      ],
    });
    const run = await ended(await trigger(server, workflowId, {}));
    expect(run.status).toBe('completed');
    expect(effects.mostAtOnce()).toBe(10);
    const joined = run.nodes.find(({ nodeId }: { nodeId: string }) => nodeId === 'join');
    expect(Object.keys(joined.output).sort()).toEqual(branches);
    await effects.close();
  });
});

describe('a provider that hangs', () => {
  it('holds up nobody but its own run', async () => {
    const hanging = await startSideEffects({ delayMs: 60_000 });
    const call = (url: string) => [
      { id: 'start', kind: 'trigger', config: { on: 'api' } },
      { id: 'get', kind: 'http', config: { method: 'GET', url } },
    ];
    const stuck = await makeWorkflow(server, { name: 'Stuck', steps: call(hanging.url) });
    const stuckRuns = await Promise.all(Array.from({ length: 20 }, () => trigger(server, stuck, {})));
    await eventually(
      async () => hanging.effects.length,
      (count) => count === 20,
    );
    const effects = await startSideEffects();
    const quick = await makeWorkflow(server, { name: 'Quick', steps: call(effects.url) });
    const runs = await Promise.all(Array.from({ length: 20 }, () => trigger(server, quick, {})));
    for (const id of runs) expect((await ended(id)).status).toBe('completed');
    // All of them ended while the others still hang, and these end when somebody says so.
    for (const id of stuckRuns) {
      expect((await execution(id)).status).toBe('running');
      await server.api('POST', `/api/executions/${id}/cancel`);
      expect((await ended(id)).status).toBe('cancelled');
    }
    await hanging.close();
    await effects.close();
  });
});

describe('fifty paid steps at once near the end of a budget', () => {
  it('never overspend it, wait, and go on after it is raised with nothing paid twice', async () => {
    const workflowId = await makeWorkflow(server, {
      name: 'Fifty prompts',
      steps: [
        { id: 'start', kind: 'trigger', config: { on: 'api' } },
        { id: 'each', kind: 'map', config: { items: '{{ trigger.items }}', concurrency: 50 } },
        {
          id: 'ask',
          kind: 'prompt',
          parentId: 'each',
          config: { model: 'gpt-4o-mini', prompt: 'Item number {{ item }} of fifty', maxTokens: 20 },
        },
        { id: 'keep', kind: 'output', config: { value: '{{ nodes.each.results.size }}' } },
      ],
    });
    // What one costs is known from one: 20 input and 10 output tokens, whatever is asked.
    const one = await ended(await trigger(server, workflowId, { items: [0] }));
    expect(one.status).toBe('completed');
    const costNanoUsd: number = one.costNanoUsd;
    expect(costNanoUsd).toBeGreaterThan(0);
    upstream.calls.length = 0;
    const limitNanoUsd = costNanoUsd * 20;
    const budget = await server.api('POST', '/api/token-tracking/budget', {
      scope: { type: 'workflow', id: workflowId },
      window: 'month',
      limitNanoUsd,
      policy: 'block',
    });
    expect(budget.status).toBe(201);
    const status = async () =>
      (await server.api('GET', '/api/token-tracking/budget')).body.data.find(
        ({ id }: { id: string }) => id === budget.body.id,
      );
    // It stands at 95% before the fifty come.
    await eventually(status, ({ spentNanoUsd }) => spentNanoUsd === costNanoUsd);
    for (let i = 1; i < 19; i++)
      expect((await ended(await trigger(server, workflowId, { items: [100 + i] }))).status).toBe('completed');
    expect((await status()).spentNanoUsd).toBe(costNanoUsd * 19);
    const before = upstream.calls.length;

    const id = await trigger(server, workflowId, { items: Array.from({ length: 50 }, (_, i) => i + 1) });
    await eventually(
      () => execution(id),
      (run) => run.status === 'paused_budget',
    );
    const standing = await eventually(status, ({ heldNanoUsd }) => heldNanoUsd === 0);
    expect(standing.spentNanoUsd).toBeLessThanOrEqual(limitNanoUsd);
    const paid = upstream.calls.length - before;
    expect(standing.spentNanoUsd).toBe(costNanoUsd * (19 + paid));

    const raised = await server.api('PATCH', `/api/token-tracking/budget/${budget.body.id}`, {
      limitNanoUsd: costNanoUsd * 1000,
    });
    expect(raised.status).toBe(200);
    const run = await ended(id);
    expect(run).toMatchObject({ status: 'completed', costNanoUsd: costNanoUsd * 50 });
    const prompts = upstream.calls.slice(before).map(({ body }) => body.messages.at(-1).content as string);
    expect(prompts).toHaveLength(50);
    expect(new Set(prompts).size).toBe(50);
  });
});
