import { env } from 'cloudflare:workers';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { budget, ledger } from '../../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN, type Fetch } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';
import { saveConnection } from '../../store/connections.ts';

const messages = [{ role: 'user' as const, content: 'How do we greet a lead from Zürich?' }];
const ask = (more: object = {}) => ({ model: 'sandbox-small', messages, max_tokens: 60, ...more });
type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;

/** The official client, with nothing changed but base URL and key; requests go to the real Worker. */
const client = (key: string, fetch: Fetch, prefix = '/v1') =>
  new OpenAI({
    apiKey: key,
    baseURL: `${ORIGIN}${prefix}`,
    maxRetries: 0,
    dangerouslyAllowBrowser: true,
    fetch: (url, init) => fetch(String(url).replace(ORIGIN, ''), init as RequestInit),
  });

async function team() {
  const { teamId } = await makeTeam();
  const { key, keyId, fetch } = await makeKey(teamId, 'runner', { tags: ['from-key'] });
  const judge = services(env).team(teamId);
  return { teamId, key, keyId, fetch, judge, openai: client(key, anonymous) };
}

describe('the gateway, spoken to by the official client', () => {
  it('completes, under both addresses, and says what it cost', async () => {
    const { key, teamId, keyId } = await team();
    for (const prefix of ['/v1', '/api/integrations/openai/v1']) {
      const { data, response } = await client(key, anonymous, prefix)
        .chat.completions.create(ask(), { headers: { 'x-pm-tags': 'acme, spring' } })
        .withResponse();
      expect(data.choices[0]!.message.content).toContain('You wrote');
      const cost = Number(response.headers.get('x-pm-cost-nano-usd'));
      expect(cost).toBe(data.usage!.prompt_tokens * 300 + data.usage!.completion_tokens * 1500);
      expect(response.headers.get('x-pm-run-id')).toMatch(/^run_/);
    }
    expect((await ledger(teamId, 2))[0]).toMatchObject({
      status: 'succeeded',
      source: 'reported',
      execution_type: 'gateway',
      provider: 'sandbox',
      key_id: keyId,
      tags: JSON.stringify(['from-key', 'acme', 'spring']),
    });
  });

  it('streams, with usage only when the client asks for it', async () => {
    const { openai, teamId } = await team();
    for (const include_usage of [false, true]) {
      const stream = await openai.chat.completions.create({
        ...ask(),
        stream: true,
        stream_options: { include_usage },
      });
      let text = '';
      let usages = 0;
      for await (const chunk of stream) {
        text += chunk.choices[0]?.delta.content ?? '';
        if (chunk.usage) usages++;
      }
      expect(text).toContain('You wrote');
      expect(usages).toBe(include_usage ? 1 : 0);
    }
    expect((await ledger(teamId, 2)).map(({ source, status }) => [source, status])).toEqual([
      ['reported', 'succeeded'],
      ['reported', 'succeeded'],
    ]);
  });

  it('raises the client’s own error classes', async () => {
    const { openai, teamId } = await team();
    await expect(openai.chat.completions.create(ask({ model: 'no-such-model' }))).rejects.toMatchObject({
      constructor: OpenAI.NotFoundError,
      code: 'model_not_found',
      param: 'model',
    });
    await expect(openai.chat.completions.create(ask({ model: 'sandbox-429' }))).rejects.toBeInstanceOf(
      OpenAI.RateLimitError,
    );
    await expect(openai.chat.completions.create(ask({ model: 'sandbox-500' }))).rejects.toBeInstanceOf(
      OpenAI.InternalServerError,
    );
    await expect(openai.chat.completions.create(ask({ messages: [] }))).rejects.toMatchObject({
      constructor: OpenAI.UnprocessableEntityError,
      param: 'messages',
    });
    await expect(
      client('pm_wrongwrong_0123456789abcdef0123', anonymous).models.list(),
    ).rejects.toBeInstanceOf(OpenAI.AuthenticationError);
    await budget(teamId, 1000);
    await expect(openai.chat.completions.create(ask())).rejects.toMatchObject({
      status: 402,
      code: 'budget_exceeded',
      error: { limitNanoUsd: 1000 },
    });
    await expect(openai.chat.completions.create({ ...ask(), stream: true })).rejects.toMatchObject({
      status: 402,
    });
  });

  it('lists and finds models', async () => {
    const { openai } = await team();
    const ids = (await openai.models.list()).data.map(({ id }) => id);
    expect(ids).toContain('sandbox-large');
    expect(await openai.models.retrieve('sandbox-large')).toMatchObject({
      id: 'sandbox-large',
      owned_by: 'sandbox',
    });
    await expect(openai.models.retrieve('gpt-nothing')).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
  });

  it('fills a JSON schema', async () => {
    const { openai } = await team();
    const schema = {
      type: 'object',
      required: ['score'],
      properties: { score: { type: 'integer', minimum: 0, maximum: 10 } },
    };
    const completion = await openai.chat.completions.create({
      ...ask(),
      response_format: { type: 'json_schema', json_schema: { name: 'lead', schema } },
    });
    expect(JSON.parse(completion.choices[0]!.message.content!)).toEqual({ score: expect.any(Number) });
  });
});

