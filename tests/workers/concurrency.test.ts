import { env } from 'cloudflare:workers';
import { describe, expect, inject, it } from 'vitest';
import { makeTeam, type Fetch } from './fixtures.ts';
import { edge, json, node, of, start, until, type Answer } from './running.ts';

const limited = (maxConcurrent: number, nodes: object[], edges: object[]) => ({
  name: 'Limited',
  nodes: [start, ...nodes],
  edges,
  settings: { maxConcurrent },
});
const slow = (ms: number) =>
  node('wait', 'prompt', { model: 'sandbox-small', prompt: `x ${ms}`, maxTokens: 5 });

async function made(fetch: Fetch, definition: object): Promise<string> {
  return (await json(await fetch('/api/workflows', { json: definition }))).id as string;
}
const trigger = async (fetch: Fetch, id: string): Promise<string> =>
  (await json(await fetch(`/api/workflows/${id}/trigger`, { json: {} }))).executionId as string;
const statuses = async (fetch: Fetch, id: string): Promise<Record<string, string>> => {
  const { data } = await json(await fetch(`/api/workflows/${id}/executions?limit=200`));
  return Object.fromEntries(data.map((row: Answer) => [row.id, row.status]));
};

describe('runs of a workflow that limits them', () => {
  it('all end, begun in the order in which they were accepted, with never more at one time than may be', async () => {
    const { fetch } = await makeTeam('editor');
    const url = `${inject('receiver')}/limited-${crypto.randomUUID()}?fail=999&status=404&slow=100`;
    const takesTime = node('wait', 'http', { method: 'GET', url }, { onError: 'continue' });
    const id = await made(fetch, limited(3, [takesTime], [edge('start', 'wait')]));
    const ids: string[] = [];
    for (let i = 0; i < 30; i++) ids.push(await trigger(fetch, id));
    for (;;) {
      const now = Object.values(await statuses(fetch, id));
      expect(now.filter((one) => one === 'running').length).toBeLessThanOrEqual(3);
      if (now.every((one) => one === 'completed')) break;
    }
    const { results } = await env.DB.prepare(
      'SELECT id, started_at, ended_at FROM execution WHERE workflow_id = ?',
    )
      .bind(id)
      .all<{ id: string; started_at: string; ended_at: string }>();
    const begun = ids.map((one) => results.find((row) => row.id === one)!);
    // who is granted a slot in one breath begins in one breath: nobody overtakes more than those
    begun.forEach((row, at) =>
      expect(begun.slice(0, at).filter((earlier) => earlier.started_at > row.started_at).length).toBeLessThan(
        3,
      ),
    );
    // told by their own clocks, too: who begins finds at most two others under way
    for (const row of begun)
      expect(
        begun.filter((other) => other.started_at <= row.started_at && other.ended_at > row.started_at).length,
      ).toBeLessThanOrEqual(3);
  });

  it('hold no slot while they wait for a person, and queue for one afterwards', async () => {
    const { fetch } = await makeTeam('editor');
    const gate = node('gate', 'approval', { message: '?' });
    const id = await made(
      fetch,
      limited(1, [gate, slow(1)], [edge('start', 'gate'), edge('gate', 'wait', 'approved')]),
    );
    const [first, second] = [await trigger(fetch, id), await trigger(fetch, id)];
    for (const one of [first, second]) await until(fetch, one, 'paused');
    const third = await trigger(fetch, id);
    await until(fetch, third, 'paused');
    for (const one of [third, second, first])
      await fetch(`/api/executions/${one}/approvals/gate`, { json: { decision: 'approved' } });
    for (const one of [first, second, third])
      expect(of(await until(fetch, one, 'completed', 'failed'), 'wait').status).toBe('succeeded');
  });

  it('give their slot to the next one when they are cancelled, paused or fail', async () => {
    const { fetch } = await makeTeam('editor');
    const hangs = node('wait', 'prompt', { model: 'sandbox-slow', prompt: 'x', maxTokens: 5 });
    const id = await made(fetch, limited(1, [hangs], [edge('start', 'wait')]));
    const [first, second, third] = [
      await trigger(fetch, id),
      await trigger(fetch, id),
      await trigger(fetch, id),
    ];
    await until(fetch, first, 'running');
    expect((await json(await fetch(`/api/executions/${second}`))).status).toBe('queued');
    // in line it can be cancelled, paused and resumed like any other
    expect((await json(await fetch(`/api/executions/${second}/pause`, { method: 'POST' }))).status).toBe(
      'paused',
    );
    await fetch(`/api/executions/${first}/cancel`, { method: 'POST' });
    await until(fetch, third, 'running');
    expect((await json(await fetch(`/api/executions/${second}/resume`, { method: 'POST' }))).status).toBe(
      'queued',
    );
    await fetch(`/api/executions/${third}/cancel`, { method: 'POST' });
    await until(fetch, second, 'running');
    await fetch(`/api/executions/${second}/cancel`, { method: 'POST' });
    expect(await statuses(fetch, id)).toEqual({
      [first]: 'cancelled',
      [second]: 'cancelled',
      [third]: 'cancelled',
    });
  });
});
