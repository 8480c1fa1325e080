import { createExecutionContext } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { createApp } from './app.ts';
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
  headers: Headers;
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
      headers: request.headers,
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

  it('PK-5 do not lead into a private network where the server is not allowed there, and nothing is sent', async () => {
    const seen = outside(() => models('m'));
    const { key, fetch } = await makeTeam();
    const closed = { ...env, ALLOW_PRIVATE_NETWORK: '0' } as unknown as Env;
    const ask = (path: string, json: object) =>
      createApp().request(
        path,
        {
          method: 'POST',
          body: JSON.stringify(json),
          headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        },
        closed,
        createExecutionContext(),
      );
    for (const host of ['127.0.0.1', 'localhost', '10.1.2.3', '169.254.169.254', '[::1]', '2130706433']) {
      const refused = await ask('/api/integrations/connect', body({ baseUrl: `http://${host}/v1` }));
      const { error } = await json(refused);
      expect([refused.status, error.issues?.[0].path ?? error.message], host).toEqual([422, 'baseUrl']);
      expect(error.issues[0].message).toContain('private network');
    }
    expect(seen).toEqual([]);
    // kept from a time when it was allowed
    expect(
      (await fetch('/api/integrations/connect', { json: body({ baseUrl: 'http://10.1.2.3/v1' }) })).status,
    ).toBe(201);
    const sent = seen.length;
    const tested = await json(await ask('/api/integrations/test', { provider: 'openai' }));
    expect(tested.failure).toContain('private network');
    expect(seen).toHaveLength(sent);
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

const answered = (usage: object = {}) =>
  Response.json({
    choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100, ...usage },
  });
const compatible = (more: object = {}) => ({
  provider: 'openai-compatible',
  baseUrl: 'https://models.example.com/v1',
  ...more,
});
type TeamFetch = Awaited<ReturnType<typeof makeTeam>>['fetch'];
const connectOk = async (fetch: TeamFetch, json: object): Promise<Answer> => {
  const response = await fetch('/api/integrations/connect', { json });
  expect(response.status, await response.clone().text()).toBe(201);
  return (await response.json()) as Answer;
};
const chat = (fetch: TeamFetch, model: string) =>
  fetch('/v1/chat/completions', {
    json: { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 200 },
  });
const rowOf = async (fetch: TeamFetch, runId: string | null): Promise<Answer> => {
  let row: Answer | undefined;
  await vi.waitFor(
    async () => {
      const { data } = await json(await fetch('/api/token-tracking/ledger'));
      expect((row = data.find((one: Answer) => one.runId === runId))).toBeDefined();
    },
    { timeout: 5_000 },
  );
  return row!;
};

describe("a connection's own headers", () => {
  it('are sent, kept sealed, and shown by name only', async () => {
    const seen = outside(({ url }) => (url.endsWith('/models') ? models('m') : answered()));
    const { fetch, teamId } = await makeTeam();
    const secret = 'Basic c2VjcmV0LWhlYWRlcg==';
    const shown = await connectOk(
      fetch,
      compatible({ headers: { 'X-Gateway-Auth': secret, 'HTTP-Referer': 'https://a.example.com' } }),
    );
    expect(shown.headerNames).toEqual(['x-gateway-auth', 'http-referer']);
    await chat(fetch, 'm');
    for (const { headers } of seen) {
      expect(headers.get('x-gateway-auth')).toBe(secret);
      expect(headers.get('authorization')).toBeNull();
    }
    const row = await env.DB.prepare('select * from provider_connection where id = ?').bind(shown.id).first();
    for (const place of [
      JSON.stringify(row),
      await (await fetch('/api/integrations')).text(),
      await (await fetch(`/api/teams/${teamId}/audit-log`)).text(),
    ]) {
      expect(place).not.toContain(secret);
      expect(place).toContain('x-gateway-auth');
    }
  });

  it.each([
    [{ Host: 'other.example.com' }, 'headers.Host'],
    [{ 'Content-Length': '5' }, 'headers.Content-Length'],
    [{ 'X-Forwarded-For': '1.2.3.4' }, 'headers.X-Forwarded-For'],
    [{ 'x-a': 'line\r\nX-Injected: 1' }, 'headers.x-a'],
    [{ 'bad name': 'x' }, 'headers.bad name'],
    [{ 'x-a': '1', 'X-A': '2' }, 'headers'],
  ])('are refused where they are not theirs to set: %j', async (headers, path) => {
    const seen = outside(() => models('m'));
    const { fetch } = await makeTeam();
    const refused = await fetch('/api/integrations/connect', { json: compatible({ headers }) });
    expect([refused.status, (await json(refused)).error.issues[0].path]).toEqual([422, path]);
    expect(seen).toEqual([]);
  });
});

describe("a provider's own form", () => {
  it('is told, and checked, field by field', async () => {
    const seen = outside(() => models('m'));
    const { fetch } = await makeTeam();
    const { providers } = await json(await fetch('/api/integrations'));
    const fieldsOf = (id: string) => providers.find((one: Answer) => one.id === id).fields;
    expect(fieldsOf('workers-ai')).toMatchObject([
      { name: 'accountId', label: 'Account ID', required: true, choices: null },
      { name: 'baseUrl', required: false },
    ]);
    expect(fieldsOf('openai-compatible')[2]).toMatchObject({ choices: ['authorization', 'api-key'] });
    for (const [more, path] of [
      [{ provider: 'workers-ai', apiKey: KEY }, 'options.accountId'],
      [{ provider: 'workers-ai', apiKey: KEY, options: { accountId: 'x' } }, 'options.accountId'],
      [{ provider: 'workers-ai', options: { accountId: 'a'.repeat(32) } }, 'apiKey'],
      [{ provider: 'openai-compatible' }, 'baseUrl'],
      [compatible({ options: { unknown: 'x' } }), 'options.unknown'],
      [body({ free: true }), 'free'],
    ] as const) {
      const refused = await fetch('/api/integrations/connect', { json: more });
      expect([refused.status, (await json(refused)).error.issues[0].path]).toEqual([422, path]);
    }
    expect(seen).toEqual([]);
  });

  it('makes the address of Workers AI, whose prices are published', async () => {
    const accountId = 'a'.repeat(32);
    const seen = outside(({ url }) =>
      url.includes('/models/search')
        ? Response.json({
            result: [{ name: '@cf/meta/llama-3.1-8b-instruct', task: { name: 'Text Generation' } }],
          })
        : answered(),
    );
    const { fetch } = await makeTeam();
    const shown = await connectOk(fetch, { provider: 'workers-ai', apiKey: KEY, options: { accountId } });
    expect(shown).toMatchObject({ options: { accountId }, sells: 'workers-ai' });
    const called = await chat(fetch, '@cf/meta/llama-3.1-8b-instruct');
    expect(called.status, await called.clone().text()).toBe(200);
    expect(seen.at(-1)!.url).toBe(
      `https://api.cloudflare.com/client/v4/accounts/${accountId}/ai/v1/chat/completions`,
    );
    const row = await rowOf(fetch, called.headers.get('x-pm-run-id'));
    expect(row).toMatchObject({ provider: 'workers-ai', priced: true });
    expect(row.priceId).toContain('cloudflare/@cf/meta/llama-3.1-8b-instruct');
  });
});

describe("what a server of OpenAI's dialect costs", () => {
  it('is what its price list says, where it is known whose server it is', async () => {
    outside(({ url }) => (url.endsWith('/models') ? models('llama-3.1-8b-instant') : answered()));
    const { fetch } = await makeTeam();
    const shown = await connectOk(
      fetch,
      compatible({ apiKey: KEY, baseUrl: 'https://api.groq.com/openai/v1' }),
    );
    expect(shown.sells).toBe('groq');
    for (const name of ['llama-3.1-8b-instant', 'groq/llama-3.1-8b-instant']) {
      const called = await chat(fetch, name);
      // 1,000 x 50,000 + 100 x 80,000 pico-USD
      expect(called.headers.get('x-pm-cost-nano-usd')).toBe('58000');
      expect(await rowOf(fetch, called.headers.get('x-pm-run-id'))).toMatchObject({
        provider: 'groq',
        model: 'llama-3.1-8b-instant',
      });
    }
  });

  it('is nothing where the team says so, also under a budget, and only there', async () => {
    outside(({ url }) => (url.endsWith('/models') ? models('llama3') : answered()));
    const { fetch } = await makeTeam();
    await fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'day', limitNanoUsd: 1_000_000_000 },
    });
    const shown = await connectOk(fetch, compatible({ name: 'ollama', free: true }));
    expect(shown).toMatchObject({ free: true, keyHint: null, sells: 'openai-compatible:ollama' });
    const called = await chat(fetch, 'ollama/llama3');
    expect(called.status, await called.clone().text()).toBe(200);
    expect(await rowOf(fetch, called.headers.get('x-pm-run-id'))).toMatchObject({
      costNanoUsd: 0,
      priced: true,
      provider: 'openai-compatible:ollama',
      priceId: expect.stringMatching(/^team:openai-compatible:ollama\/\*@/),
    });
    const estimated = await json(
      await fetch('/api/token-tracking/estimate', { json: { model: 'ollama/llama3', text: 'hi' } }),
    );
    expect(estimated.costNanoUsd).toEqual({ low: 0, expected: 0, high: 0, max: 0 });

    await connectOk(fetch, compatible({ name: 'vllm', baseUrl: 'https://vllm.example.com/v1' }));
    const unpriced = await chat(fetch, 'vllm/llama3');
    expect((await json(unpriced)).error.code).toBe('model_unpriced');

    await connectOk(fetch, compatible({ name: 'ollama', free: false }));
    expect((await json(await chat(fetch, 'ollama/llama3'))).error.code).toBe('model_unpriced');
  });

  it('is what the team sets for a model of that connection', async () => {
    outside(({ url }) => (url.endsWith('/models') ? models('qwen') : answered()));
    const { fetch } = await makeTeam();
    await connectOk(fetch, compatible({ name: 'vllm' }));
    const set = await fetch('/api/models/qwen/price', {
      method: 'PUT',
      json: { inputUsdPerMillionTokens: '1', outputUsdPerMillionTokens: '2' },
    });
    expect(await json(set)).toMatchObject({ provider: 'openai-compatible:vllm', connected: true });
    expect((await chat(fetch, 'vllm/qwen')).headers.get('x-pm-cost-nano-usd')).toBe('1200000');
  });

  it('keeps what the provider says of the cost beside ours', async () => {
    outside(({ url }) => (url.endsWith('/models') ? models('m') : answered({ cost: 0.00014 })));
    const { fetch } = await makeTeam();
    await connectOk(fetch, compatible({ free: true }));
    const called = await chat(fetch, 'm');
    expect(await rowOf(fetch, called.headers.get('x-pm-run-id'))).toMatchObject({
      costNanoUsd: 0,
      providerCostNanoUsd: 140_000,
    });
  });
});

