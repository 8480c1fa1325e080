import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, inject, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from './fixtures.ts';
import { edge, json, node, of, run, start, until, type Answer } from './running.ts';

const post = (fetch: Fetch, path: string, body: object) => fetch(path, { json: body });
const asks = {
  nodes: [
    start,
    node('gate', 'approval', { message: 'Send "{{ trigger.text }}"?' }),
    node('yes', 'output', { value: 'sent' }),
    node('no', 'output', { value: 'kept' }),
    node('late', 'output', { value: 'too late' }),
  ],
  edges: [
    edge('start', 'gate'),
    edge('gate', 'yes', 'approved'),
    edge('gate', 'no', 'rejected'),
    edge('gate', 'late', 'expired'),
  ],
};

/** As when the server dies: what the object remembers is gone, its rows are not. */
async function lose(id: string): Promise<void> {
  await runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => state.abort('lost')).catch(() => {});
}

describe('a run that waits', () => {
  it('for a while, goes on by itself with what came in, and holds nothing meanwhile', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(
      fetch,
      {
        nodes: [start, node('wait', 'delay', { ms: '{{ trigger.ms }}' }), node('out', 'output', {})],
        edges: [edge('start', 'wait'), edge('wait', 'out')],
      },
      { ms: 900 },
    );
    const paused = await until(fetch, id, 'paused', 'completed', 'failed');
    expect(of(paused, 'wait')).toMatchObject({
      status: 'waiting',
      wait: { for: 'delay', until: expect.any(String) },
    });
    await lose(id);
    const done = await until(fetch, id, 'completed', 'failed');
    expect(of(done, 'out')).toMatchObject({ status: 'succeeded', output: { ms: 900 } });
    const took = Date.parse(of(done, 'wait').endedAt) - Date.parse(of(done, 'wait').startedAt);
    expect(took).toBeGreaterThanOrEqual(900);
    expect(of(done, 'wait').attempts).toBe(1);
  });

  it.each([
    ['approved', 'yes'],
    ['rejected', 'no'],
  ])('for a person: %s, it goes on at "%s", once', async (decision, way) => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id } = await run(fetch, asks, { text: 'Hi' });
    const paused = await until(fetch, id, 'paused');
    expect(of(paused, 'gate')).toMatchObject({ wait: { for: 'approval', message: 'Send "Hi"?' } });
    expect(
      (await json(await post(fetch, `/api/executions/${id}/approvals/gate`, { decision }))).executionId,
    ).toBe(id);
    const done = await until(fetch, id, 'completed', 'failed');
    const went = ['yes', 'no', 'late'].filter((one) => of(done, one).status === 'succeeded');
    expect(went).toEqual([way]);
    const again = await post(fetch, `/api/executions/${id}/approvals/gate`, { decision: 'approved' });
    expect([again.status, (await json(again)).error.message]).toEqual([
      409,
      expect.stringContaining('"gate"'),
    ]);
    const admin = await makeKey(teamId, 'admin');
    const log = await json(await admin.fetch(`/api/teams/${teamId}/audit-log?action=execution.approval`));
    expect(log.data).toMatchObject([{ target: id, after: { nodeId: 'gate', itemPath: [], decision } }]);
  });

  it('for a person who does not come: when the time of the approval is over, it goes on at "expired"', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(
      fetch,
      {
        ...asks,
        nodes: [start, node('gate', 'approval', { message: '?', timeoutMs: 300 }), ...asks.nodes.slice(2)],
      },
      { text: 'Hi' },
    );
    expect(of(await until(fetch, id, 'completed', 'failed'), 'late').status).toBe('succeeded');
  });

  it('for a person in some items of a map, while the others go on; results stand in the order of the items', async () => {
    const { fetch } = await makeTeam('editor');
    const inside = { parentId: 'each' };
    const { id } = await run(
      fetch,
      {
        nodes: [
          start,
          node('each', 'map', { items: 'trigger.n', concurrency: 3 }),
          node('is', 'condition', { expression: 'item > 1' }, inside),
          node('gate', 'approval', { message: 'Item {{ item }}?' }, inside),
          node('small', 'transform', { expression: '"small"' }, inside),
          node('big', 'transform', { expression: '"big " & item' }, inside),
        ],
        edges: [
          edge('start', 'each'),
          edge('is', 'gate', 'true'),
          edge('is', 'small', 'false'),
          edge('gate', 'big', 'approved'),
        ],
      },
      { n: [2, 1, 3] },
    );
    await until(fetch, id, 'paused');
    const say = (body: object) =>
      post(fetch, `/api/executions/${id}/approvals/gate`, { decision: 'approved', ...body });
    expect([
      (await say({})).status,
      (await say({ itemIndex: 7 })).status,
      (await say({ itemIndex: 1 })).status,
    ]).toEqual([404, 404, 409]);
    expect((await say({ itemPath: [2] })).status).toBe(200);
    await lose(id);
    expect((await say({ itemIndex: 0 })).status).toBe(200);
    const done = await until(fetch, id, 'completed', 'failed');
    expect(of(done, 'each').output.results).toEqual(['big 2', 'small', 'big 3']);
  });

  it('is not decided by a runner, by another team, or with a word that is no decision', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const other = await makeTeam('editor');
    const runner = await makeKey(teamId, 'runner');
    const { id } = await run(fetch, asks, { text: 'Hi' });
    await until(fetch, id, 'paused');
    for (const route of ['approvals', 'reviews']) {
      const path = `/api/executions/${id}/${route}/gate`;
      const decision = route === 'approvals' ? 'approved' : 'done';
      expect((await post(runner.fetch, path, { decision })).status).toBe(403);
      expect((await post(other.fetch, path, { decision })).status).toBe(404);
      expect((await post(fetch, path, { decision: 'perhaps' })).status).toBe(422);
      expect((await post(fetch, path, { decision, surprise: 1 })).status).toBe(422);
    }
    expect((await post(fetch, `/api/executions/${id}/reviews/gate`, { decision: 'done' })).status).toBe(409);
    expect((await post(fetch, `/api/executions/${id}/approvals/none`, { decision: 'approved' })).status).toBe(
      404,
    );
    await fetch(`/api/executions/${id}/cancel`, { method: 'POST' });
    expect((await post(fetch, `/api/executions/${id}/approvals/gate`, { decision: 'approved' })).status).toBe(
      409,
    );
    expect((await until(fetch, id, 'cancelled')).status).toBe('cancelled');
  });
});

