/** Calls told to a provider in another format than the caller's: the real Worker, official clients in front, faithful providers behind. */
import { env } from 'cloudflare:workers';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ledger } from '../../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';
import { saveConnection } from '../../store/connections.ts';

type Json = Record<string, any>;
interface Sent {
  url: string;
  headers: Headers;
  body: Json;
}

let sent: Sent[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  sent = [];
});

const toWorker = (url: unknown, init: unknown) =>
  anonymous(String(url).replace(ORIGIN, ''), init as RequestInit);

/** A team connected to one provider, whose answers `answer` decides in place of the network, and clients of all makers. */
async function team(provider: 'openai' | 'anthropic' | 'gemini', answer: (sent: Sent) => Response) {
  const { teamId } = await makeTeam();
  const { key, fetch } = await makeKey(teamId, 'admin');
  vi.spyOn(globalThis, 'fetch').mockImplementation(async (input, init) => {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const text = await request.text();
    const one = {
      url: request.url,
      headers: request.headers,
      body: text === '' ? {} : JSON.parse(text),
    };
    sent.push(one);
    return answer(one);
  });
  const models = {
    openai: 'gpt-4o',
    anthropic: 'claude-sonnet-4-5',
    gemini: 'gemini-2.5-flash',
  };
  await saveConnection(services(env), {
    teamId,
    provider,
    name: 'default',
    apiKey: 'key-0123456789',
    baseUrl: 'https://provider.example.com',
    models: [models[provider]],
  });
  return {
    teamId,
    fetch,
    openai: new OpenAI({
      apiKey: key,
      baseURL: `${ORIGIN}/v1`,
      maxRetries: 0,
      fetch: toWorker,
    }),
    anthropic: new Anthropic({
      apiKey: key,
      baseURL: ORIGIN,
      maxRetries: 0,
      openTelemetry: false,
      fetch: toWorker,
    }),
    google: new GoogleGenAI({
      apiKey: key,
      httpOptions: { baseUrl: ORIGIN, fetch: toWorker },
    }),
  };
}

const CLAUDE_USAGE = {
  input_tokens: 100,
  cache_read_input_tokens: 40,
  cache_creation_input_tokens: 0,
  output_tokens: 20,
};
/** claude-sonnet-4-5: $3 in, $0.30 cached, $15 out per 1M tokens. */
const CLAUDE_COST = 100 * 3_000 + 40 * 300 + 20 * 15_000;
const claude = (content: object[], stop_reason = 'end_turn') =>
  Response.json({
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    content,
    stop_reason,
    stop_sequence: null,
    usage: CLAUDE_USAGE,
  });
const events = (...list: Json[]) =>
  new Response(list.map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  });
const claudeStart: Json = {
  type: 'message_start',
  message: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5-20250929',
    content: [],
    stop_reason: null,
    stop_sequence: null,
    usage: { ...CLAUDE_USAGE, output_tokens: 1 },
  },
};
const claudeEnd = (stop_reason: string): Json[] => [
  {
    type: 'message_delta',
    delta: { stop_reason, stop_sequence: null },
    usage: { output_tokens: 20 },
  },
  { type: 'message_stop' },
];
const claudeStream = () =>
  events(
    claudeStart,
    {
      type: 'content_block_start',
      index: 0,
      content_block: { type: 'text', text: '' },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: 'Let me ' },
    },
    {
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: 'look.' },
    },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'content_block_start',
      index: 1,
      content_block: {
        type: 'tool_use',
        id: 'toolu_1',
        name: 'rate',
        input: {},
      },
    },
    {
      type: 'content_block_delta',
      index: 1,
      delta: { type: 'input_json_delta', partial_json: '{"score"' },
    },
    {
      type: 'content_block_delta',
      index: 1,
      delta: { type: 'input_json_delta', partial_json: ':7}' },
    },
    { type: 'content_block_stop', index: 1 },
    ...claudeEnd('tool_use'),
  );

