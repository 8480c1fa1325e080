import { describe, expect, inject, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from './fixtures.ts';
import { ask, edge, json, node, of, replay, run, start, until, type Answer } from './running.ts';

const path = () => `/replayed-${crypto.randomUUID()}`;
const requests = async (at: string) =>
  (await (await fetch(`${inject('receiver')}/requests?path=${at}`)).json()) as Answer[];
/** A paid step, then a request that fails the first time, then an output of both. */
const flow = (at: string) => ({
  nodes: [
    start,
    ask('ask', 'Say {{ trigger.word }}'),
    node('if', 'condition', { expression: 'true' }),
    node('send', 'http', {
      method: 'POST',
      url: `${inject('receiver')}${at}?fail=1&status=400`,
      body: '{{ nodes.ask.text }}',
    }),
    node('out', 'output', { value: '{{ nodes.ask.text }} {{ nodes.send.status }}' }),
  ],
  edges: [edge('start', 'ask'), edge('ask', 'if'), edge('if', 'send', 'true'), edge('send', 'out')],
});

describe('a replay', () => {
  it('goes on from what failed: earlier results are taken over and not paid again', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const at = path();
    const { id } = await run(fetch, flow(at), { word: 'hello' });
    const failed = await until(fetch, id, 'failed');
    const again = await replay(fetch, id);
    const done = await until(fetch, again, 'completed', 'failed');
    expect(done).toMatchObject({
      status: 'completed',
      replayOf: id,
      fromNodeId: null,
      input: { word: 'hello' },
      costNanoUsd: 0,
    });
    expect([of(done, 'ask'), of(done, 'if')]).toMatchObject([
      { status: 'succeeded', attempts: 0, output: of(failed, 'ask').output, costNanoUsd: 0 },
      { status: 'succeeded', handle: 'true' },
    ]);
    expect(of(done, 'out').output).toBe(`${of(failed, 'ask').output.text} 204`);
    // another execution, so another key: the receiver is asked anew on purpose
    const keys = (await requests(at)).map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
    const admin = await makeKey(teamId, 'admin');
    const log = await json(await admin.fetch(`/api/teams/${teamId}/audit-log?action=execution.replay`));
    expect(log.data).toMatchObject([{ target: id, after: { executionId: again } }]);
    expect((await until(fetch, id, 'failed')).costNanoUsd).toBe(failed.costNanoUsd);
  });

  it('begins where it is told to, or anew when all went well', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [
        start,
        ask('one', 'x'),
        node('two', 'transform', { expression: '$uppercase(nodes.one.text)' }),
        node('out', 'output', {}),
      ],
      edges: [edge('start', 'one'), edge('one', 'two'), edge('two', 'out')],
    });
    const first = await until(fetch, id, 'completed', 'failed');
    const fromTwo = await until(fetch, await replay(fetch, id, { fromNodeId: 'two' }), 'completed', 'failed');
    expect([fromTwo.costNanoUsd, of(fromTwo, 'one').attempts, of(fromTwo, 'two').attempts]).toEqual([
      0, 0, 1,
    ]);
    expect(of(fromTwo, 'out').output).toBe(of(first, 'out').output);
    const anew = await until(fetch, await replay(fetch, id), 'completed', 'failed');
    expect([anew.costNanoUsd, of(anew, 'one').attempts]).toEqual([first.costNanoUsd, 1]);
    // a replay can be replayed
    const third = await until(
      fetch,
      await replay(fetch, fromTwo.id, { fromNodeId: 'out' }),
      'completed',
      'failed',
    );
    expect(of(third, 'out').output).toBe(of(first, 'out').output);
  });

  it('goes on with the draft as it is now: what stood before is taken over, the changed step runs', async () => {
    const { fetch } = await makeTeam('editor');
    const shout = (expression: string) => ({
      name: 'Shout',
      nodes: [
        start,
        ask('one', 'x'),
        node('two', 'transform', { expression }),
        node('out', 'output', { value: '{{ nodes.two }}' }),
      ],
      edges: [edge('start', 'one'), edge('one', 'two'), edge('two', 'out')],
    });
    const { id, workflowId } = await run(fetch, shout('$uppercase(nodes.one.text)'), { word: 'hi' });
    const first = await until(fetch, id, 'completed');
    const put = (body: object) =>
      fetch(`/api/workflows/${workflowId}`, {
        method: 'PUT',
        body: JSON.stringify(body),
        headers: { 'content-type': 'application/json' },
      });
    expect((await put(shout('trigger.word & "!"'))).status).toBe(200);
    const again = await replay(fetch, id, { fromNodeId: 'two', version: 'draft' });
    const done = await until(fetch, again, 'completed', 'failed');
    expect(done).toMatchObject({ version: null, costNanoUsd: 0, replayOf: id, fromNodeId: 'two' });
    expect([of(done, 'out').output, of(done, 'one').output]).toEqual(['hi!', of(first, 'one').output]);
    // without it the version that ran is run
    const same = await until(fetch, await replay(fetch, id, { fromNodeId: 'two' }), 'completed', 'failed');
    expect(of(same, 'out').output).toBe(of(first, 'out').output);

    const refused = async (body: object) =>
      (await fetch(`/api/executions/${id}/replay`, { json: body })).status;
    expect(await refused({ version: 'draft' })).toBe(422);
    expect(await refused({ version: 'draft', fromNodeId: 'gone' })).toBe(422);
    expect(await refused({ version: 'published', fromNodeId: 'two' })).toBe(422);
    await put(shout(''));
    expect(await refused({ version: 'draft', fromNodeId: 'two' })).toBe(422);
    await fetch(`/api/workflows/${workflowId}`, { method: 'DELETE' });
    expect(await refused({ version: 'draft', fromNodeId: 'two' })).toBe(404);
  });

  it('keeps what it has when it is paused before it began', async () => {
    const { fetch } = await makeTeam('editor');
    const at = path();
    const { id } = await run(fetch, { ...flow(at), settings: { maxConcurrent: 1 } }, { word: 'x' });
    await until(fetch, id, 'failed');
    const again = await replay(fetch, id);
    await fetch(`/api/executions/${again}/pause`, { method: 'POST' });
    await fetch(`/api/executions/${again}/resume`, { method: 'POST' });
    expect(await until(fetch, again, 'completed', 'failed')).toMatchObject({
      status: 'completed',
      costNanoUsd: 0,
    });
  });

  it('is refused while the run goes, from a node that is not there, by a viewer and for other teams', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const other = await makeTeam('editor');
    const viewer = await makeKey(teamId, 'viewer');
    const { id } = await run(fetch, {
      nodes: [start, node('gate', 'approval', { message: '?' })],
      edges: [edge('start', 'gate')],
    });
    await until(fetch, id, 'paused');
    const status = async (of: Fetch, body: object) =>
      (await of(`/api/executions/${id}/replay`, { json: body })).status;
    expect(await status(fetch, {})).toBe(409);
    await fetch(`/api/executions/${id}/cancel`, { method: 'POST' });
    expect([await status(fetch, { fromNodeId: 'none' }), await status(fetch, { from: 'x' })]).toEqual([
      422, 422,
    ]);
    expect([await status(viewer.fetch, {}), await status(other.fetch, {})]).toEqual([403, 404]);
    expect(await status(fetch, {})).toBe(202);
  });
});

