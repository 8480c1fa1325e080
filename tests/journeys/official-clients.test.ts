/**
 * The clients that people already use, with only base URL and key changed: answers, streams, tools, images, schemas, errors and leaving,
 * against a provider that talks in every wire format. What is booked is told by the last test.
 */
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { ApiError, Type, type Content } from '@google/genai';
import { APICallError, embed, embedMany, generateText, Output, stepCountIs, streamText, tool } from 'ai';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { anthropicAt, googleAt, openaiAt, startScriptedGateway } from './scripted-gateway.ts';
import type { ScriptedUpstream } from './scripted-upstream.ts';
import { eventually, type Started } from './server.ts';
import { CITY, talk, TOKENS } from './talking-upstream.ts';

let server: Started;
let upstream: ScriptedUpstream;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ server, upstream, stop } = await startScriptedGateway({ fine: talk }));
  await server.api('POST', '/api/token-tracking/budget', {
    scope: { type: 'tag', id: 'empty' },
    window: 'total',
    timeZone: 'UTC',
    limitNanoUsd: 0,
    policy: 'block',
  });
});
afterAll(() => stop());

const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
const schema = {
  type: 'object',
  properties: { city: { type: 'string' } },
  required: ['city'],
  additionalProperties: false,
};
const EMPTY = { headers: { 'x-pm-tags': 'empty' } };
const caught = (work: Promise<unknown>): Promise<any> =>
  work.then(
    () => 'no error',
    (error: unknown) => error,
  );
/** what the provider was sent last, read as JSON */
const lastBody = () => JSON.parse(upstream.received.at(-1)!.text);
/** the newest row of a model, once there is one newer than `before` */
const newestRun = async () => (await server.api('GET', '/api/runs?limit=1')).body.data[0];
async function cancelledAfter(before: string | undefined) {
  // An earlier call's row may still be on its way.
  const run = await eventually(newestRun, ({ id, status }) => id !== before && status === 'cancelled');
  expect(run.costNanoUsd).toBeGreaterThan(0);
}

