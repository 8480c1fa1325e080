/** Calls told to a provider in another format than the caller's: the real Worker, official clients in front, faithful providers behind. */
import { env } from 'cloudflare:workers';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import OpenAI from 'openai';
import { afterEach, describe, expect, it, vi } from 'vitest';
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
    const one = { url: request.url, headers: request.headers, body: text === '' ? {} : JSON.parse(text) };
    sent.push(one);
    return answer(one);
  });
  const models = { openai: 'gpt-4o', anthropic: 'claude-sonnet-4-5', gemini: 'gemini-2.5-flash' };
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
    openai: new OpenAI({ apiKey: key, baseURL: `${ORIGIN}/v1`, maxRetries: 0, fetch: toWorker }),
    anthropic: new Anthropic({
      apiKey: key,
      baseURL: ORIGIN,
      maxRetries: 0,
      openTelemetry: false,
      fetch: toWorker,
    }),
    google: new GoogleGenAI({ apiKey: key, httpOptions: { baseUrl: ORIGIN, fetch: toWorker } }),
  };
}

const ledger = (teamId: string, rows: number): Promise<Json[]> =>
  vi.waitFor(
    async () => {
      const { results } = await env.DB.prepare('select * from ledger where team_id = ? order by seq')
        .bind(teamId)
        .all();
      expect(results).toHaveLength(rows);
      return results as Json[];
    },
    { timeout: 10_000, interval: 50 },
  );

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
  { type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage: { output_tokens: 20 } },
  { type: 'message_stop' },
];
const claudeStream = () =>
  events(
    claudeStart,
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Let me ' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'look.' } },
    { type: 'content_block_stop', index: 0 },
    {
      type: 'content_block_start',
      index: 1,
      content_block: { type: 'tool_use', id: 'toolu_1', name: 'rate', input: {} },
    },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: '{"score"' } },
    { type: 'content_block_delta', index: 1, delta: { type: 'input_json_delta', partial_json: ':7}' } },
    { type: 'content_block_stop', index: 1 },
    ...claudeEnd('tool_use'),
  );

const schema = { type: 'object', properties: { score: { type: 'integer' } }, required: ['score'] };
const tool = { type: 'function' as const, function: { name: 'rate', parameters: schema } };

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
      choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi.' }, finish_reason: 'stop' }],
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
          { id: 'toolu_1', type: 'function', function: { name: 'rate', arguments: '{"score":7}' } },
        ],
      },
    });
    expect(usage).toMatchObject({ prompt_tokens: 140, completion_tokens: 20 });
    expect((await ledger(teamId, 1))[0]).toMatchObject({ cost_nano_usd: CLAUDE_COST, status: 'succeeded' });
  });
});