const schema = {
  type: 'object',
  properties: { score: { type: 'integer' } },
  required: ['score'],
};
const tool = {
  type: 'function' as const,
  function: { name: 'rate', parameters: schema },
};

describe('the openai client, asking a Claude', () => {
  it('is answered, and what is booked is what Anthropic reported', async () => {
    const { openai, teamId } = await team('anthropic', () => claude([{ type: 'text', text: 'Grüezi.' }]));
    const { data, response } = await openai.chat.completions
      .create({
        model: 'claude-sonnet-4-5',
        messages: [
          { role: 'system', content: 'Be brief.' },
          { role: 'user', content: 'How do we greet?' },
        ],
        temperature: 0.2,
        stop: ['END'],
      })
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'claude-sonnet-4-5-20250929',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Grüezi.' },
          finish_reason: 'stop',
        },
      ],
      usage: {
        prompt_tokens: 140,
        completion_tokens: 20,
        total_tokens: 160,
        prompt_tokens_details: { cached_tokens: 40 },
      },
    });
    expect(sent).toMatchObject([
      {
        url: 'https://provider.example.com/v1/messages',
        body: {
          model: 'claude-sonnet-4-5',
          max_tokens: 8192,
          system: 'Be brief.',
          messages: [{ role: 'user', content: 'How do we greet?' }],
          temperature: 0.2,
          stop_sequences: ['END'],
        },
      },
    ]);
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe(String(CLAUDE_COST));
    const [row] = await ledger(teamId, 1);
    expect(row).toMatchObject({
      provider: 'anthropic',
      model: 'claude-sonnet-4-5',
      source: 'reported',
      input_tokens: 140,
      cache_read_tokens: 40,
      output_tokens: 20,
      cost_nano_usd: CLAUDE_COST,
    });
    expect(JSON.parse(row!.raw_usage)).toMatchObject(CLAUDE_USAGE);
  });

  it('streams text and a tool call, with the usage it asked for', async () => {
    const { openai, teamId } = await team('anthropic', claudeStream);
    const stream = openai.chat.completions.stream({
      model: 'claude-sonnet-4-5',
      messages: [{ role: 'user', content: 'Rate it.' }],
      tools: [tool],
      stream_options: { include_usage: true },
    });
    const { choices, usage } = await stream.finalChatCompletion();
    expect(choices[0]).toMatchObject({
      finish_reason: 'tool_calls',
      message: {
        content: 'Let me look.',
        tool_calls: [
          {
            id: 'toolu_1',
            type: 'function',
            function: { name: 'rate', arguments: '{"score":7}' },
          },
        ],
      },
    });
    expect(usage).toMatchObject({ prompt_tokens: 140, completion_tokens: 20 });
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      cost_nano_usd: CLAUDE_COST,
      status: 'succeeded',
    });
  });

  it('is told a refusal of Anthropic in OpenAI’s envelope, with its words and status', async () => {
    const { openai, teamId } = await team('anthropic', () =>
      Response.json(
        {
          type: 'error',
          error: { type: 'overloaded_error', message: 'Overloaded' },
        },
        { status: 529 },
      ),
    );
    const error = await openai.chat.completions
      .create({
        model: 'claude-sonnet-4-5',
        messages: [{ role: 'user', content: 'x' }],
      })
      .catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(OpenAI.APIError);
    expect(error).toMatchObject({
      status: 529,
      type: 'provider_error',
      message: expect.stringContaining('Overloaded'),
    });
    expect(await ledger(teamId, 0)).toEqual([]);
  });

  it('is refused what cannot be said, before anything is sent', async () => {
    const { openai } = await team('anthropic', () => claude([]));
    const ask = openai.chat.completions.create({
      model: 'claude-sonnet-4-5',
      messages: [{ role: 'user', content: 'x' }],
      logprobs: true,
      n: 2,
    });
    await expect(ask).rejects.toMatchObject({
      status: 422,
      code: 'invalid',
      param: 'logprobs',
    });
    expect(sent).toEqual([]);
  });

  it('is told of a stream that fails half way by an error event of its own format, and pays for what came', async () => {
    const { openai, teamId } = await team('anthropic', () =>
      events(
        claudeStart,
        {
          type: 'content_block_start',
          index: 0,
          content_block: { type: 'text', text: '' },
        },
        {
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'text_delta', text: 'Half an answer' },
        },
        {
          type: 'error',
          error: { type: 'overloaded_error', message: 'Overloaded' },
        },
      ),
    );
    const stream = await openai.chat.completions.create({
      model: 'claude-sonnet-4-5',
      messages: [{ role: 'user', content: 'x' }],
      stream: true,
    });
    let text = '';
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    };
    await expect(read()).rejects.toThrow('Overloaded');
    expect(text).toBe('Half an answer');
    const [row] = await ledger(teamId, 1);
    expect(row).toMatchObject({ status: 'failed' });
    expect(row!.cost_nano_usd).toBeGreaterThan(0);
  });
});