describe('a step of which nobody knows whether it happened', () => {
  const requests = async (path: string) =>
    (await (await fetch(`${inject('receiver')}/requests?path=${path}`)).json()) as Answer[];
  const sends = (path: string, more: object = {}) => ({
    nodes: [
      start,
      node('send', 'http', {
        method: 'POST',
        url: `${inject('receiver')}${path}?fail=1&status=502`,
        body: { n: 1 },
        ...more,
      }),
      node('out', 'output', { value: '{{ nodes.send.status }}' }),
    ],
    edges: [edge('start', 'send'), edge('send', 'out')],
  });

  it('is not sent again by itself; retried by a person, it goes out once more under the same key, and the run ends', async () => {
    const { fetch: api } = await makeTeam('editor');
    const path = `/review-${crypto.randomUUID()}`;
    const { id } = await run(api, sends(path));
    const review = await until(api, id, 'needs_review', 'completed', 'failed');
    expect(of(review, 'send')).toMatchObject({
      status: 'needs_review',
      attempts: 1,
      error: { reason: 'unknown' },
    });
    expect(review.endedAt).not.toBeNull();
    expect(await requests(path)).toHaveLength(1);
    expect((await post(api, `/api/executions/${id}/reviews/send`, { decision: 'retry' })).status).toBe(200);
    const done = await until(api, id, 'completed', 'failed');
    expect([of(done, 'send').attempts, of(done, 'out').output]).toEqual([2, 204]);
    const keys = (await requests(path)).map(({ headers }) => headers['idempotency-key']);
    expect([keys.length, new Set(keys).size]).toEqual([2, 1]);
    expect((await json(await api(`/api/outputs?executionId=${id}`))).data).toHaveLength(1);
    expect((await post(api, `/api/executions/${id}/reviews/send`, { decision: 'retry' })).status).toBe(409);
  });

  it('marked done, is taken as succeeded with the output given, and what follows runs', async () => {
    const { fetch: api } = await makeTeam('editor');
    const path = `/review-${crypto.randomUUID()}`;
    const { id } = await run(api, sends(path));
    await until(api, id, 'needs_review');
    await lose(id);
    expect(
      (await post(api, `/api/executions/${id}/reviews/send`, { decision: 'done', output: { status: 201 } }))
        .status,
    ).toBe(200);
    const done = await until(api, id, 'completed', 'failed');
    expect([of(done, 'send').status, of(done, 'out').output]).toEqual(['succeeded', 201]);
    expect(await requests(path)).toHaveLength(1);
  });

  it('is sent again by itself where the workflow says that it may be', async () => {
    const { fetch: api } = await makeTeam('editor');
    const path = `/review-${crypto.randomUUID()}`;
    const graph = sends(path, { safeToRepeat: true });
    Object.assign(graph.nodes[1]!, { retry: { intervalMs: 1 } });
    const { id } = await run(api, graph);
    const done = await until(api, id, 'completed', 'failed', 'needs_review');
    expect([done.status, of(done, 'send').attempts]).toEqual(['completed', 2]);
  });

  it('may be given up: the run is cancelled and stays so', async () => {
    const { fetch: api } = await makeTeam('editor');
    const { id } = await run(api, sends(`/review-${crypto.randomUUID()}`));
    await until(api, id, 'needs_review');
    expect(await json(await api(`/api/executions/${id}/cancel`, { method: 'POST' }))).toMatchObject({
      status: 'cancelled',
    });
    expect((await post(api, `/api/executions/${id}/reviews/send`, { decision: 'done' })).status).toBe(409);
    expect((await json(await api(`/api/executions/${id}`))).status).toBe('cancelled');
  });
});

