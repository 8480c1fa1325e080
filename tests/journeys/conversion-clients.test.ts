/**
 * Clients of one maker in front of a provider of another, over real HTTP on both sides: answers, streams, tools, errors and leaving, and
 * the workflow's prompt node, for which every provider is a foreign one. Each answered call stands in the ledger with the provider that
 * answered, its model, its usage and its price.
 */
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, Type, type Content } from '@google/genai';
import OpenAI from 'openai';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { atRest } from './gateway-calls.ts';
import { anthropicAt, googleAt, openaiAt, startScriptedGateway } from './scripted-gateway.ts';
import type { Kind, ScriptedUpstream } from './scripted-upstream.ts';
import { eventually, type Started } from './server.ts';
import { CITY, talk, TOKENS } from './talking-upstream.ts';

let server: Started;
let upstream: ScriptedUpstream;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ server, upstream, stop } = await startScriptedGateway({ fine: talk }));
});
afterAll(() => stop());

/** What 40 input and 8 output tokens cost: gpt-4o-mini $0.15 and $0.60, Sonnet 4.5 $3 and $15, Gemini 2.5 Flash $0.30 and $2.50 per 1M. */
const PROVIDERS = {
  openai: { model: 'gpt-4o-mini', costNanoUsd: 40 * 150 + 8 * 600, kinds: ['chat', 'responses'] },
  anthropic: { model: 'claude-sonnet-4-5', costNanoUsd: 40 * 3_000 + 8 * 15_000, kinds: ['messages'] },
  gemini: { model: 'gemini-2.5-flash', costNanoUsd: 40 * 300 + 8 * 2_500, kinds: ['gemini'] },
} as const;
type ProviderName = keyof typeof PROVIDERS;

/** the answers of this test */
let runs: string[] = [];
beforeEach(() => {
  runs = [];
});
const noting: typeof fetch = async (input, init) => {
  const response = await fetch(input, init);
  if (response.ok) runs.push(response.headers.get('x-pm-run-id')!);
  return response;
};
const rowsOf = (runId: string): Promise<{ body: { data: any[] } }> =>
  eventually(
    () => server.api('GET', `/api/token-tracking/ledger?runId=${runId}`),
    ({ body }) => body.data.length > 0,
  );
/** Every answer noted was this provider's, `count` of them, each booked once as he reported it. */
async function expectBooked(provider: ProviderName, count: number) {
  const { model, costNanoUsd, kinds } = PROVIDERS[provider];
  expect(runs).toHaveLength(count);
  for (const runId of runs) {
    const { body } = await rowsOf(runId);
    expect(body.data).toEqual([
      expect.objectContaining({
        provider,
        model: expect.stringContaining(model),
        status: 'succeeded',
        source: 'reported',
        inputTokens: TOKENS.input,
        outputTokens: TOKENS.output,
        costNanoUsd,
      }),
    ]);
  }
  expect(upstream.received.slice(-count).every(({ kind }) => kinds.includes(kind as never))).toBe(true);
}

