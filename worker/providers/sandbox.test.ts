import Ajv from 'ajv';
import { Tiktoken } from 'js-tiktoken/lite';
import o200k from 'js-tiktoken/ranks/o200k_base';
import { describe, expect, it } from 'vitest';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { ForwardRequest, ProviderDeps } from '../domain/contracts/provider.ts';
import { formatOf } from './registry.ts';
import { sandbox } from './sandbox.ts';
import { SLOW_MS } from './sandbox/server.ts';

const tiktoken = new Tiktoken(o200k);
const countOf = (text: string) => tiktoken.encode(text, [], []).length;
let slept: number[] = [];
const deps: ProviderDeps = {
  fetch: async () => Promise.reject(new Error('the sandbox needs no network')),
  count: { text: async (_, text) => countOf(text), request: async () => 17 },
  listens: async () => true,
  async sleep(ms, signal) {
    signal?.throwIfAborted();
    slept.push(ms);
  },
};
const connection = {
  id: 'sandbox',
  provider: 'sandbox',
  name: 'default',
  apiKey: '',
  baseUrl: null,
  headers: {},
};

const send = (body: Record<string, unknown>, more: Partial<ForwardRequest> = {}) =>
  sandbox.forward(
    {
      format: 'openai_chat',
      body,
      stream: body.stream === true,
      idempotencyKey: 'run_1.1',
      signal: new AbortController().signal,
      timeoutMs: 60_000,
      ...more,
    },
    connection,
    deps,
  );
const say = (content: string) => [{ role: 'user', content }];
interface Completion {
  choices: {
    message: { content: string; tool_calls?: { function: { name: string; arguments: string } }[] };
    finish_reason: string;
  }[];
  usage: { prompt_tokens: number; completion_tokens: number };
}
async function complete(body: Record<string, unknown>): Promise<Completion> {
  const answer = await send(body);
  if (!answer.ok) throw new Error(answer.error.message);
  return (await answer.value.json()) as Completion;
}
const textOf = async (body: Record<string, unknown>) => (await complete(body)).choices[0]!.message.content;

providerContract('sandbox', () => ({
  provider: sandbox,
  deps,
  connection,
  model: 'sandbox-small',
  busy: { model: 'sandbox-429', retryAfterMs: 2_000 },
  broken: { model: 'sandbox-500', status: 500 },
}));

