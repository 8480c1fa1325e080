import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { saveConnection } from '../store/connections.ts';

type Answer = Record<string, any>;

async function connected(teamId: string, name: string, models: string[]): Promise<string> {
  const { id } = await saveConnection(services(env), {
    teamId,
    provider: 'openai-compatible',
    name,
    apiKey: 'sk-0123456789abcdef',
    baseUrl: 'https://models.example.com/v1',
    models,
  });
  return id;
}
async function made(fetch: Fetch, path: string, json: object): Promise<string> {
  const response = await fetch(path, { json });
  expect(response.status, await response.clone().text()).toBeLessThan(300);
  return ((await response.json()) as Answer).id;
}
const prompt = (model: string) => ({ prompt: 'Hi', model });
const workflow = (name: string, config: object) => ({
  name,
  nodes: [
    { id: 'start', kind: 'trigger', config: { on: 'manual' } },
    { id: 'ask', kind: 'prompt', config },
  ],
  edges: [{ id: 'e', source: 'start', target: 'ask' }],
});
async function dependents(fetch: Fetch, id: string) {
  const response = await fetch(`/api/integrations/${id}/dependents`);
  expect(response.status, await response.clone().text()).toBe(200);
  return (await response.json()) as { data: Answer[]; total: number; nextCursor: null };
}
const told = ({ data }: { data: Answer[] }) =>
  data.map(({ kind, name, continuesWith }) => [kind, name, continuesWith && continuesWith.connection]);

describe('what uses a connection', () => {
  it('is named, first what would be refused without it, then where the rest goes on', async () => {
    const { fetch, teamId } = await makeTeam();
    const id = await connected(teamId, 'main', ['llama', 'qwen']);
    await connected(teamId, 'spare', ['llama']);
    await made(fetch, '/api/routes', { name: 'smart', targets: [{ model: 'qwen' }] });
    await made(fetch, '/api/routes', {
      name: 'safe',
      targets: [{ model: 'qwen' }, { model: 'sandbox-small' }],
    });
    await made(fetch, '/api/prompts', { name: 'Untouched', content: prompt('sandbox-small') });
    await made(fetch, '/api/prompts', { name: 'Greeting', content: prompt('main/qwen') });
    const summary = await made(fetch, '/api/prompts', { name: 'Summary', content: prompt('llama') });
    await made(fetch, '/api/workflows', workflow('By route', { model: 'smart', prompt: 'Hi' }));
    await made(fetch, '/api/workflows', workflow('By prompt', { promptId: summary }));
    await made(
      fetch,
      '/api/workflows',
      workflow('By fallback', { model: 'sandbox-small', prompt: 'Hi', fallback: ['qwen'] }),
    );
    await made(fetch, '/api/workflows', workflow('Its own', { model: 'sandbox-small', prompt: 'Hi' }));

    const found = await dependents(fetch, id);
    expect(told(found)).toEqual([
      ['route', 'smart', null],
      ['prompt', 'Greeting', null],
      ['workflow', 'By route', null],
      ['route', 'safe', 'default'],
      ['prompt', 'Summary', 'spare'],
      ['workflow', 'By fallback', 'default'],
      ['workflow', 'By prompt', 'spare'],
    ]);
    expect(found).toMatchObject({ total: 7, nextCursor: null });
    expect(found.data.find(({ name }) => name === 'Summary')).toEqual({
      kind: 'prompt',
      id: summary,
      name: 'Summary',
      continuesWith: { model: 'llama', provider: 'openai-compatible', connection: 'spare' },
    });
  });

  it('counts the versions that are run: the newest, those with a label, and what is published', async () => {
    const { fetch, teamId } = await makeTeam();
    const id = await connected(teamId, 'main', ['qwen']);
    const labelled = await made(fetch, '/api/prompts', { name: 'Labelled', content: prompt('qwen') });
    await fetch(`/api/prompts/${labelled}/labels/production`, {
      method: 'PUT',
      body: JSON.stringify({ version: 1 }),
      headers: { 'content-type': 'application/json' },
    });
    const left = await made(fetch, '/api/prompts', { name: 'Left behind', content: prompt('qwen') });
    for (const promptId of [labelled, left])
      await fetch(`/api/prompts/${promptId}/versions`, { json: { content: prompt('sandbox-small') } });
    const published = await made(
      fetch,
      '/api/workflows',
      workflow('Published', { model: 'qwen', prompt: 'Hi' }),
    );
    expect((await fetch(`/api/workflows/${published}/publish`, { method: 'POST' })).status).toBe(201);
    const changed = await fetch(`/api/workflows/${published}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(workflow('Published', { model: 'sandbox-small', prompt: 'Hi' })),
    });
    expect(changed.status, await changed.clone().text()).toBe(200);
    await made(fetch, '/api/workflows', workflow('Pinned', { promptId: left, version: 1 }));
    await made(fetch, '/api/workflows', workflow('By label', { promptId: labelled, label: 'production' }));
    await made(fetch, '/api/workflows', workflow('Newest', { promptId: left }));
    expect(told(await dependents(fetch, id)).map(([, name]) => name)).toEqual([
      'Labelled',
      'By label',
      'Pinned',
      'Published',
    ]);
    await fetch(`/api/prompts/${labelled}`, { method: 'DELETE' });
    expect(told(await dependents(fetch, id)).map(([, name]) => name)).toEqual([
      'By label',
      'Pinned',
      'Published',
    ]);
  });

  it('is told to admins of its team, of its own connections', async () => {
    const { fetch, teamId } = await makeTeam();
    const id = await connected(teamId, 'main', ['qwen']);
    expect(await dependents(fetch, id)).toEqual({ data: [], nextCursor: null, total: 0 });
    const other = await makeTeam();
    for (const [asked, status] of [
      [other.fetch, 404],
      [(await makeKey(teamId, 'editor')).fetch, 403],
    ] as const)
      expect((await asked(`/api/integrations/${id}/dependents`)).status).toBe(status);
    for (const none of ['sandbox', 'conn_none'])
      expect((await fetch(`/api/integrations/${none}/dependents`)).status).toBe(404);
  });
});
