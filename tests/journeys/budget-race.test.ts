import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const folder = freshFolder();
let server: Started;
let upstream: Upstream;

beforeAll(async () => {
  upstream = await startUpstream({ delayMs: 50 });
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

describe('a budget race over real HTTP', () => {
  it('admits exactly 10 of 100 concurrent calls when the budget covers exactly 10', async () => {
    const call = {
      model: 'sandbox-small',
      messages: [{ role: 'user', content: 'Name a colour.' }],
      max_tokens: 40,
    };
    const estimate = await server.api('POST', '/api/token-tracking/estimate', {
      model: call.model,
      messages: call.messages,
      maxOutputTokens: 40,
    });
    const ceiling = estimate.body.costNanoUsd.max;
    const key = await server.api('POST', '/api/keys', { name: 'race', role: 'runner' });
    const budget = await server.api('POST', '/api/token-tracking/budget', {
      scope: { type: 'key', id: key.body.id },
      window: 'day',
      timeZone: 'UTC',
      limitNanoUsd: ceiling * 10,
      policy: 'block',
    });
    expect(budget.status).toBe(201);
    // sandbox-slow would hold all ten open; here the gate is that all hundred arrive while the admitted ones may still be running
    const slow = { ...call, model: 'sandbox-slow' };
    const answers = await Promise.all(
      Array.from({ length: 100 }, () =>
        server.api('POST', '/v1/chat/completions', slow, { authorization: `Bearer ${key.body.key}` }),
      ),
    );
    const count = (status: number) => answers.filter((answer) => answer.status === status).length;
    expect([count(200), count(402)]).toEqual([10, 90]);
    const refused = answers.find((answer) => answer.status === 402)!.body.error;
    expect(refused).toMatchObject({
      code: 'budget_exceeded',
      scope: { type: 'key', id: key.body.id },
      limitNanoUsd: ceiling * 10,
      askedNanoUsd: ceiling,
    });
    const sums = await eventually(
      () => server.api('GET', '/api/token-tracking/reconcile'),
      (answer) => answer.body.pendingNanoUsd === 0 && answer.body.heldNanoUsd === 0,
    );
    expect(sums.body.driftNanoUsd).toBe(0);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.rollupNanoUsd);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.counterNanoUsd);
    const after = await server.api('GET', '/api/token-tracking/budget');
    const mine = after.body.data.find((row: { id: string }) => row.id === budget.body.id);
    expect(mine.spentNanoUsd).toBeLessThanOrEqual(ceiling * 10);
    expect(mine.heldNanoUsd).toBe(0);
  });

  it('keeps drift at 0 at every instant while calls are running', async () => {
    const call = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hello' }], max_tokens: 20 };
    let running = true;
    const drifts: number[] = [];
    const watch = (async () => {
      while (running) {
        const { body } = await server.api('GET', '/api/token-tracking/reconcile');
        drifts.push(body.driftNanoUsd, body.ledgerNanoUsd - body.rollupNanoUsd);
      }
    })();
    for (let round = 0; round < 4; round++) {
      const answers = await Promise.all(
        Array.from({ length: 25 }, () => server.api('POST', '/v1/chat/completions', call)),
      );
      expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    }
    running = false;
    await watch;
    expect(drifts.length).toBeGreaterThan(4);
    expect(new Set(drifts)).toEqual(new Set([0]));
  });
});