describe('the openai client', () => {
  const client = (apiKey = server.apiKey) => openaiAt(server, { apiKey });
  const model = 'gpt-4o-mini';
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const weather = {
    type: 'function' as const,
    function: { name: 'weather', parameters: schema, strict: true },
  };

  it('chats, streams and calls tools, the result of which goes back', async () => {
    const { chat } = client();
    const answer = await chat.completions.create({ model, messages });
    expect(answer.choices[0]!.message.content).toBe('Hello from afar.');
    const stream = chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    expect((await stream.finalChatCompletion()).choices[0]!.message.content).toBe('Hello from afar.');
    expect(await stream.totalUsage()).toMatchObject({ prompt_tokens: TOKENS.input });
    for (const streams of [false, true]) {
      const asked = await (streams
        ? chat.completions.stream({ model, messages, tools: [weather] }).finalMessage()
        : chat.completions
            .create({ model, messages, tools: [weather] })
            .then(({ choices }) => choices[0]!.message));
      const [call] = asked.tool_calls!;
      expect(call).toMatchObject({
        id: 'call_1',
        function: { name: 'weather', arguments: JSON.stringify(CITY) },
      });
      const end = await chat.completions.create({
        model,
        tools: [weather],
        messages: [...messages, asked, { role: 'tool', tool_call_id: call!.id, content: '18 degrees' }],
      });
      expect(end.choices[0]!.message.content).toContain('18 degrees');
    }
  });

  it('sends images and schemas as they are', async () => {
    const url = `data:image/png;base64,${PNG}`;
    const seen = await client().chat.completions.create({
      model,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'What is it?' },
            { type: 'image_url', image_url: { url } },
          ],
        },
      ],
    });
    expect(seen.choices[0]!.message.content).toBe('A very small picture.');
    expect(lastBody().messages[0].content[1].image_url.url).toBe(url);
    const parsed = await client().chat.completions.parse({
      model,
      messages,
      response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
    });
    expect(JSON.parse(parsed.choices[0]!.message.content!)).toEqual(CITY);
    expect(lastBody().response_format.json_schema.schema).toEqual(schema);
  });

  it('gets responses, streamed too, with tools; and vectors', async () => {
    const { responses, embeddings } = client();
    expect((await responses.create({ model, input: 'Hello' })).output_text).toBe('Hello from afar.');
    const final = await responses.stream({ model, input: 'Hello' }).finalResponse();
    expect(final.output_text).toBe('Hello from afar.');
    const tools = [{ type: 'function' as const, name: 'weather', parameters: schema, strict: true }];
    const called = await responses.create({ model, input: 'Hello', tools });
    expect(called.output[0]).toMatchObject({ type: 'function_call', name: 'weather' });
    const output = { type: 'function_call_output' as const, call_id: 'call_1', output: '18' };
    expect(
      (
        await responses.create({
          model,
          input: [...(called.output as OpenAI.Responses.ResponseInputItem[]), output],
          tools,
        })
      ).output_text,
    ).toContain('18');
    const vectors = await embeddings.create({ model: 'text-embedding-3-small', input: ['a', 'b'] });
    expect(vectors.data.map(({ embedding }) => embedding)).toEqual([
      [0.25, -0.5],
      [0.25, -0.5],
    ]);
  });

  it('raises its own error classes', async () => {
    const fails = (status: number) =>
      caught(
        client().chat.completions.create({
          model,
          messages: [{ role: 'user', content: `fail with ${status}` }],
        }),
      );
    const create = (more: object, options?: object) =>
      caught(client().chat.completions.create({ model, messages, ...more }, options));
    expect(await caught(client('pm_forged_0123456789abcdef0123').models.list())).toBeInstanceOf(
      OpenAI.AuthenticationError,
    );
    expect(await create({}, EMPTY)).toMatchObject({ status: 402, code: 'budget_exceeded' });
    expect(await create({ model: 'gpt-99-nowhere' })).toBeInstanceOf(OpenAI.NotFoundError);
    expect(await create({ messages: [] })).toBeInstanceOf(OpenAI.UnprocessableEntityError);
    expect(await fails(400)).toBeInstanceOf(OpenAI.BadRequestError);
    expect(await fails(400)).toMatchObject({ code: 'their_code', param: 'x', type: 'their_type' });
    const busy = await fails(429);
    expect(busy).toBeInstanceOf(OpenAI.RateLimitError);
    expect(busy.headers.get('retry-after')).toBe('7');
    expect(await fails(503)).toBeInstanceOf(OpenAI.InternalServerError);
    const key = { headers: { 'idempotency-key': 'once' } };
    await create({}, key);
    expect(await create({ messages: [{ role: 'user', content: 'another' }] }, key)).toBeInstanceOf(
      OpenAI.ConflictError,
    );
  });

  it('repeats a stream under its key, which is paid once', async () => {
    const once = { headers: { 'idempotency-key': crypto.randomUUID() } };
    const ask = { model, messages: [{ role: 'user' as const, content: 'Hello' }] };
    const before = upstream.received.length;
    const answers = [];
    for (let i = 0; i < 2; i++)
      answers.push(await client().chat.completions.stream(ask, once).finalChatCompletion());
    expect(answers[0]!.choices[0]!.message.content).toBe('Hello from afar.');
    expect(answers[1]).toEqual(answers[0]);
    expect(upstream.received).toHaveLength(before + 1);
  });

  it('asks again for a stream that it lost on the way, and gets the whole of it', async () => {
    const once = { headers: { 'idempotency-key': crypto.randomUUID() } };
    const ask = { model, messages: [{ role: 'user' as const, content: 'slowly' }] };
    const before = upstream.received.length;
    const lost = await client().chat.completions.create({ ...ask, stream: true }, once);
    for await (const _ of lost) lost.controller.abort();
    const again = (): Promise<any> =>
      client()
        .chat.completions.stream(ask, once)
        .finalChatCompletion()
        .catch((error: unknown) => error);
    expect(await again()).toBeInstanceOf(OpenAI.ConflictError);
    const whole = await eventually(again, (answer) => !(answer instanceof OpenAI.ConflictError));
    expect(whole.choices[0].message.content).toBe('Hello from afar.');
    expect(upstream.received).toHaveLength(before + 1);
  });

  it('leaves in the middle', async () => {
    const before = (await newestRun()).id;
    const stream = await client().chat.completions.create(
      { model, messages: [{ role: 'user', content: 'slowly' }], stream: true },
      { headers: { 'x-pm-on-disconnect': 'cancel' } },
    );
    for await (const _ of stream) stream.controller.abort();
    await cancelledAfter(before);
  });
});