describe('the gateway', () => {
  const post = (fetch: Fetch, body: unknown, headers: Record<string, string> = {}) =>
    fetch('/v1/chat/completions', { json: body, headers });

  it('refuses what is no JSON with 400 and what makes no sense with 422, naming the place', async () => {
    const { fetch, judge } = await team();
    const broken = await fetch('/v1/chat/completions', { method: 'POST', body: '{"model": ' });
    expect([broken.status, (await json(broken)).error.code]).toEqual([400, 'malformed']);
    for (const [body, param] of [
      [[], ''],
      [{ messages }, 'model'],
      [ask({ messages: 'hi' }), 'messages'],
      [ask({ messages: [{ content: 'x' }] }), 'messages.0.role'],
      [ask({ max_tokens: '50' }), 'max_tokens'],
      [ask({ max_completion_tokens: -1 }), 'max_completion_tokens'],
      [ask({ n: 1.5 }), 'n'],
      [ask({ stream: 'yes' }), 'stream'],
    ] as const) {
      const response = await post(fetch, body);
      expect([response.status, (await json(response)).error.issues[0].path]).toEqual([422, param]);
    }
    for (const headers of [
      { 'x-pm-on-disconnect': 'explode' },
      { 'x-pm-clamp': 'maybe' },
      { 'x-pm-max-cost-nano-usd': '1.5' },
      { 'x-pm-max-cost-nano-usd': '99999999999999999' },
      { 'x-pm-tags': 'x'.repeat(65) },
      { 'x-pm-tags': Array.from({ length: 21 }, (_, i) => `t${i}`).join(',') },
    ] as Record<string, string>[]) {
      const response = await post(fetch, ask(), headers);
      expect([response.status, (await json(response)).error.param]).toEqual([422, Object.keys(headers)[0]]);
    }
    expect((await judge.cutAt(0)).counterNanoUsd).toBe(0);
  });

  it('needs a key, and a role that may call', async () => {
    const { teamId } = await team();
    expect((await post(anonymous, ask())).status).toBe(401);
    const viewer = await makeKey(teamId, 'viewer');
    expect((await post(viewer.fetch, ask())).status).toBe(403);
    expect((await viewer.fetch('/v1/models')).status).toBe(200);
  });

  it('passes on what it does not know, and lets nobody choose another budget in the body (B28)', async () => {
    const { fetch, teamId, keyId } = await team();
    const response = await post(
      fetch,
      ask({
        metadata: { teamId: 'team_other', keyId: 'x', tags: ['free'] },
        teamId: 'team_other',
        temperature: 0.3,
        user: "'; DROP TABLE run;--",
      }),
    );
    expect(response.status).toBe(200);
    expect((await ledger(teamId, 1))[0]).toMatchObject({ key_id: keyId, tags: '["from-key"]' });
  });

  it('is lowered to what the budget leaves when the caller allows it (B04)', async () => {
    const { fetch, teamId } = await team();
    const free = await json(await post(fetch, ask({ max_tokens: 1 })));
    const inputCost = free.usage.prompt_tokens * 300;
    const ceiling = await post(fetch, ask(), { 'x-pm-max-cost-nano-usd': '1' });
    const asked = (await json(ceiling)).error.askedNanoUsd as number;
    await budget(teamId, inputCost + 1500 + asked - 30 * 1500);
    expect((await post(fetch, ask())).status).toBe(402);
    const clamped = await post(fetch, ask(), { 'x-pm-clamp': 'true' });
    expect(clamped.status).toBe(200);
    const maximum = Number(clamped.headers.get('x-pm-max-tokens-clamped'));
    expect(maximum).toBeGreaterThan(0);
    expect(maximum).toBeLessThan(60);
    expect((await json(clamped)).usage.completion_tokens).toBeLessThanOrEqual(maximum);
  });

  it('keeps the words of the provider’s refusal', async () => {
    const { fetch } = await team();
    const response = await post(fetch, ask({ model: 'sandbox-429' }));
    expect([response.status, response.headers.get('retry-after')]).toEqual([429, '2']);
    expect(await json(response)).toMatchObject({
      error: { type: 'rate_limit_error', message: expect.stringContaining('busy') },
    });
  });

  it('books nothing for a provider that nobody runs', async () => {
    const { fetch, teamId, judge } = await team();
    // port 9 is nobody's
    await saveConnection(services(env), {
      teamId,
      provider: 'openai',
      name: 'default',
      apiKey: 'sk-0123456789',
      baseUrl: 'http://127.0.0.1:9/v1',
      models: ['gpt-4o-mini'],
    });
    const response = await post(fetch, ask({ model: 'gpt-4o-mini' }));
    expect([response.status, (await json(response)).error.failure]).toEqual([502, 'not_sent']);
    expect(await judge.cutAt(0)).toMatchObject({ counterNanoUsd: 0, heldNanoUsd: 0 });
  });
});
