import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it, vi } from 'vitest';
import { makeTeam } from './fixtures.ts';
import { edge, json, node, of, run, start, until } from './running.ts';

const SIZE = 1_500_000;
const rows = (id: string) =>
  runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => ({
    parts: state.storage.sql.exec('SELECT count(*) AS n FROM part').one().n,
    refs: state.storage.sql.exec('SELECT count(*) AS n FROM node WHERE ref IS NOT NULL').one().n,
  }));
const flow = {
  nodes: [
    start,
    node('big', 'transform', { expression: `{"rows": [1..3].($pad("", ${SIZE / 3}, "x")), "count": 3}` }),
    node('gate', 'approval', { message: '?' }),
    node('each', 'map', { items: 'nodes.big.rows', concurrency: 2 }),
    node('length', 'transform', { expression: '$length(item) + nodes.big.count' }, { parentId: 'each' }),
    node('small', 'transform', { expression: '$count($keys(trigger))' }),
    node('out', 'output', { value: '{{ nodes.each.results }}' }),
  ],
  edges: [
    edge('start', 'big'),
    edge('big', 'gate'),
    edge('gate', 'each', 'approved'),
    edge('each', 'small'),
    edge('small', 'out'),
  ],
};

describe('an output of more than 1 MB', () => {
  it('moves to R2 and is shown by its beginning; those who ask for it get it whole, also after the object was lost', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, flow, { a: 1 });
    const paused = await until(fetch, id, 'paused', 'failed');
    expect(of(paused, 'big').outputPreview).toHaveLength(1000);
    expect(of(paused, 'big').output).toBeUndefined();
    // two: the gate hands on what came in
    await vi.waitFor(async () => expect(await rows(id)).toEqual({ parts: 0, refs: 2 }), { timeout: 10_000 });
    expect((await env.FILES.head(`executions/${id}/outputs/big.json`))!.size).toBeGreaterThan(SIZE);
    await runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) => state.abort('lost')).catch(
      () => {},
    );
    await fetch(`/api/executions/${id}/approvals/gate`, { json: { decision: 'approved' } });
    const done = await until(fetch, id, 'completed', 'failed');
    expect(done.error).toBeNull();
    const length = SIZE / 3 + 3;
    expect(of(done, 'out').output).toEqual([length, length, length]);
    // a run that takes over from it has it too
    const { executionId } = await json(
      await fetch(`/api/executions/${id}/replay`, { json: { fromNodeId: 'each' } }),
    );
    expect(of(await until(fetch, executionId, 'completed', 'failed'), 'out').output).toEqual([
      length,
      length,
      length,
    ]);
  });
});
