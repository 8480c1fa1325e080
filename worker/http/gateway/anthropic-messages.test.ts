import { env } from 'cloudflare:workers';
import Anthropic from '@anthropic-ai/sdk';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ledger } from '../../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';
import { saveConnection } from '../../store/connections.ts';

const messages = [{ role: 'user' as const, content: 'How do we greet a lead from Zürich?' }];
const ask = (more: object = {}) => ({ model: 'sandbox-small', messages, max_tokens: 60, ...more });

/** The official client, with nothing changed but base URL and key; requests go to the real Worker. */
const client = (key: string, prefix = '') =>
  new Anthropic({
    apiKey: key,
    baseURL: `${ORIGIN}${prefix}`,
    maxRetries: 0,
    openTelemetry: false,
    fetch: (url, init) => anonymous(String(url).replace(ORIGIN, ''), init as RequestInit),
  });

async function team() {
  const { teamId } = await makeTeam();
  const { key, keyId } = await makeKey(teamId, 'runner', { tags: ['from-key'] });
  return { teamId, key, keyId, anthropic: client(key) };
}

/** Connects the team to an Anthropic whose answers `answer` decides, in place of the network. */
async function connected(teamId: string, answer: (request: Request) => Response | Promise<Response>) {
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) =>
    answer(new Request(input as RequestInfo, init as RequestInit)),
  );
  await saveConnection(services(env), {
    teamId,
    provider: 'anthropic',
    name: 'default',
    apiKey: 'sk-ant-0123456789',
    baseUrl: 'https://anthropic.example.com',
    models: ['claude-sonnet-4-6'],
  });
}
const failing = (status: number, type: string, message: string) => () =>
  Response.json({ type: 'error', error: { type, message } }, { status });

afterEach(() => vi.restoreAllMocks());