describe('the Anthropic client', () => {
  const client = (apiKey = server.apiKey) => anthropicAt(server, { apiKey });
  const model = 'claude-sonnet-4-5';
  const messages = [{ role: 'user' as const, content: 'Hello' }];
  const ask = { model, max_tokens: 200, messages };
  const weather = { name: 'weather', input_schema: schema as { type: 'object' } };
  const textOf = ({ content }: Anthropic.Message) =>
    content.map((block) => (block.type === 'text' ? block.text : '')).join('');

  it('asks, streams, counts and calls tools, the result of which goes back', async () => {
    expect(textOf(await client().messages.create(ask))).toBe('Hello from afar.');
    const final = await client().messages.stream(ask).finalMessage();
    expect([textOf(final), final.usage.output_tokens]).toEqual(['Hello from afar.', TOKENS.output]);
    expect(await client().messages.countTokens({ model, messages })).toEqual({ input_tokens: 40 });
    for (const streams of [false, true]) {
      const request = { ...ask, tools: [weather] };
      const asked = await (streams
        ? client().messages.stream(request).finalMessage()
        : client().messages.create(request));
      expect(asked.content).toMatchObject([{ type: 'tool_use', name: 'weather', input: CITY }]);
      const result = { type: 'tool_result' as const, tool_use_id: 'toolu_1', content: '18 degrees' };
      const end = await client().messages.create({
        ...request,
        messages: [
          ...messages,
          { role: 'assistant', content: asked.content },
          { role: 'user', content: [result] },
        ],
      });
      expect(textOf(end)).toContain('18 degrees');
    }
  });

  it('sends images, schemas, caching and betas as they are', async () => {
    const image = {
      type: 'image' as const,
      source: { type: 'base64' as const, media_type: 'image/png' as const, data: PNG },
    };
    const seen = await client().messages.create({
      ...ask,
      system: [{ type: 'text', text: 'Look.', cache_control: { type: 'ephemeral' } }],
      messages: [{ role: 'user', content: [image] }],
    });
    expect(textOf(seen)).toBe('A very small picture.');
    expect(lastBody()).toMatchObject({
      system: [{ cache_control: { type: 'ephemeral' } }],
      messages: [{ content: [image] }],
    });
    const shaped = await client().messages.create(
      {
        ...ask,
        output_config: { format: { type: 'json_schema', schema } },
      } as Anthropic.MessageCreateParamsNonStreaming,
      { headers: { 'anthropic-beta': 'structured-outputs-2025-11-13' } },
    );
    expect(JSON.parse(textOf(shaped))).toEqual(CITY);
    expect(upstream.received.at(-1)!.headers['anthropic-beta']).toBe('structured-outputs-2025-11-13');
  });

  it('raises its own error classes', async () => {
    const create = (more: object, options?: object) =>
      caught(client().messages.create({ ...ask, ...more }, options));
    const fails = (status: number) =>
      create({ messages: [{ role: 'user', content: `fail with ${status}` }] });
    expect(await caught(client('pm_forged_0123456789abcdef0123').messages.create(ask))).toBeInstanceOf(
      Anthropic.AuthenticationError,
    );
    expect(await create({}, EMPTY)).toMatchObject({ status: 402 });
    expect(await create({ model: 'claude-99-nowhere' })).toBeInstanceOf(Anthropic.NotFoundError);
    expect(await create({ messages: [] })).toBeInstanceOf(Anthropic.UnprocessableEntityError);
    expect(await fails(400)).toBeInstanceOf(Anthropic.BadRequestError);
    const busy = await fails(429);
    expect(busy).toBeInstanceOf(Anthropic.RateLimitError);
    expect(busy.headers.get('retry-after')).toBe('7');
    expect(await fails(529)).toMatchObject({ status: 529 });
    expect(await fails(503)).toMatchObject({ status: 503 });
  });

  it('leaves in the middle', async () => {
    const before = (await newestRun()).id;
    const stream = await client().messages.create(
      { ...ask, messages: [{ role: 'user', content: 'slowly' }], stream: true },
      { headers: { 'x-pm-on-disconnect': 'cancel' } },
    );
    for await (const event of stream) if (event.type === 'content_block_delta') stream.controller.abort();
    await cancelledAfter(before);
  });
});