const schema = {
  type: 'object' as const,
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const caught = (work: Promise<unknown>): Promise<any> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
const newestRun = async () => (await server.api('GET', '/api/runs?limit=1')).body.data[0];

const openai = () => openaiAt(server, { fetch: noting });
const anthropic = (headers = {}) => anthropicAt(server, { headers, fetch: noting });
const google = (headers = {}) => googleAt(server, { headers, fetch: noting });

describe.each(['anthropic', 'gemini'] as const)('the openai client in front of %s', (provider) => {
  const { model } = PROVIDERS[provider];
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const weather = {
    type: 'function' as const,
    function: { name: 'weather', parameters: schema, strict: true },
  };

  it('chats and streams, with the usage it asked for', async () => {
    const { chat } = openai();
    const answer = await chat.completions.create({ model, messages });
    expect(answer.choices[0]).toMatchObject({
      message: { role: 'assistant', content: 'Hello from afar.' },
      finish_reason: 'stop',
    });
    expect(answer.usage).toMatchObject({ prompt_tokens: 40, completion_tokens: 8, total_tokens: 48 });
    const stream = chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    expect((await stream.finalChatCompletion()).choices[0]!.message.content).toBe('Hello from afar.');
    expect(await stream.totalUsage()).toMatchObject({ prompt_tokens: 40, completion_tokens: 8 });
    await expectBooked(provider, 2);
  });

  it('calls tools, streamed too, the result of which goes back', async () => {
    const { chat } = openai();
    const request = { model, messages, tools: [weather] };
    for (const streams of [false, true]) {
      const asked = await (streams
        ? chat.completions.stream(request).finalMessage()
        : chat.completions.create(request).then(({ choices }) => choices[0]!.message));
      const [call] = asked.tool_calls!;
      expect(call).toMatchObject({ type: 'function', function: { name: 'weather' } });
      expect(JSON.parse((call as { function: { arguments: string } }).function.arguments)).toEqual(CITY);
      const end = await chat.completions.create({
        ...request,
        messages: [...messages, asked, { role: 'tool', tool_call_id: call!.id, content: '18 degrees' }],
      });
      expect(end.choices[0]!.message.content).toContain('18 degrees');
    }
    await expectBooked(provider, 4);
  });

  it('gets responses, streamed too, with a tool', async () => {
    const { responses } = openai();
    expect((await responses.create({ model, input: 'Hello' })).output_text).toBe('Hello from afar.');
    const final = await responses.stream({ model, input: 'Hello' }).finalResponse();
    expect([final.output_text, final.status, final.usage!.output_tokens]).toEqual([
      'Hello from afar.',
      'completed',
      8,
    ]);
    const tools = [{ type: 'function' as const, name: 'weather', parameters: schema, strict: true }];
    const called = await responses.stream({ model, input: 'Hello', tools }).finalResponse();
    const call = called.output.find(({ type }) => type === 'function_call') as { call_id: string };
    expect(call).toMatchObject({ name: 'weather' });
    const output = { type: 'function_call_output' as const, call_id: call.call_id, output: '18' };
    const ended = await responses.create({
      model,
      input: [
        { role: 'user', content: 'Hello' },
        ...(called.output as OpenAI.Responses.ResponseInputItem[]),
        output,
      ],
      tools,
    });
    expect(ended.output_text).toContain('18');
    await expectBooked(provider, 4);
  });

  it('raises its own error classes', async () => {
    const fails = (status: number, stream = false) =>
      caught(
        openai().chat.completions.create({
          model,
          stream,
          messages: [{ role: 'user', content: `fail with ${status}` }],
        }),
      );
    for (const stream of [false, true]) {
      const bad = await fails(400, stream);
      expect(bad).toBeInstanceOf(OpenAI.BadRequestError);
      expect(bad.message).toContain('It says 400.');
      const busy = await fails(429, stream);
      expect(busy).toBeInstanceOf(OpenAI.RateLimitError);
      expect(busy.headers.get('retry-after')).toBe('7');
      expect(await fails(503, stream)).toBeInstanceOf(OpenAI.InternalServerError);
    }
    expect(runs).toEqual([]);
  });
});

describe.each(['openai', 'gemini'] as const)('the Anthropic client in front of %s', (provider) => {
  const { model } = PROVIDERS[provider];
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const ask = { model, max_tokens: 200, messages };
  const tools = [{ name: 'weather', input_schema: schema }];
  const textOf = ({ content }: Anthropic.Message) =>
    content.map((block) => (block.type === 'text' ? block.text : '')).join('');

  it('asks and streams', async () => {
    const answer = await anthropic().messages.create(ask);
    expect([textOf(answer), answer.stop_reason, answer.usage]).toEqual([
      'Hello from afar.',
      'end_turn',
      expect.objectContaining({ input_tokens: 40, output_tokens: 8 }),
    ]);
    const final = await anthropic().messages.stream(ask).finalMessage();
    expect([textOf(final), final.stop_reason, final.usage.output_tokens]).toEqual([
      'Hello from afar.',
      'end_turn',
      TOKENS.output,
    ]);
    await expectBooked(provider, 2);
  });

  it('calls tools, streamed too, the result of which goes back', async () => {
    for (const streams of [false, true]) {
      const request = { ...ask, tools };
      const asked = await (streams
        ? anthropic().messages.stream(request).finalMessage()
        : anthropic().messages.create(request));
      const call = asked.content.find((block) => block.type === 'tool_use')!;
      expect(call).toMatchObject({ name: 'weather', input: CITY });
      expect(asked.stop_reason).toBe('tool_use');
      const result = { type: 'tool_result' as const, tool_use_id: call.id, content: '18 degrees' };
      const end = await anthropic().messages.create({
        ...request,
        messages: [
          ...messages,
          { role: 'assistant', content: asked.content },
          { role: 'user', content: [result] },
        ],
      });
      expect(textOf(end)).toContain('18 degrees');
    }
    await expectBooked(provider, 4);
  });

  it('raises its own error classes', async () => {
    const fails = (status: number, stream = false) =>
      caught(
        anthropic().messages.create({
          ...ask,
          stream,
          messages: [{ role: 'user', content: `fail with ${status}` }],
        }),
      );
    for (const stream of [false, true]) {
      const bad = await fails(400, stream);
      expect(bad).toBeInstanceOf(Anthropic.BadRequestError);
      expect(bad.error).toMatchObject({ type: 'error', error: { type: 'invalid_request_error' } });
      expect(bad.message).toContain('It says 400.');
      const busy = await fails(429, stream);
      expect(busy).toBeInstanceOf(Anthropic.RateLimitError);
      expect(busy.error).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } });
      expect(busy.headers.get('retry-after')).toBe('7');
      expect(await fails(503, stream)).toBeInstanceOf(Anthropic.InternalServerError);
    }
    expect(runs).toEqual([]);
  });
});