const chunkOf = (parts: object[], more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts }, index: 0, ...more }],
  usageMetadata: {
    promptTokenCount: 20,
    candidatesTokenCount: 10,
    thoughtsTokenCount: 30,
    totalTokenCount: 60,
  },
  modelVersion: 'gemini-2.5-flash',
  responseId: 'g1',
});
const GEMINI_COST = 20 * 300 + 40 * 2_500;

describe('the clients of other makers, asking a Gemini', () => {
  it('OpenAI’s responses: a stream with thoughts, words and a call', async () => {
    const { openai, teamId } = await team(
      'gemini',
      () =>
        new Response(
          [
            chunkOf([{ text: 'Hm. ', thought: true }]),
            chunkOf([{ text: 'I rate ' }]),
            chunkOf(
              [
                { text: 'it.' },
                {
                  functionCall: { name: 'rate', args: { score: 7 } },
                  thoughtSignature: 'c2ln',
                },
              ],
              {
                finishReason: 'STOP',
              },
            ),
          ]
            .map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`)
            .join(''),
          { headers: { 'content-type': 'text/event-stream' } },
        ),
    );
    const response = await openai.responses
      .stream({
        model: 'gemini-2.5-flash',
        input: 'Rate it.',
        reasoning: { effort: 'low', summary: 'auto' },
        tools: [{ type: 'function', name: 'rate', parameters: schema, strict: false }],
      })
      .finalResponse();
    expect(response).toMatchObject({
      status: 'completed',
      output_text: 'I rate it.',
      usage: {
        input_tokens: 20,
        output_tokens: 40,
        output_tokens_details: { reasoning_tokens: 30 },
      },
    });
    expect(response.output.map(({ type }) => type)).toEqual([
      'reasoning',
      'message',
      'reasoning',
      'function_call',
    ]);
    expect(sent[0]).toMatchObject({
      url: 'https://provider.example.com/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse',
      body: {
        generationConfig: {
          thinkingConfig: { thinkingBudget: 1_024, includeThoughts: true },
        },
      },
    });
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      cost_nano_usd: GEMINI_COST,
      reasoning_tokens: 30,
    });

    // The next round, as a client without memory sends it: the proof of the thoughts is on its call again.
    await openai.responses
      .create({
        model: 'gemini-2.5-flash',
        input: [
          { role: 'user', content: 'Rate it.' },
          ...(response.output as never[]),
          {
            type: 'function_call_output',
            call_id: (response.output.at(-1) as { call_id: string }).call_id,
            output: 'ok',
          },
        ],
        stream: true,
      })
      .then(async (stream) => {
        for await (const _ of stream);
      });
    expect(sent[1]!.body.contents[1].parts.at(-1)).toMatchObject({
      functionCall: { name: 'rate', args: { score: 7 } },
      thoughtSignature: 'c2ln',
    });
    expect(sent[1]!.body.contents[2].parts).toMatchObject([
      { functionResponse: { name: 'rate', response: { output: 'ok' } } },
    ]);
  });

  it('Anthropic’s: a whole message with a tool call', async () => {
    const { anthropic, teamId } = await team('gemini', () =>
      Response.json(
        chunkOf([{ functionCall: { name: 'rate', args: { score: 7 } } }], {
          finishReason: 'STOP',
        }),
      ),
    );
    const message = await anthropic.messages.create({
      model: 'gemini-2.5-flash',
      max_tokens: 50,
      messages: [{ role: 'user', content: 'Rate it.' }],
      tools: [{ name: 'rate', input_schema: schema as never }],
      tool_choice: { type: 'any' },
    });
    expect(message).toMatchObject({
      type: 'message',
      stop_reason: 'tool_use',
      content: [{ type: 'tool_use', name: 'rate', input: { score: 7 } }],
      usage: { input_tokens: 20, output_tokens: 40 },
    });
    expect(sent[0]!.body).toMatchObject({
      toolConfig: { functionCallingConfig: { mode: 'ANY' } },
      generationConfig: { maxOutputTokens: 50 },
    });
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      cost_nano_usd: GEMINI_COST,
    });
    // No counter of its own in this format: estimated, and said so.
    const counted = await anthropic.messages
      .countTokens({
        model: 'gemini-2.5-flash',
        messages: [{ role: 'user', content: 'Rate it.' }],
      })
      .withResponse();
    expect(counted.data.input_tokens).toBeGreaterThan(0);
    expect(counted.response.headers.get('x-pm-count-source')).toBe('estimate');
  });
});

const openaiStream = () =>
  new Response(
    [
      {
        choices: [
          {
            index: 0,
            delta: { role: 'assistant', content: 'Let me ' },
            finish_reason: null,
          },
        ],
      },
      {
        choices: [{ index: 0, delta: { content: 'look.' }, finish_reason: null }],
      },
      {
        choices: [
          {
            index: 0,
            delta: {
              tool_calls: [
                {
                  index: 0,
                  id: 'call_1',
                  type: 'function',
                  function: { name: 'rate', arguments: '' },
                },
              ],
            },
            finish_reason: null,
          },
        ],
      },
      {
        choices: [
          {
            index: 0,
            delta: {
              tool_calls: [{ index: 0, function: { arguments: '{"score":7}' } }],
            },
            finish_reason: null,
          },
        ],
      },
      { choices: [{ index: 0, delta: {}, finish_reason: 'tool_calls' }] },
      {
        choices: [],
        usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 },
      },
    ]
      .map(
        (chunk) =>
          `data: ${JSON.stringify({ id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'gpt-4o-2024-08-06', ...chunk })}\n\n`,
      )
      .join('') + 'data: [DONE]\n\n',
    { headers: { 'content-type': 'text/event-stream' } },
  );
/** gpt-4o: $2.50 in, $10 out per 1M tokens. */
const GPT_COST = 20 * 2_500 + 10 * 10_000;

describe('the clients of other makers, asking a GPT', () => {
  it('Anthropic’s: a stream with a tool call', async () => {
    const { anthropic, teamId } = await team('openai', openaiStream);
    const message = await anthropic.messages
      .stream({
        model: 'gpt-4o',
        max_tokens: 50,
        system: 'Be brief.',
        messages: [{ role: 'user', content: 'Rate it.' }],
        tools: [{ name: 'rate', input_schema: schema as never }],
      })
      .finalMessage();
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      content: [
        { type: 'text', text: 'Let me look.' },
        { type: 'tool_use', id: 'call_1', name: 'rate', input: { score: 7 } },
      ],
      usage: { input_tokens: 20, output_tokens: 10 },
    });
    expect(sent[0]).toMatchObject({
      url: 'https://provider.example.com/chat/completions',
      body: {
        stream: true,
        stream_options: { include_usage: true },
        max_tokens: 50,
      },
    });
    expect(sent[0]!.headers.get('anthropic-version')).toBeNull();
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      cost_nano_usd: GPT_COST,
      source: 'reported',
    });
  });

  it('Google’s: a stream with a function call', async () => {
    const { google, teamId } = await team('openai', openaiStream);
    const stream = await google.models.generateContentStream({
      model: 'gpt-4o',
      contents: 'Rate it.',
      config: {
        tools: [
          {
            functionDeclarations: [{ name: 'rate', parametersJsonSchema: schema }],
          },
        ],
      },
    });
    let text = '';
    const calls: unknown[] = [];
    let last: Json = {};
    for await (const chunk of stream) {
      text += chunk.candidates?.[0]?.content?.parts?.map((part) => part.text ?? '').join('') ?? '';
      calls.push(...(chunk.functionCalls ?? []));
      last = chunk;
    }
    expect(text).toBe('Let me look.');
    expect(calls).toMatchObject([{ name: 'rate', args: { score: 7 } }]);
    expect(last.usageMetadata).toMatchObject({
      promptTokenCount: 20,
      candidatesTokenCount: 10,
    });
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      cost_nano_usd: GPT_COST,
    });
  });

  it('all find it in their lists, in their own shapes', async () => {
    const { openai, anthropic, google } = await team('openai', openaiStream);
    const ids: string[] = [];
    for await (const { id } of anthropic.models.list()) ids.push(id);
    expect(ids).toContain('gpt-4o');
    expect(await anthropic.models.retrieve('gpt-4o')).toMatchObject({
      type: 'model',
      id: 'gpt-4o',
    });
    await expect(anthropic.models.retrieve('none')).rejects.toBeInstanceOf(Anthropic.NotFoundError);
    expect((await openai.models.list()).data.map(({ id }) => id)).toContain('gpt-4o');
    const names: unknown[] = [];
    for await (const { name } of await google.models.list()) names.push(name);
    expect(names).toContain('models/gpt-4o');
  });
});

describe('a prompt run', () => {
  it('reaches a Claude, whole and as a stream', async () => {
    const { fetch, teamId } = await team('anthropic', ({ body }) =>
      body.stream
        ? events(
            claudeStart,
            {
              type: 'content_block_start',
              index: 0,
              content_block: { type: 'text', text: '' },
            },
            {
              type: 'content_block_delta',
              index: 0,
              delta: { type: 'text_delta', text: 'Grüezi, ' },
            },
            {
              type: 'content_block_delta',
              index: 0,
              delta: { type: 'text_delta', text: 'Ada.' },
            },
            { type: 'content_block_stop', index: 0 },
            ...claudeEnd('end_turn'),
          )
        : claude([{ type: 'text', text: 'Grüezi, Ada.' }]),
    );
    const asked = { teamId, tags: [] };
    const run = await services(env).runPrompt({
      runId: services(env).newId('run'),
      attempt: 1,
      subject: asked,
      model: 'claude-sonnet-4-5',
      prompt: 'Greet Ada.',
    });
    expect(run).toMatchObject({
      ok: true,
      value: { text: 'Grüezi, Ada.', costNanoUsd: CLAUDE_COST },
    });
    const stream = await services(env).streamPrompt({
      runId: services(env).newId('run'),
      attempt: 1,
      subject: asked,
      model: 'claude-sonnet-4-5',
      prompt: 'Greet Ada.',
    });
    if (!stream.ok) throw new Error(stream.error.reason);
    let text = '';
    for await (const delta of stream.value.deltas) text += delta;
    expect(text).toBe('Grüezi, Ada.');
    expect(await stream.value.done).toMatchObject({
      ok: true,
      value: { text, costNanoUsd: CLAUDE_COST },
    });
    expect(fetch).toBeTypeOf('function');
  });
});
