import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, killLeftovers, startServer } from './server.ts';
import { startSideEffects } from './side-effects.ts';
import { startUpstream } from './upstream.ts';
import { ENDED, makeWorkflow, trigger } from './workflow.ts';

let folder: ReturnType<typeof freshFolder>;
beforeEach(() => void (folder = freshFolder()));
afterEach(async () => {
  await killLeftovers();
  folder.remove();
});

const RUNS = 100;

describe('kill -9 with 200 runs in flight', () => {
  it('ends 200 of 200; no side effect is lost, and only one that may be repeated is', async () => {
    const effects = await startSideEffects({ delayMs: 100 });
    const upstream = await startUpstream({ delayMs: 50 });
    const env = { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-test' };
    const port = await freePort();
    const first = await startServer({ port, dataDir: folder.dataDir, env });
    const steps = (path: string, safeToRepeat: boolean) => [
      { id: 'start', kind: 'trigger', config: { on: 'api' } },
      {
        id: 'ask',
        kind: 'prompt',
        config: { model: 'gpt-4o-mini', prompt: 'Say {{ trigger.n }}', maxTokens: 20 },
      },
      {
        id: 'send',
        kind: 'http',
        config: {
          method: 'POST',
          url: `${effects.url}/${path}`,
          body: { n: '{{ trigger.n }}' },
          safeToRepeat,
        },
      },
      { id: 'keep', kind: 'output', config: { value: '{{ trigger.n }}' } },
    ];
    const once = await makeWorkflow(first, { name: 'Once', steps: steps('once', false) });
    const often = await makeWorkflow(first, { name: 'May repeat', steps: steps('often', true) });

    const runs = new Map<string, { path: string; n: number }>();
    await Promise.all(
      Array.from({ length: 2 * RUNS }, async (_, i) => {
        const [path, workflowId] = i % 2 ? ['once', once] : ['often', often];
        runs.set(await trigger(first, workflowId, { n: i }), { path, n: i });
      }),
    );
    expect(runs.size).toBe(2 * RUNS);
    await eventually(
      async () => effects.effects.length,
      (count) => count >= 10,
    );
    const before = effects.effects.length;
    await first.kill9();
    expect(before).toBeLessThan(2 * RUNS);

    const second = await startServer({ port, dataDir: folder.dataDir, env });
    const ends = new Map<string, string>();
    await eventually(
      async () => {
        for (const id of runs.keys()) {
          if (ends.has(id)) continue;
          const { status } = (await second.api('GET', `/api/executions/${id}`)).body;
          if (ENDED.includes(status)) ends.set(id, status);
        }
        return ends.size;
      },
      (ended) => ended === 2 * RUNS,
      200_000,
    );
    const sentBy = ({ path, n }: { path: string; n: number }) =>
      effects.effects.filter((effect) => effect.path === `/${path}` && effect.body.n === n);
    for (const [id, run] of runs) {
      const status = ends.get(id)!;
      const sent = sentBy(run).length;
      const place = `${run.path} ${run.n}: ${status}, sent ${sent} times`;
      if (run.path === 'often') {
        expect(status, place).toBe('completed');
        continue;
      }
      // What was on its way when the server died was perhaps sent; it was not sent again, and is put before a person.
      expect(['completed', 'needs_review'], place).toContain(status);
      if (status === 'completed') expect(sent, place).toBe(1);
      else {
        expect(sent, place).toBeLessThanOrEqual(1);
        const decision =
          sent === 1
            ? { decision: 'done', output: { status: 200, headers: {}, body: { done: true } } }
            : { decision: 'retry' };
        const decided = await second.api('POST', `/api/executions/${id}/reviews/send`, decision);
        expect(decided.status, JSON.stringify(decided.body)).toBeLessThan(300);
        await eventually(
          () => second.api('GET', `/api/executions/${id}`),
          ({ body }) => body.status === 'completed',
        );
        expect(sentBy(run), place).toHaveLength(1);
      }
    }
    for (const [, run] of runs) {
      const keys = new Set(sentBy(run).map(({ idempotencyKey }) => idempotencyKey));
      expect(keys.size, `${run.path} ${run.n}`).toBe(1);
      expect([...keys][0]).toMatch(/\S{16,}/);
    }
    for (const id of runs.keys())
      expect((await second.api('GET', `/api/outputs?executionId=${id}`)).body.data).toHaveLength(1);
    const sums = await eventually(
      () => second.api('GET', '/api/token-tracking/reconcile'),
      ({ body }) => body.heldNanoUsd === 0 && body.pendingNanoUsd === 0,
      150_000,
    );
    expect(sums.body.driftNanoUsd).toBe(0);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.counterNanoUsd);
    await second.stop();
    await upstream.close();
    await effects.close();
  }, 600_000);
});