describe('the messages gateway, spoken to by the official client', () => {
  it('answers under both addresses, and says what it cost', async () => {
    const { key, teamId, keyId } = await team();
    for (const prefix of ['', '/api/integrations/anthropic']) {
      const { data, response } = await client(key, prefix)
        .messages.create(ask(), { headers: { 'x-pm-tags': 'acme' } })
        .withResponse();
      expect(data.content[0]).toMatchObject({ type: 'text', text: expect.stringContaining('You wrote') });
      expect(data).toMatchObject({ type: 'message', role: 'assistant', stop_reason: expect.any(String) });
      const cost = Number(response.headers.get('x-pm-cost-nano-usd'));
      expect(cost).toBe(data.usage.input_tokens * 300 + data.usage.output_tokens * 1500);
      expect(response.headers.get('x-pm-run-id')).toMatch(/^run_/);
    }
    expect((await ledger(teamId, 2))[0]).toMatchObject({
      status: 'succeeded',
      source: 'reported',
      execution_type: 'gateway',
      provider: 'sandbox',
      key_id: keyId,
      tags: JSON.stringify(['from-key', 'acme']),
    });
  });

  it('streams the event sequence out of which the client builds the same message', async () => {
    const { anthropic, teamId } = await team();
    const whole = await anthropic.messages.create(ask());
    const types: string[] = [];
    const stream = anthropic.messages.stream(ask());
    stream.on('streamEvent', ({ type }) => {
      if (types.at(-1) !== type) types.push(type);
    });
    const built = await stream.finalMessage();
    expect(built.content).toMatchObject([
      { type: 'text', text: (whole.content[0] as { text: string }).text },
    ]);
    expect(built.usage).toMatchObject({
      input_tokens: whole.usage.input_tokens,
      output_tokens: whole.usage.output_tokens,
    });
    expect(types).toEqual([
      'message_start',
      'content_block_start',
      'content_block_delta',
      'content_block_stop',
      'message_delta',
      'message_stop',
    ]);
    const rows = await ledger(teamId, 2);
    expect(rows[1]).toMatchObject({
      source: 'reported',
      status: 'succeeded',
      cost_nano_usd: rows[0]!.cost_nano_usd,
    });
  });

  it('calls tools', async () => {
    const { anthropic } = await team();
    const tools = [
      {
        name: 'score',
        input_schema: { type: 'object' as const, properties: { points: { type: 'integer' } } },
      },
    ];
    const call = { tools, tool_choice: { type: 'tool' as const, name: 'score' } };
    for (const message of [
      await anthropic.messages.create(ask(call)),
      await anthropic.messages.stream(ask(call)).finalMessage(),
    ]) {
      expect(message.stop_reason).toBe('tool_use');
      expect(message.content[0]).toMatchObject({
        type: 'tool_use',
        name: 'score',
        input: { points: expect.any(Number) },
      });
    }
  });

  it('counts tokens for free, as many as a call then reports', async () => {
    const { anthropic, teamId } = await team();
    const { input_tokens } = await anthropic.messages.countTokens({ model: 'sandbox-small', messages });
    const { usage } = await anthropic.messages.create(ask());
    expect(input_tokens).toBe(usage.input_tokens);
    expect(await ledger(teamId, 1)).toHaveLength(1);
  });

  it('raises the client’s own error classes, with Anthropic’s error types', async () => {
    const { anthropic, teamId } = await team();
    await expect(client('pm_none').messages.create(ask())).rejects.toMatchObject({
      constructor: Anthropic.AuthenticationError,
      type: 'authentication_error',
      error: { type: 'error', request_id: expect.any(String) },
    });
    await expect(anthropic.messages.create(ask({ model: 'no-such-model' }))).rejects.toMatchObject({
      constructor: Anthropic.NotFoundError,
      type: 'not_found_error',
    });
    await expect(anthropic.messages.countTokens({ model: 'no-such-model', messages })).rejects.toBeInstanceOf(
      Anthropic.NotFoundError,
    );
    await expect(anthropic.messages.create(ask({ max_tokens: 0 }))).rejects.toMatchObject({
      status: 422,
      type: 'invalid_request_error',
    });
    await expect(anthropic.messages.create(ask({ model: 'sandbox-429' }))).rejects.toMatchObject({
      constructor: Anthropic.RateLimitError,
      type: 'rate_limit_error',
    });
    await expect(anthropic.messages.create(ask({ model: 'sandbox-500' }))).rejects.toMatchObject({
      constructor: Anthropic.InternalServerError,
      type: 'api_error',
    });
    await services(env)
      .team(teamId)
      .createBudget({
        id: services(env).newId('budget'),
        scope: { type: 'team' },
        window: 'total',
        timeZone: 'UTC',
        anchor: {},
        limitNanoUsd: 1,
        policy: 'block',
        thresholds: [],
        createdAt: new Date().toISOString(),
      });
    for (const stream of [false, true])
      await expect(anthropic.messages.create(ask({ stream }))).rejects.toMatchObject({
        status: 402,
        type: 'billing_error',
        error: { type: 'error', error: { code: 'budget_exceeded', limitNanoUsd: 1 } },
      });
  });

  it('takes the key as x-api-key too', async () => {
    const { key } = await team();
    const answer = await anonymous('/v1/messages', { json: ask(), headers: { 'x-api-key': key } });
    expect(answer.status).toBe(200);
  });
});