describe('a connection tried again', () => {
  it('says whether it works now, in the provider’s words', async () => {
    outside(() => models('a'));
    const { fetch, teamId } = await makeTeam();
    await connectOk(fetch, compatible({ name: 'x', apiKey: KEY }));
    const again = () =>
      fetch('/api/integrations/test', { json: { provider: 'openai-compatible', name: 'x' } });
    outside(() => Response.json({ error: { message: `The key ${KEY} has expired.` } }, { status: 401 }));
    expect(await json(await again())).toMatchObject({ failure: 'The key [key] has expired.', models: ['a'] });
    outside(() => models('a', 'b'));
    expect(await json(await again())).toMatchObject({ failure: null, models: ['a', 'b'] });
    const log = await (await fetch(`/api/teams/${teamId}/audit-log`)).text();
    expect(log).toContain('connection.test');
    expect(log).not.toContain(KEY);

    expect((await fetch('/api/integrations/test', { json: { provider: 'openai', name: 'x' } })).status).toBe(
      404,
    );
    const other = await makeTeam();
    expect(
      (await other.fetch('/api/integrations/test', { json: { provider: 'openai-compatible', name: 'x' } }))
        .status,
    ).toBe(404);
    const editor = await makeKey(teamId, 'editor');
    expect(
      (await editor.fetch('/api/integrations/test', { json: { provider: 'openai-compatible', name: 'x' } }))
        .status,
    ).toBe(403);
  });
});
