import { describe, expect, it } from 'vitest';
import { env } from 'cloudflare:workers';
import { makeTeam } from '../../tests/workers/fixtures.ts';

const definition = {
  name: 'Hello',
  nodes: [
    { id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } },
    { id: 'out', kind: 'output', position: { x: 200, y: 0 }, config: { value: '{{ trigger.name }}' } },
  ],
  edges: [{ id: 'e1', source: 'start', target: 'out' }],
  settings: {},
};
type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;

describe('workflows', () => {
  it('are created, read, listed, saved, published and deleted', async () => {
    const { fetch } = await makeTeam('editor');
    const created = await fetch('/api/workflows', { json: definition });
    expect(created.status).toBe(201);
    const { id, ...rest } = await json(created);
    expect(rest).toMatchObject({ ...definition, draftRevision: 1, publishedVersion: null, problems: [] });

    const saved = await fetch(`/api/workflows/${id}`, {
      method: 'PUT',
      json: { ...definition, name: 'Bye', draftRevision: 1 },
      body: JSON.stringify({ ...definition, name: 'Bye', draftRevision: 1 }),
    });
    expect(await json(saved)).toMatchObject({ id, name: 'Bye', draftRevision: 2 });

    const published = await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
    expect([published.status, await json(published)]).toEqual([201, { workflowId: id, version: 1 }]);
    expect(
      await json(await fetch(`/api/workflows/${id}/publish`, { json: { note: 'second' } })),
    ).toMatchObject({ version: 2 });
    expect(await json(await fetch(`/api/workflows/${id}/versions`))).toMatchObject({
      data: [{ version: 2, note: 'second', definition: { name: 'Bye' } }, { version: 1 }],
      nextCursor: null,
    });
    expect(await json(await fetch('/api/workflows'))).toMatchObject({
      data: [{ id, name: 'Bye', publishedVersion: 2, nodeCount: 2 }],
    });

    expect((await fetch(`/api/workflows/${id}`, { method: 'DELETE' })).status).toBe(200);
    expect((await fetch(`/api/workflows/${id}`)).status).toBe(404);
  });

  it('are listed with what starts them, how often they ran and what that cost', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id } = await json(await fetch('/api/workflows', { json: definition }));
    const row = async () => (await json(await fetch('/api/workflows'))).data[0];
    expect(await row()).toMatchObject({
      trigger: 'manual',
      runs: 0,
      averageCostNanoUsd: null,
      monthCostNanoUsd: 0,
    });
    const now = new Date().toISOString();
    for (const [run, status, cost, at] of [
      ['exec_a', 'completed', 100, now],
      ['exec_b', 'completed', 301, '2020-01-01T00:00:00.000Z'],
      ['exec_c', 'failed', 7, now],
    ])
      await env.DB.prepare(
        `insert into execution (id, team_id, workflow_id, definition_hash, status, "trigger", cost_nano_usd, created_at) values (?, ?, ?, 'h', ?, 'api', ?, ?)`,
      )
        .bind(`${run}_${id}`, teamId, id, status!, cost!, at!)
        .run();
    expect(await row()).toMatchObject({ runs: 3, averageCostNanoUsd: 201, monthCostNanoUsd: 107 });
  });

  it('refuse a save over somebody else’s', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await json(await fetch('/api/workflows', { json: definition }));
    const body = (draftRevision: number) => ({
      method: 'PUT',
      json: {},
      body: JSON.stringify({ ...definition, draftRevision }),
    });
    expect((await fetch(`/api/workflows/${id}`, body(1))).status).toBe(200);
    const late = await fetch(`/api/workflows/${id}`, body(1));
    expect([late.status, (await json(late)).error.code]).toEqual([409, 'conflict']);
  });

  it('name the place of what is wrong, and store nothing of it', async () => {
    const { fetch } = await makeTeam('editor');
    const refused = await fetch('/api/workflows', {
      json: {
        ...definition,
        edges: [...definition.edges, { id: 'e2', source: 'out', target: 'ghost' }],
        colour: 'red',
      },
    });
    expect(refused.status).toBe(422);
    expect((await json(refused)).error.issues).toEqual([{ path: 'colour', message: 'unknown field' }]);
    const dangling = await fetch('/api/workflows', {
      json: { ...definition, edges: [...definition.edges, { id: 'e2', source: 'out', target: 'ghost' }] },
    });
    expect((await json(dangling)).error).toMatchObject({
      code: 'invalid',
      issues: [{ path: 'edges.1.target' }],
    });
    expect(await json(await fetch('/api/workflows'))).toEqual({ data: [], nextCursor: null });
  });

  it('keep an unfinished draft, say what it lacks, and do not publish it', async () => {
    const { fetch } = await makeTeam('editor');
    const draft = { name: 'Draft', nodes: [{ id: 'd', kind: 'data_source', config: {} }], edges: [] };
    const created = await json(await fetch('/api/workflows', { json: draft }));
    expect(created.problems.map((problem: { path: string }) => problem.path)).toEqual([
      'nodes.0.config.dataSourceId',
      'nodes',
      'nodes.0',
    ]);
    expect((await fetch(`/api/workflows/${created.id}/publish`, { method: 'POST' })).status).toBe(422);
  });

  it('are not there for another team', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await json(await fetch('/api/workflows', { json: definition }));
    const other = await makeTeam('owner');
    for (const init of [
      {},
      { method: 'DELETE' },
      { method: 'PUT', json: {}, body: JSON.stringify(definition) },
    ])
      expect((await other.fetch(`/api/workflows/${id}`, init)).status).toBe(404);
  });

  it('are made of the kinds that /api/node-types lists', async () => {
    const { fetch } = await makeTeam('viewer');
    const { data } = await json(await fetch('/api/node-types'));
    expect(data.map((type: { kind: string }) => type.kind)).toEqual([
      'trigger',
      'data_source',
      'prompt',
      'http',
      'condition',
      'switch',
      'map',
      'merge',
      'transform',
      'delay',
      'approval',
      'workflow',
      'action',
      'notify',
      'output',
    ]);
    expect(data.find(({ kind }: { kind: string }) => kind === 'condition')).toMatchObject({
      handles: ['true', 'false'],
      expressionFields: ['expression'],
      configSchema: { type: 'object' },
    });
  });
});