describe('the Gemini client', () => {
  const client = (apiKey = server.apiKey, headers = {}) => googleAt(server, { apiKey, headers });
  const model = 'gemini-2.5-flash';
  const weather = {
    functionDeclarations: [
      { name: 'weather', parameters: { type: Type.OBJECT, properties: { city: { type: Type.STRING } } } },
    ],
  };

  it('asks, streams and calls tools, the result of which goes back', async () => {
    const { models } = client();
    expect((await models.generateContent({ model, contents: 'Hello' })).text).toBe('Hello from afar.');
    let text = '';
    for await (const chunk of await models.generateContentStream({ model, contents: 'Hello' }))
      text += chunk.text ?? '';
    expect(text).toBe('Hello from afar.');
    const asked = await models.generateContent({ model, contents: 'Hello', config: { tools: [weather] } });
    expect(asked.functionCalls).toMatchObject([{ name: 'weather', args: CITY }]);
    for await (const chunk of await models.generateContentStream({
      model,
      contents: 'Hello',
      config: { tools: [weather] },
    }))
      expect(chunk.functionCalls).toMatchObject([{ name: 'weather', args: CITY }]);
    const contents: Content[] = [
      { role: 'user', parts: [{ text: 'Hello' }] },
      asked.candidates![0]!.content!,
      { role: 'user', parts: [{ functionResponse: { name: 'weather', response: { degrees: 18 } } }] },
    ];
    expect((await models.generateContent({ model, contents, config: { tools: [weather] } })).text).toContain(
      '18',
    );
  });

  it('sends images and schemas as they are', async () => {
    const { models } = client();
    const seen = await models.generateContent({
      model,
      contents: [{ role: 'user', parts: [{ inlineData: { mimeType: 'image/png', data: PNG } }] }],
    });
    expect(seen.text).toBe('A very small picture.');
    const shaped = await models.generateContent({
      model,
      contents: 'Hello',
      config: { responseMimeType: 'application/json', responseJsonSchema: schema },
    });
    expect(JSON.parse(shaped.text!)).toEqual(CITY);
    expect(lastBody().generationConfig.responseJsonSchema).toEqual(schema);
  });

  it('raises its own error class', async () => {
    const fails = (contents: string, { models } = client()) =>
      caught(models.generateContent({ model, contents }));
    const statuses = [
      await fails('x', client('pm_forged_0123456789abcdef0123')),
      await fails('x', client(server.apiKey, EMPTY.headers)),
      await caught(client().models.generateContent({ model: 'gemini-99-nowhere', contents: 'x' })),
      await fails('fail with 400'),
      await fails('fail with 429'),
      await fails('fail with 503'),
    ];
    expect(statuses.every((error) => error instanceof ApiError)).toBe(true);
    expect(statuses.map(({ status }) => status)).toEqual([401, 402, 404, 400, 429, 503]);
  });

  it('leaves in the middle', async () => {
    const before = (await newestRun()).id;
    const leaving = new AbortController();
    const stream = await client(server.apiKey, {
      'x-pm-on-disconnect': 'cancel',
    }).models.generateContentStream({
      model,
      contents: 'slowly',
      config: { abortSignal: leaving.signal },
    });
    await caught(
      (async () => {
        for await (const _ of stream) leaving.abort();
      })(),
    );
    await cancelledAfter(before);
  });
});