describe('the sandbox', () => {
  it('answers the same to the same and something else to something else', async () => {
    const ask = (content: string) => textOf({ model: 'sandbox-large', messages: say(content) });
    expect(await ask('Tell me of Zürich')).toBe(await ask('Tell me of Zürich'));
    expect(await ask('Tell me of Zürich')).toContain('Tell me of Zürich');
    expect(await ask('Tell me of Zürich')).not.toBe(await ask('Tell me of Bern'));
  });

  it('stops at exactly max tokens, counted in o200k, and says so', async () => {
    for (const maximum of [1, 2, 7, 30]) {
      const { choices, usage } = await complete({
        model: 'sandbox-large',
        messages: say('Ωmega über-straße 12345 🎈🎈 naïveté, e=mc²'),
        max_completion_tokens: maximum,
      });
      expect(choices[0]!.finish_reason).toBe('length');
      expect(usage.completion_tokens).toBe(maximum);
      expect(countOf(choices[0]!.message.content)).toBe(maximum);
    }
  });

  it('counts its output exactly and stays below 500 tokens by itself', async () => {
    for (let i = 0; i < 40; i++) {
      const { choices, usage } = await complete({
        model: 'sandbox-large',
        messages: say(`${'wörter 日本 '.repeat(i)} ${i}`),
      });
      expect(usage.completion_tokens).toBe(countOf(choices[0]!.message.content));
      expect(usage.completion_tokens).toBeLessThanOrEqual(500);
      expect(choices[0]!.finish_reason).toBe('stop');
    }
  });

  it('streams word by word what it answers in one piece, and tells usage only when asked', async () => {
    const body = { model: 'sandbox-small', messages: say('hello there') };
    for (const include_usage of [true, false]) {
      const answer = await send({ ...body, stream: true, stream_options: { include_usage } });
      if (!answer.ok) throw new Error(answer.error.message);
      const text = await answer.value.text();
      const reader = formatOf('openai_chat').streamReader({ usageInjected: false, choices: 1 });
      const events = text.split('\n\n').filter(Boolean);
      for (const event of events) reader.event(event.slice('data: '.length));
      expect(reader.text()).toBe(await textOf(body));
      expect(events.length).toBeGreaterThan(10);
      expect(reader.usage()?.usage.inputTokens).toBe(include_usage ? 17 : undefined);
      expect(text.includes('usage')).toBe(include_usage);
    }
  });

  it('fills a JSON schema, differently for different input', async () => {
    const schema = {
      type: 'object',
      additionalProperties: false,
      required: ['score', 'tier', 'reason', 'tags', 'nested', 'either', 'share', 'kind'],
      properties: {
        score: { type: 'integer', minimum: 0, maximum: 10 },
        tier: { enum: ['hot', 'warm', 'cold'] },
        reason: { type: 'string', minLength: 3, maxLength: 60 },
        tags: { type: 'array', items: { type: 'string' }, minItems: 2, maxItems: 3 },
        nested: { $ref: '#/$defs/inner' },
        either: { anyOf: [{ type: 'null' }, { type: 'boolean' }] },
        share: { type: 'number', exclusiveMinimum: 0, maximum: 1 },
        kind: { const: 'lead' },
      },
      $defs: {
        inner: {
          type: 'object',
          required: ['at'],
          properties: { at: { type: 'number', multipleOf: 0.5, minimum: -2, maximum: 2 } },
        },
      },
    };
    const valid = new Ajv({ strict: false }).compile(schema);
    const scores = new Set<number>();
    for (let i = 0; i < 60; i++) {
      const text = await textOf({
        model: 'sandbox-large',
        messages: say(`lead ${i}`),
        response_format: { type: 'json_schema', json_schema: { name: 'lead', schema } },
      });
      const value = JSON.parse(text) as { score: number };
      expect(valid(value), JSON.stringify(valid.errors)).toBe(true);
      scores.add(value.score);
    }
    expect(scores.size).toBeGreaterThan(7);
  });

  it('ends on a schema that contains itself', async () => {
    const schema = {
      type: 'object',
      required: ['next'],
      properties: { next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } },
    };
    const text = await textOf({
      model: 'sandbox-large',
      messages: say('x'),
      max_tokens: 4000,
      response_format: { type: 'json_schema', json_schema: { name: 'list', schema } },
    });
    expect(JSON.parse(text)).toHaveProperty('next');
  });

  it('answers a JSON object when one is asked for', async () => {
    expect(
      JSON.parse(
        await textOf({
          model: 'sandbox-small',
          messages: say('x'),
          response_format: { type: 'json_object' },
        }),
      ),
    ).toHaveProperty('answer');
  });

  it('calls the tool it must call', async () => {
    const tools = [
      {
        type: 'function',
        function: {
          name: 'look_up',
          parameters: { type: 'object', required: ['id'], properties: { id: { type: 'integer' } } },
        },
      },
    ];
    const { choices } = await complete({
      model: 'sandbox-small',
      messages: say('x'),
      tools,
      tool_choice: 'required',
    });
    expect(choices[0]!.finish_reason).toBe('tool_calls');
    expect(choices[0]!.message.tool_calls![0]!.function.name).toBe('look_up');
    expect(JSON.parse(choices[0]!.message.tool_calls![0]!.function.arguments)).toEqual({
      id: expect.any(Number),
    });
  });

  it('gives as many answers as asked for', async () => {
    expect((await complete({ model: 'sandbox-small', messages: say('x'), n: 3 })).choices).toHaveLength(3);
  });

  it('takes 5 seconds as sandbox-slow, streamed or not', async () => {
    for (const stream of [false, true]) {
      slept = [];
      const answer = await send({ model: 'sandbox-slow', messages: say('x'), stream });
      if (answer.ok) await answer.value.text();
      expect(slept.reduce((sum, ms) => sum + ms, 0)).toBeCloseTo(SLOW_MS, 3);
      expect(stream ? slept.length > 10 : slept.length === 1).toBe(true);
    }
  });

  it('fails twice as sandbox-flaky, each request for itself, and then answers', async () => {
    const ask = async (content: string) => {
      const answer = await send({ model: 'sandbox-flaky', messages: say(content) });
      return answer.ok ? 200 : answer.error.status;
    };
    expect([
      await ask('a'),
      await ask('a'),
      await ask('b'),
      await ask('a'),
      await ask('b'),
      await ask('b'),
    ]).toEqual([503, 503, 503, 200, 503, 200]);
  });

  it.each([
    [{ model: 'sandbox-none', messages: say('x') }, 404],
    [{ model: 'sandbox-small', messages: [] }, 400],
    [{ model: 'sandbox-small', messages: say('x'), max_tokens: 0 }, 400],
    [{ model: 'sandbox-small', messages: say('x'), n: 1.5 }, 400],
  ])('refuses %j with %i', async (body, status) => {
    expect(await send(body)).toMatchObject({ ok: false, error: { failure: 'refused', status } });
  });
});

providerContract('sandbox, spoken to in messages', () => ({
  provider: sandbox,
  format: 'anthropic_messages',
  deps,
  connection,
  model: 'sandbox-small',
  busy: { model: 'sandbox-429', retryAfterMs: 2_000 },
  broken: { model: 'sandbox-500', status: 500 },
}));