describe('the messages gateway before Anthropic', () => {
  it('sends on what it was sent, with the versions of the caller, and charges caches at their rates', async () => {
    const { anthropic, teamId } = await team();
    const seen: { url: string; headers: Headers; body: unknown }[] = [];
    await connected(teamId, async (request) => {
      seen.push({ url: request.url, headers: request.headers, body: await request.json() });
      return Response.json({
        type: 'message',
        role: 'assistant',
        content: [{ type: 'text', text: 'Grüezi.' }],
        stop_reason: 'end_turn',
        usage: {
          input_tokens: 10,
          cache_read_input_tokens: 100,
          cache_creation_input_tokens: 300,
          cache_creation: { ephemeral_5m_input_tokens: 100, ephemeral_1h_input_tokens: 200 },
          output_tokens: 4,
        },
      });
    });
    const body = ask({ model: 'anthropic/claude-sonnet-4-6', metadata: { user_id: 'u' } });
    const { response } = await anthropic.messages
      .create(body, { headers: { 'anthropic-beta': 'some-beta' } })
      .withResponse();
    expect(seen[0]).toMatchObject({
      url: 'https://anthropic.example.com/v1/messages',
      body: { ...body, model: 'claude-sonnet-4-6' },
    });
    expect(seen[0]!.headers.get('x-api-key')).toBe('sk-ant-0123456789');
    expect(seen[0]!.headers.get('anthropic-beta')).toBe('some-beta');
    expect(seen[0]!.headers.get('anthropic-version')).toMatch(/^\d{4}-\d\d-\d\d$/);
    // $3 in, $0.30 read, $3.75 and $6 written, $15 out, each per million
    const cost = 10 * 3_000 + 100 * 300 + 100 * 3_750 + 200 * 6_000 + 4 * 15_000;
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe(String(cost));
    expect((await ledger(teamId, 1))[0]).toMatchObject({ provider: 'anthropic', input_tokens: 410 });
  });

  it('asks Anthropic for its own count, and estimates where a server has none', async () => {
    const { anthropic, teamId } = await team();
    const count = { model: 'claude-sonnet-4-6', messages };
    await connected(teamId, () => Response.json({ input_tokens: 1234 }));
    expect(await anthropic.messages.countTokens(count)).toEqual({ input_tokens: 1234 });
    await connected(teamId, () => new Response('no such page', { status: 404 }));
    const { data, response } = await anthropic.messages.countTokens(count).withResponse();
    expect(data.input_tokens).toBeGreaterThan(5);
    expect(response.headers.get('x-pm-count-source')).toBe('estimate');
  });

  it('hands on Anthropic’s own errors, but never as if they were about the caller’s key', async () => {
    const { anthropic, teamId } = await team();
    const call = ask({ model: 'claude-sonnet-4-6' });
    await connected(teamId, failing(529, 'overloaded_error', 'Overloaded'));
    await expect(anthropic.messages.create(call)).rejects.toMatchObject({
      constructor: Anthropic.OverloadedError,
      type: 'overloaded_error',
      apiMessage: 'Overloaded',
    });
    await connected(teamId, failing(401, 'authentication_error', 'invalid x-api-key'));
    await expect(anthropic.messages.create(call)).rejects.toMatchObject({ status: 502, type: 'api_error' });
  });

  it('ends a stream that fails half way with an error event that the client raises', async () => {
    const { anthropic, teamId } = await team();
    const events = [
      { type: 'message_start', message: { content: [], usage: { input_tokens: 9, output_tokens: 1 } } },
      { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
      { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Grüe' } },
    ].map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
    const sse = { headers: { 'content-type': 'text/event-stream' } };
    const own =
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Full"}}\n\n';
    for (const [end, type] of [
      [own, 'overloaded_error'],
      ['', 'api_error'],
    ] as const) {
      await connected(teamId, () => new Response(events.join('') + end, sse));
      const stream = await anthropic.messages.create({
        ...ask({ model: 'claude-sonnet-4-6' }),
        stream: true,
      });
      const read = async () => {
        for await (const event of stream) expect(event.type).not.toBe('message_stop');
      };
      await expect(read()).rejects.toMatchObject({ constructor: Anthropic.APIError, type });
    }
    const rows = await ledger(teamId, 2);
    for (const row of rows) {
      expect(row).toMatchObject({ status: 'failed', source: 'estimated' });
      expect(row.cost_nano_usd).toBeGreaterThan(0);
    }
  });
});