describe('a node alone', () => {
  const definition = {
    name: 'Alone',
    nodes: [
      start,
      node('data', 'data_source', {}),
      node('each', 'map', { items: 'nodes.data.rows' }),
      node('double', 'transform', { expression: 'item.n * trigger.by' }, { parentId: 'each' }),
      node('sum', 'transform', { expression: '$sum(nodes.each.results)' }),
    ],
    edges: [edge('start', 'data'), edge('data', 'each'), edge('each', 'sum')],
  };
  const alone = async (fetch: Fetch, nodeId: string, body: object) => {
    const { id } = await json(await fetch('/api/workflows', { json: definition }));
    return await fetch(`/api/workflows/${id}/nodes/${nodeId}/run`, { json: body });
  };

  it('runs with what it is given: the item of a map, outputs of others, the input', async () => {
    const { fetch } = await makeTeam('runner');
    const editor = await makeTeam('editor');
    const cases: [string, object, unknown][] = [
      ['double', { item: { n: 4 }, input: { by: 3 } }, 12],
      ['sum', { nodes: { each: { results: [1, 2, 3] } } }, 6],
      [
        'each',
        { nodes: { data: { rows: [{ n: 1 }, { n: 2 }] } }, input: { by: 10 } },
        { results: [10, 20], failed: [] },
      ],
    ];
    for (const [nodeId, body, output] of cases) {
      const answer = await alone(editor.fetch, nodeId, body);
      expect(answer.status, await answer.clone().text()).toBe(202);
      const { executionId } = await json(answer);
      const done = await until(editor.fetch, executionId, 'completed', 'failed');
      expect([of(done, nodeId).output, done.trigger]).toEqual([output, 'node']);
    }
    expect((await fetch('/api/workflows/wf_none/nodes/a/run', { json: {} })).status).toBe(404);
  });

  it('is refused when it cannot run, is not there, or is given what is not there', async () => {
    const { fetch } = await makeTeam('editor');
    const issues = async (nodeId: string, body: object) => {
      const answer = await alone(fetch, nodeId, body);
      const { error } = await json(answer);
      return [answer.status, error.issues?.[0]?.path];
    };
    expect(await issues('data', {})).toEqual([422, 'nodes.1.config.dataSourceId']);
    expect(await issues('none', {})).toEqual([404, undefined]);
    expect(await issues('sum', { nodes: { other: 1 } })).toEqual([422, 'nodes.other']);
    expect(await issues('sum', { surprise: 1 })).toEqual([422, 'surprise']);
  });
});
