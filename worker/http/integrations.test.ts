import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { connectionsOf, findConnection } from '../store/connections.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const KEY = 'sk-live-0123456789abcdWXYZ';
const body = (more: object = {}) => ({
  provider: 'openai',
  apiKey: KEY,
  baseUrl: 'https://models.example.com/v1/',
  ...more,
});

interface Seen {
  url: string;
  authorization: string | null;
  body: Answer | null;
}
/** The world outside the Worker: what a provider at any address would answer. */
function outside(answer: (seen: Seen) => Response) {
  const seen: Seen[] = [];
  vi.stubGlobal('fetch', async (input: RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init);
    const text = await request.text();
    const one = {
      url: request.url,
      authorization: request.headers.get('authorization'),
      body: text ? (JSON.parse(text) as Answer) : null,
    };
    seen.push(one);
    return answer(one);
  });
  return seen;
}
const models = (...ids: string[]) =>
  Response.json({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) });
afterEach(() => vi.unstubAllGlobals());

describe('integrations', () => {
  it('try a key, keep it sealed, use it, and never show it', async () => {
    const seen = outside(({ url }) =>
      url.endsWith('/models')
        ? models('tiny-llama')
        : Response.json({
            choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi' }, finish_reason: 'stop' }],
            usage: { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 },
          }),
    );
    const { fetch, teamId } = await makeTeam();
    const connected = await fetch('/api/integrations/connect', { json: body() });
    expect(connected.status).toBe(201);
    const shown = await json(connected);
    expect(shown).toMatchObject({
      provider: 'openai',
      name: 'default',
      keyHint: 'WXYZ',
      baseUrl: 'https://models.example.com/v1',
      models: ['tiny-llama'],
      source: 'team',
    });
    expect(seen[0]).toMatchObject({
      url: 'https://models.example.com/v1/models',
      authorization: `Bearer ${KEY}`,
    });

    const listed = await fetch('/api/integrations');
    const text = await listed.text();
    expect(text).not.toContain(KEY);
    expect(text).toContain('WXYZ');
    const row = await env.DB.prepare('select * from provider_connection where id = ?').bind(shown.id).first();
    expect(JSON.stringify(row)).not.toContain(KEY);
    expect((await connectionsOf(services(env), teamId)).find(({ id }) => id === shown.id)?.apiKey).toBe(KEY);
    expect(await (await fetch(`/api/teams/${teamId}/audit-log`)).text()).not.toContain(KEY);

    const called = await fetch('/v1/chat/completions', {
      json: { model: 'tiny-llama', messages: [{ role: 'user', content: 'hi' }] },
    });
    expect([called.status, (await json(called)).choices[0].message.content]).toEqual([200, 'Grüezi']);
    expect(seen.at(-1)).toMatchObject({
      url: 'https://models.example.com/v1/chat/completions',
      authorization: `Bearer ${KEY}`,
      body: { model: 'tiny-llama' },
    });
    expect((await json(await fetch('/v1/models'))).data.map((model: Answer) => model.id)).toContain(
      'tiny-llama',
    );
  });

  it('refuse a wrong key in the provider’s own words, and keep nothing', async () => {
    outside(() =>
      Response.json({ error: { message: `Incorrect API key provided: ${KEY}` } }, { status: 401 }),
    );
    const { fetch, teamId } = await makeTeam();
    const refused = await fetch('/api/integrations/connect', { json: body() });
    expect(refused.status).toBe(422);
    const { error } = await json(refused);
    expect(error.issues[0]).toMatchObject({
      path: 'apiKey',
      message: expect.stringContaining('Incorrect API key provided'),
    });
    expect(JSON.stringify(error)).not.toContain(KEY);
    expect(
      await findConnection(services(env), { teamId, provider: 'openai', name: 'default' }),
    ).toBeUndefined();
  });

  it('name the address when it does not answer as a provider', async () => {
    outside(() => new Response('<html>', { status: 200 }));
    const { fetch } = await makeTeam();
    expect((await json(await fetch('/api/integrations/connect', { json: body() }))).error.param).toBe(
      'baseUrl',
    );
    outside(() => Promise.reject(new TypeError('connection refused')) as never);
    expect((await json(await fetch('/api/integrations/connect', { json: body() }))).error.param).toBe(
      'baseUrl',
    );
  });

  it('replace a key under the same name, and forget it', async () => {
    outside(() => models('a'));
    const { fetch, teamId } = await makeTeam();
    const first = await json(await fetch('/api/integrations/connect', { json: body() }));
    const second = await json(
      await fetch('/api/integrations/connect', { json: body({ apiKey: 'sk-another-key-0000NEW1' }) }),
    );
    expect([second.id, second.keyHint]).toEqual([first.id, 'NEW1']);
    expect(
      (await connectionsOf(services(env), teamId))
        .filter(({ provider }) => provider === 'openai')
        .map(({ apiKey }) => apiKey),
    ).toEqual(['sk-another-key-0000NEW1']);
    expect((await fetch('/api/integrations/disconnect', { json: { provider: 'openai' } })).status).toBe(200);
    expect((await fetch('/api/integrations/disconnect', { json: { provider: 'openai' } })).status).toBe(404);
    expect((await json(await fetch('/api/integrations'))).data.map((one: Answer) => one.source)).toEqual([
      'built_in',
    ]);
  });

  it('belong to one team', async () => {
    outside(() => models('secret-model'));
    const [mine, other] = [await makeTeam(), await makeTeam()];
    await mine.fetch('/api/integrations/connect', { json: body() });
    expect((await json(await other.fetch('/api/integrations'))).data).toHaveLength(1);
    const stolen = await other.fetch('/v1/chat/completions', {
      json: { model: 'secret-model', messages: [{ role: 'user', content: 'x' }] },
    });
    expect(stolen.status).toBe(404);
    expect((await other.fetch('/api/integrations/disconnect', { json: { provider: 'openai' } })).status).toBe(
      404,
    );
  });

  it('refuse what makes no sense, naming the field', async () => {
    const seen = outside(() => models());
    const { fetch } = await makeTeam();
    for (const [more, path] of [
      [{ provider: 'nobody' }, 'provider'],
      [{ provider: 'sandbox' }, 'provider'],
      [{ apiKey: '' }, 'apiKey'],
      [{ apiKey: 'with\nnewline and spaces' }, 'apiKey'],
      [{ baseUrl: 'ftp://x.example.com' }, 'baseUrl'],
      [{ baseUrl: 'https://user:pass@x.example.com' }, 'baseUrl'],
      [{ extra: 1 }, 'extra'],
    ] as const) {
      const response = await fetch('/api/integrations/connect', { json: body(more) });
      expect([response.status, (await json(response)).error.issues[0].path]).toEqual([422, path]);
    }
    expect(seen).toEqual([]);
  });

  it('are for admins', async () => {
    const { teamId } = await makeTeam();
    const editor = await makeKey(teamId, 'editor');
    expect((await editor.fetch('/api/integrations/connect', { json: body() })).status).toBe(403);
    expect(
      (await editor.fetch('/api/integrations/disconnect', { json: { provider: 'openai' } })).status,
    ).toBe(403);
    expect((await editor.fetch('/api/integrations')).status).toBe(200);
  });
});