describe.each(['openai', 'anthropic'] as const)('the Gemini client in front of %s', (provider) => {
  const { model } = PROVIDERS[provider];
  const config = {
    tools: [
      {
        functionDeclarations: [
          {
            name: 'weather',
            parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } } },
          },
        ],
      },
    ],
  };

  it('asks and streams', async () => {
    const { models } = google();
    const answer = await models.generateContent({ model, contents: 'Hello' });
    expect([answer.text, answer.candidates![0]!.finishReason]).toEqual(['Hello from afar.', 'STOP']);
    expect(answer.usageMetadata).toMatchObject({ promptTokenCount: 40, candidatesTokenCount: 8 });
    let text = '';
    let last;
    for await (const chunk of await models.generateContentStream({ model, contents: 'Hello' })) {
      text += chunk.text ?? '';
      last = chunk;
    }
    expect(text).toBe('Hello from afar.');
    expect(last!.usageMetadata).toMatchObject({ promptTokenCount: 40, candidatesTokenCount: 8 });
    await expectBooked(provider, 2);
  });

  it('calls tools, streamed too, the result of which goes back', async () => {
    const { models } = google();
    const streamed: unknown[] = [];
    for await (const chunk of await models.generateContentStream({ model, contents: 'Hello', config }))
      streamed.push(...(chunk.functionCalls ?? []));
    expect(streamed).toMatchObject([{ name: 'weather', args: CITY }]);
    const asked = await models.generateContent({ model, contents: 'Hello', config });
    expect(asked.functionCalls).toMatchObject([{ name: 'weather', args: CITY }]);
    const { id } = asked.functionCalls![0]!;
    const functionResponse = { ...(id ? { id } : {}), name: 'weather', response: { degrees: 18 } };
    const contents: Content[] = [
      { role: 'user', parts: [{ text: 'Hello' }] },
      asked.candidates![0]!.content!,
      { role: 'user', parts: [{ functionResponse }] },
    ];
    expect((await models.generateContent({ model, contents, config })).text).toContain('18');
    await expectBooked(provider, 3);
  });

  it('raises its own error class', async () => {
    const { models } = google();
    for (const status of [400, 429, 503]) {
      const request = { model, contents: `fail with ${status}` };
      const asks = [() => models.generateContent(request), () => models.generateContentStream(request)];
      for (const ask of asks) {
        const error = await caught(ask());
        expect(error).toBeInstanceOf(ApiError);
        expect([error.status, error.message]).toEqual([
          status,
          expect.stringContaining(`It says ${status}.`),
        ]);
      }
    }
    expect(runs).toEqual([]);
    const busy = await server.api('POST', `/v1beta/models/${model}:generateContent`, {
      contents: [{ role: 'user', parts: [{ text: 'fail with 429' }] }],
    });
    expect([busy.status, busy.headers.get('retry-after')]).toEqual([429, '7']);
    expect(busy.body.error).toMatchObject({ code: 429, status: 'RESOURCE_EXHAUSTED' });
  });
});

