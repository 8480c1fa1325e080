import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { anonymous, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';

interface Heard {
  type: string;
  [field: string]: unknown;
}

/** Connects, and collects what is heard. */
async function listen(fetch: Fetch) {
  const response = await fetch('/api/live', { headers: { upgrade: 'websocket' } });
  expect(response.status).toBe(101);
  const socket = response.webSocket!;
  const heard: Heard[] = [];
  socket.accept();
  socket.addEventListener('message', (event) => void heard.push(JSON.parse(String(event.data)) as Heard));
  return { socket, heard };
}
const log = (fetch: Fetch, inputTokens = 10) =>
  fetch('/api/token-tracking/log', { json: { model: 'sandbox-large', inputTokens, outputTokens: 0 } });

describe('GET /api/live', () => {
  it('greets with the standing, then tells spend and alerts within a second', async () => {
    const { fetch } = await makeTeam();
    await fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'day', limitNanoUsd: 40_000 },
    });
    const { heard, socket } = await listen(fetch);
    await expect
      .poll(() => heard[0])
      .toMatchObject({ type: 'spend', totalNanoUsd: 0, budgets: [{ spentNanoUsd: 0 }], run: null });
    await log(fetch);
    await expect
      .poll(() => heard.find(({ type, run }) => type === 'spend' && run !== null), { timeout: 1000 })
      .toMatchObject({
        totalNanoUsd: 30_000,
        budgets: [{ spentNanoUsd: 30_000, limitNanoUsd: 40_000 }],
        run: { model: 'sandbox-large', costNanoUsd: 30_000 },
      });
    expect(heard.filter(({ type }) => type === 'alert')).toMatchObject([
      { alert: { threshold: 75, level: 'info' } },
    ]);
    socket.close();
  });

  it('gathers a burst into few messages, of which the last has the final state', async () => {
    const { fetch } = await makeTeam();
    const { heard, socket } = await listen(fetch);
    await Promise.all(Array.from({ length: 40 }, () => log(fetch)));
    await expect.poll(() => heard.at(-1), { timeout: 2000 }).toMatchObject({ totalNanoUsd: 40 * 30_000 });
    expect(heard.length).toBeLessThan(20);
    socket.close();
  });

  it('passes on what executions publish, to the own team only', async () => {
    const [mine, theirs] = [await makeTeam(), await makeTeam()];
    const [a, b] = [await listen(mine.fetch), await listen(theirs.fetch)];
    await services(env)
      .team(mine.teamId)
      .publish({ type: 'execution', executionId: 'exec_1', status: 'running' });
    await expect
      .poll(() => a.heard.at(-1))
      .toEqual({ type: 'execution', executionId: 'exec_1', status: 'running' });
    expect(b.heard.filter(({ type }) => type === 'execution')).toEqual([]);
    a.socket.close();
    b.socket.close();
  });

  it('answers nobody without a key, and no plain request', async () => {
    const { fetch } = await makeTeam();
    expect((await anonymous('/api/live', { headers: { upgrade: 'websocket' } })).status).toBe(401);
    expect((await fetch('/api/live')).status).toBe(400);
  });
});
