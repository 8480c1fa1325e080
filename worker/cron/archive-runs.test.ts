import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { ask, edge, json, node, of, run, start, until, type Answer } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { archiveKey } from '../store/archive.ts';
import { archiveRuns } from './archive-runs.ts';
import { LIVING_DAYS } from '../domain/workflow/run-time.ts';

const record = services(env);
const later = { ...record, now: () => Date.now() + (LIVING_DAYS * 24 + 1) * 3_600_000 };
const big = 'x'.repeat(700_000);
const flow = {
  nodes: [
    start,
    ask('ask', 'Say {{ trigger.word }}'),
    node('big', 'transform', { expression: `$pad("", ${big.length}, "x")` }),
    node('each', 'map', { items: '[1..7]' }),
    node('twice', 'transform', { expression: 'item * 2' }, { parentId: 'each' }),
    node('bad', 'transform', { expression: '$number("abc")' }),
    node('never', 'output', {}),
  ],
  edges: [
    edge('start', 'ask'),
    edge('ask', 'big'),
    edge('big', 'each'),
    edge('each', 'bad'),
    edge('bad', 'never'),
  ],
};

describe('a run that ended a while ago', () => {
  it('leaves its object and is shown from R2 as it was, page by page', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, flow, { word: 'hello' });
    const before = await until(fetch, id, 'failed');
    const paged = async (query: string) => await json(await fetch(`/api/executions/${id}?${query}`));
    const page = await paged('limit=3&nodeId=twice');
    expect(await archiveRuns(record)).toBe(0);
    expect(await archiveRuns(later)).toBeGreaterThan(0);
    const after = await json(await fetch(`/api/executions/${id}`));
    expect(after).toEqual(before);
    expect(of(after, 'big').outputPreview).toBe('"' + big.slice(0, 999));
    const next = await paged('limit=3&nodeId=twice');
    expect(next.nodes).toEqual(page.nodes);
    const rest = await paged(`limit=10&nodeId=twice&cursor=${encodeURIComponent(next.nextCursor)}`);
    expect(rest.nodes.map((one: Answer) => [one.itemIndex, one.output])).toEqual([
      [3, 8],
      [4, 10],
      [5, 12],
      [6, 14],
    ]);
    expect(rest.nextCursor).toBeNull();
    const tables = await runInDurableObject(env.WORKFLOW_RUN.getByName(id), (_, state) =>
      state.storage.sql.exec("SELECT count(*) AS n FROM sqlite_master WHERE name IN ('run', 'node')").one(),
    );
    expect(tables.n).toBe(0);
    expect((await env.FILES.head(archiveKey(id)))!.size).toBeLessThan(100_000);
    expect(await archiveRuns(later)).toBe(0);
  });

  it('can be replayed, and neither begins again nor changes when it is cancelled, paused or resumed', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, flow, { word: 'hello' });
    const before = await until(fetch, id, 'failed');
    await archiveRuns(later);
    for (const what of ['cancel', 'pause', 'resume'])
      expect(await json(await fetch(`/api/executions/${id}/${what}`, { method: 'POST' }))).toMatchObject({
        status: 'failed',
      });
    await env.EXECUTIONS.send({ executionId: id });
    expect((await fetch(`/api/executions/${id}/reviews/bad`, { json: { decision: 'done' } })).status).toBe(
      409,
    );
    const answer = await json(await fetch(`/api/executions/${id}/replay`, { json: {} }));
    const again = await until(fetch, answer.executionId, 'failed', 'completed');
    expect([again.costNanoUsd, of(again, 'ask').output, of(again, 'each').output]).toEqual([
      0,
      of(before, 'ask').output,
      of(before, 'each').output,
    ]);
    expect(await json(await fetch(`/api/executions/${id}`))).toEqual(before);
  });

  it('stays where a person is still to decide', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await run(fetch, {
      nodes: [start, node('gate', 'approval', { message: '?' })],
      edges: [edge('start', 'gate')],
    });
    await until(fetch, id, 'paused');
    await archiveRuns(later);
    expect((await json(await fetch(`/api/executions/${id}`))).status).toBe('paused');
    expect(await env.FILES.head(archiveKey(id))).toBeNull();
  });
});