describe('the ai package', () => {
  const openai = () => createOpenAI({ baseURL: `${server.url}/v1`, apiKey: server.apiKey });
  const MODELS = {
    'openai chat': () => openai().chat('gpt-4o-mini'),
    'openai responses': () => openai().responses('gpt-4o-mini'),
    anthropic: () =>
      createAnthropic({ baseURL: `${server.url}/v1`, apiKey: server.apiKey })('claude-sonnet-4-5'),
    google: () =>
      createGoogleGenerativeAI({ baseURL: `${server.url}/v1beta`, apiKey: server.apiKey })(
        'gemini-2.5-flash',
      ),
  };
  const weather = tool({
    description: 'The weather of a city',
    inputSchema: z.object({ city: z.string() }),
    execute: async ({ city }) => `18 degrees in ${city}`,
  });

  it.each(Object.entries(MODELS))(
    'with %s generates, streams, loops over tools, keeps to a schema and sees images',
    async (_, make) => {
      const model = make();
      const answer = await generateText({ model, prompt: 'Hello', maxRetries: 0 });
      expect(answer.text).toBe('Hello from afar.');
      expect(answer.usage).toMatchObject({ inputTokens: TOKENS.input, outputTokens: TOKENS.output });
      const streamed = streamText({ model, prompt: 'Hello', maxRetries: 0 });
      let text = '';
      for await (const part of streamed.textStream) text += part;
      expect(text).toBe('Hello from afar.');
      expect(await streamed.usage).toMatchObject({ inputTokens: TOKENS.input });

      const looped = await generateText({
        model,
        prompt: 'Hello',
        tools: { weather },
        stopWhen: stepCountIs(3),
        maxRetries: 0,
      });
      expect([looped.steps.length, looped.text]).toEqual([2, 'It is 18 degrees in Köln.']);
      const streamedLoop = streamText({
        model,
        prompt: 'Hello',
        tools: { weather },
        stopWhen: stepCountIs(3),
        maxRetries: 0,
      });
      expect(await streamedLoop.text).toBe('It is 18 degrees in Köln.');

      const shaped = await generateText({
        model,
        prompt: 'Hello',
        output: Output.object({ schema: z.object({ city: z.string() }) }),
        maxRetries: 0,
      });
      expect(shaped.output).toEqual(CITY);
      const seen = await generateText({
        model,
        messages: [
          {
            role: 'user',
            content: [{ type: 'file', data: `data:image/png;base64,${PNG}`, mediaType: 'image/png' }],
          },
        ],
        maxRetries: 0,
      });
      expect(seen.text).toBe('A very small picture.');
    },
  );

  it.each(Object.entries(MODELS))('with %s is told of errors by status and words', async (_, make) => {
    for (const status of [400, 429]) {
      const error = await caught(
        generateText({ model: make(), prompt: `fail with ${status}`, maxRetries: 0 }),
      );
      expect(APICallError.isInstance(error)).toBe(true);
      expect(error).toMatchObject({
        statusCode: status,
        message: expect.stringContaining(`It says ${status}.`),
      });
    }
    const refused = await caught(generateText({ model: make(), prompt: 'Hello', maxRetries: 0, ...EMPTY }));
    expect(refused).toMatchObject({ statusCode: 402, isRetryable: false });
  });

  it('embeds', async () => {
    const model = openai().embedding('text-embedding-3-small');
    expect((await embed({ model, value: 'a' })).embedding).toEqual([0.25, -0.5]);
    expect((await embedMany({ model, values: ['a', 'b'] })).embeddings).toHaveLength(2);
  });
});

describe('behind all of them', () => {
  it('every call is in the books, nothing is held, and no provider saw a key of ours', async () => {
    const { body } = await eventually(
      () => server.api('GET', '/api/token-tracking/reconcile'),
      ({ body: sums }) => sums.heldNanoUsd === 0 && sums.pendingNanoUsd === 0,
    );
    expect(body.driftNanoUsd).toBe(0);
    expect(body.ledgerNanoUsd).toBe(body.counterNanoUsd);
    expect(JSON.stringify(upstream.received)).not.toContain(server.apiKey);
    expect(server.log()).not.toMatch(/"level":"error"/);
  });
});