describe('what waits for a person', () => {
  const listed = async (api: Fetch, query = '') =>
    (await json(await api(`/api/decisions${query}`))) as {
      data: { executionId: string; questions: number; status: string; nodes: Answer[] }[];
      nextCursor: string | null;
    };

  /** The index row follows the run a moment later. */
  const showing = async (list: () => ReturnType<typeof listed>, count: number) => {
    await vi.waitFor(async () => expect((await list()).data).toHaveLength(count), { timeout: 5000 });
    return (await list()).data;
  };

  it('is listed across workflows with what is asked, and gone once it is decided', async () => {
    const { fetch } = await makeTeam('editor');
    const first = await run(fetch, asks, { text: 'Hi' });
    await until(fetch, first.id, 'paused');
    const second = await run(
      fetch,
      {
        nodes: [
          start,
          node('each', 'map', { items: '{{ trigger.names }}', concurrency: 5 }),
          { ...node('ask', 'approval', { message: 'And {{ item }}?' }), parentId: 'each', name: 'Ask Ana' },
        ],
        edges: [edge('start', 'each')],
      },
      { names: ['Ida', 'Ute'] },
    );
    await until(fetch, second.id, 'paused');
    const open = await showing(() => listed(fetch), 2);
    expect(open.map(({ executionId, questions, status }) => [executionId, questions, status])).toEqual([
      [second.id, 2, 'paused'],
      [first.id, 1, 'paused'],
    ]);
    expect(open[0]!.nodes).toMatchObject([
      { nodeId: 'ask', name: 'Ask Ana', kind: 'approval', itemPath: [0], wait: { message: 'And Ida?' } },
      { nodeId: 'ask', itemPath: [1], wait: { message: 'And Ute?' } },
    ]);
    expect((await listed(fetch, '?limit=1')).nextCursor).toBe(second.id);
    await post(fetch, `/api/executions/${first.id}/approvals/gate`, { decision: 'approved' });
    await until(fetch, first.id, 'completed');
    await post(fetch, `/api/executions/${second.id}/cancel`, {});
    expect(await showing(() => listed(fetch), 0)).toEqual([]);
  });

  it('is seen by a viewer, not by another team, and decided by neither', async () => {
    const team = await makeTeam('editor');
    const { id } = await run(team.fetch, asks, { text: 'Hi' });
    await until(team.fetch, id, 'paused');
    const viewer = await makeKey(team.teamId, 'viewer');
    expect(await showing(() => listed(viewer.fetch), 1)).toHaveLength(1);
    const refused = await post(viewer.fetch, `/api/executions/${id}/approvals/gate`, {
      decision: 'approved',
    });
    expect(refused.status).toBe(403);
    const other = await makeTeam('owner');
    expect((await listed(other.fetch)).data).toEqual([]);
    expect((await other.fetch('/api/decisions?limit=51')).status).toBe(422);
  });
});
