import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startSideEffects } from './side-effects.ts';
import { makeWorkflow, trigger } from './workflow.ts';

const folder = freshFolder();
let server: Started;
beforeAll(async () => {
  server = await startServer({ port: await freePort(), dataDir: folder.dataDir });
});
afterAll(async () => {
  await server.stop();
  folder.remove();
});

const RUNS = 1_000;
const SLOTS = 5;
const SENDERS = 8;

describe('1,000 runs of a workflow that takes five at a time', () => {
  it('stand in line, begin in their order, and all end, never more than five at once', async () => {
    const effects = await startSideEffects({ delayMs: 20 });
    const workflowId = await makeWorkflow(server, {
      name: 'Five at a time',
      steps: [
        { id: 'start', kind: 'trigger', config: { on: 'api' } },
        {
          id: 'send',
          kind: 'http',
          config: { method: 'POST', url: effects.url, body: { n: '{{ trigger.n }}' }, safeToRepeat: true },
        },
      ],
      settings: { maxConcurrent: SLOTS },
    });
    const ids: string[] = [];
    let next = 0;
    await Promise.all(
      Array.from({ length: SENDERS }, async () => {
        while (next < RUNS) ids.push(await trigger(server, workflowId, { n: next++ }));
      }),
    );
    await eventually(
      async () => new Set(effects.effects.map(({ body }) => body.n)).size,
      (count) => count === RUNS,
      300_000,
    );
    for (const id of ids)
      await eventually(
        () => server.api('GET', `/api/executions/${id}`),
        ({ body }) => body.status === 'completed',
      );
    expect(effects.mostAtOnce()).toBeLessThanOrEqual(SLOTS);
    // In the order in which they were accepted, as far as who sent them can know it.
    effects.effects.forEach(({ body }, at) => expect(Math.abs(body.n - at)).toBeLessThan(SLOTS + SENDERS));
    await effects.close();
  }, 600_000);
});