describe('a caller who leaves a converted stream', () => {
  const slowly = 'slowly';
  const LEAVES: Record<string, (headers: Record<string, string>) => Promise<void>> = {
    'openai client, Claude': async (headers) => {
      const stream = await openai().chat.completions.create(
        { model: 'claude-sonnet-4-5', messages: [{ role: 'user', content: slowly }], stream: true },
        { headers },
      );
      for await (const { choices } of stream) if (choices[0]?.delta.content) stream.controller.abort();
    },
    'Anthropic client, GPT': async (headers) => {
      const stream = await anthropic(headers).messages.create({
        model: 'gpt-4o-mini',
        max_tokens: 200,
        messages: [{ role: 'user', content: slowly }],
        stream: true,
      });
      for await (const event of stream) if (event.type === 'content_block_delta') stream.controller.abort();
    },
    'Gemini client, Claude': async (headers) => {
      const leaving = new AbortController();
      const stream = await google(headers).models.generateContentStream({
        model: 'claude-sonnet-4-5',
        contents: slowly,
        config: { abortSignal: leaving.signal },
      });
      await caught(
        (async () => {
          for await (const _ of stream) leaving.abort();
        })(),
      );
    },
  };

  it.each(Object.keys(LEAVES))('B08 %s: cancelled, he pays for what was written', async (name) => {
    await LEAVES[name]!({ 'x-pm-on-disconnect': 'cancel' });
    const [row] = (await rowsOf(runs.pop()!)).body.data;
    expect(row).toMatchObject({ status: 'cancelled', source: 'estimated' });
    expect(row.outputTokens).toBeLessThan(200);
    expect(row.costNanoUsd).toBeGreaterThan(0);
  });

  it.each(Object.keys(LEAVES))('B09 %s: drained, the exact usage is booked', async (name) => {
    await LEAVES[name]!({});
    const [row] = (await rowsOf(runs.pop()!)).body.data;
    expect(row).toMatchObject({
      status: 'succeeded',
      source: 'reported',
      inputTokens: TOKENS.input,
      outputTokens: TOKENS.output,
    });
  });
});

describe('a workflow', () => {
  it.each(['anthropic', 'gemini'] as const)(
    'runs a prompt node on %s at its exact cost',
    async (provider) => {
      const { model, costNanoUsd } = PROVIDERS[provider];
      const at = { x: 0, y: 0 };
      const made = await server.api('POST', '/api/workflows', {
        name: `Asks ${provider}`,
        nodes: [
          { id: 'start', kind: 'trigger', position: at, config: { on: 'api' } },
          {
            id: 'ask',
            kind: 'prompt',
            position: at,
            config: { model, system: 'Be short.', prompt: 'Greet {{ trigger.name }}', maxTokens: 200 },
          },
          {
            id: 'shape',
            kind: 'prompt',
            position: at,
            config: {
              model,
              prompt: 'Which city? {{ nodes.ask.text }}',
              responseSchema: schema,
              maxTokens: 200,
            },
          },
          { id: 'keep', kind: 'output', position: at, config: { value: '{{ nodes.shape.json }}' } },
        ],
        edges: [
          { id: 'e1', source: 'start', target: 'ask' },
          { id: 'e2', source: 'ask', target: 'shape' },
          { id: 'e3', source: 'shape', target: 'keep' },
        ],
        settings: {},
      });
      expect([made.status, made.body]).toEqual([201, expect.anything()]);
      const { executionId } = (
        await server.api('POST', `/api/workflows/${made.body.id}/trigger`, { input: { name: 'Ada' } })
      ).body;
      const { body: execution } = await eventually(
        () => server.api('GET', `/api/executions/${executionId}`),
        ({ body }) => ['completed', 'failed', 'cancelled', 'needs_review'].includes(body.status),
      );
      expect([execution.status, execution.costNanoUsd]).toEqual(['completed', 2 * costNanoUsd]);
      const outputs = (await server.api('GET', `/api/outputs?executionId=${executionId}`)).body.data;
      expect(outputs).toHaveLength(1);
      const rows = await eventually(
        () => server.api('GET', `/api/token-tracking/ledger?executionId=${executionId}`),
        ({ body }) => body.data.length === 2,
      );
      for (const row of rows.body.data)
        expect(row).toMatchObject({ provider, model, costNanoUsd, source: 'reported', executionId });
      expect(upstream.received.at(-1)!.kind).toBe<Kind>(provider === 'gemini' ? 'gemini' : 'messages');
      expect(JSON.stringify(outputs)).toContain('Köln');
    },
  );
});

describe('behind all of them', () => {
  it('every call is in the books, nothing is held, and no provider saw a key of ours', async () => {
    const { body } = await eventually(
      () => atRest(server),
      ({ body: sums }) => sums.heldNanoUsd === 0 && sums.pendingNanoUsd === 0,
    );
    expect([body.driftNanoUsd, body.heldNanoUsd]).toEqual([0, 0]);
    expect(body.ledgerNanoUsd).toBe(body.counterNanoUsd);
    expect(body.ledgerNanoUsd).toBe(body.rollupNanoUsd);
    expect(body.ledgerNanoUsd).toBeGreaterThan(0);
    expect(JSON.stringify(upstream.received)).not.toContain(server.apiKey);
    expect(server.log()).not.toMatch(/"level":"error"/);
    expect((await newestRun()).status).toBe('succeeded');
  });
});
