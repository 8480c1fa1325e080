import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, killLeftovers, startServer } from './server.ts';
import { startUpstream } from './upstream.ts';

let folder: ReturnType<typeof freshFolder>;
beforeEach(() => void (folder = freshFolder()));
afterEach(async () => {
  await killLeftovers();
  folder.remove();
});

const WORKFLOW = {
  name: 'Crash test',
  nodes: [
    { id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'api' } },
    {
      id: 'ask',
      kind: 'prompt',
      position: { x: 200, y: 0 },
      config: { model: 'gpt-4o-mini', prompt: 'Say {{ trigger.word }}', maxTokens: 20 },
    },
    {
      id: 'twice',
      kind: 'prompt',
      position: { x: 400, y: 0 },
      config: { model: 'gpt-4o-mini', prompt: 'Repeat {{ nodes.ask.text }}', maxTokens: 20 },
    },
    { id: 'keep', kind: 'output', position: { x: 600, y: 0 }, config: { value: '{{ nodes.twice.text }}' } },
  ],
  edges: [
    { id: 'e1', source: 'start', target: 'ask' },
    { id: 'e2', source: 'ask', target: 'twice' },
    { id: 'e3', source: 'twice', target: 'keep' },
  ],
  settings: {},
};

describe('kill -9 in the middle of 100 calls and 50 runs', () => {
  it('ends every run, keeps every call a client saw succeed, and leaves ledger = rollups = counters', async () => {
    const upstream = await startUpstream({ delayMs: 150 });
    const env = { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-test' };
    const port = await freePort();
    const first = await startServer({ port, dataDir: folder.dataDir, env });
    const workflow = await first.api('POST', '/api/workflows', WORKFLOW);
    expect(workflow.status).toBe(201);

    const executions: string[] = [];
    const succeeded: string[] = [];
    const work = [
      ...Array.from({ length: 50 }, async (_, i) => {
        const answer = await first.api('POST', `/api/workflows/${workflow.body.id}/trigger`, {
          input: { word: `w${i}` },
        });
        if (answer.status === 202) executions.push(answer.body.executionId);
      }),
      ...Array.from({ length: 100 }, async (_, i) => {
        const answer = await first.api('POST', '/v1/chat/completions', {
          model: 'gpt-4o-mini',
          messages: [{ role: 'user', content: `call ${i}` }],
          max_tokens: 20,
        });
        if (answer.status === 200) succeeded.push(answer.headers.get('x-pm-run-id')!);
      }),
    ].map((promise) => promise.catch(() => 'the server was killed'));
    await eventually(
      async () => succeeded.length,
      (count) => count >= 20,
    );
    await first.kill9();
    await Promise.all(work);
    expect(executions.length).toBeGreaterThan(0);

    const second = await startServer({ port, dataDir: folder.dataDir, env });
    for (const id of executions) {
      const ended = await eventually(
        () => second.api('GET', `/api/executions/${id}`),
        (answer) => ['completed', 'failed', 'cancelled', 'needs_review'].includes(answer.body.status),
        100_000,
      );
      expect(ended.body).toMatchObject({ status: 'completed' });
    }
    // holds of lost calls expire into `unconfirmed` rows
    const sums = await eventually(
      () => second.api('GET', '/api/token-tracking/reconcile'),
      (answer) => answer.body.heldNanoUsd === 0 && answer.body.pendingNanoUsd === 0,
      150_000,
    );
    expect(sums.body.driftNanoUsd).toBe(0);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.rollupNanoUsd);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.counterNanoUsd);
    for (const runId of succeeded) {
      expect(
        (await second.api('GET', `/api/token-tracking/ledger?runId=${runId}`)).body.data,
        runId,
      ).toHaveLength(1);
    }
    // one output per execution: nothing lost, nothing twice
    for (const id of executions)
      expect((await second.api('GET', `/api/outputs?executionId=${id}`)).body.data).toHaveLength(1);
    await second.stop();
    await upstream.close();
  }, 300_000);
});
