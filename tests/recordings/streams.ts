/**
 * Streams of our own, in the shape in which each provider sends them: what the project is proved with when no recordings are at hand.
 * Every wire format is there with tools, reasoning, cache, an error in the middle, repeated beginnings or numbers, and without usage.
 */
import type { WireFormat } from '../../worker/domain/contracts/provider.ts';

export interface RecordedStream {
  name: string;
  format: WireFormat;
  provider: string;
  model: string;
  /** as the provider sent it, byte for byte */
  text: string;
  /** true = the caller asked for usage himself, so that none of it is taken out (B11) */
  asksForUsage?: boolean;
  /** what it must be booked at; null = it reports nothing, so it is estimated */
  usage: {
    inputTokens: number;
    outputTokens: number;
    cacheReadTokens?: number;
    reasoningTokens?: number;
  } | null;
  /** the words of the provider's own error, which come as an event */
  error?: string;
}

const event = (value: unknown, name?: string) =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`;
const crlf = (text: string) => text.replaceAll('\n', '\r\n');

const chat = (more: object) => ({
  id: 'c-1',
  object: 'chat.completion.chunk',
  created: 1,
  model: 'gpt-4o',
  ...more,
});
const delta = (content: object, finish: string | null = null, index = 0) =>
  event(chat({ choices: [{ index, delta: content, finish_reason: finish }] }));
const chatUsage = (usage: object) => event(chat({ choices: [], usage }));
const DONE = 'data: [DONE]\n\n';
const call = (more: object, args: string) => ({
  tool_calls: [{ index: 0, ...more, function: { arguments: args } }],
});

const CHAT: Omit<RecordedStream, 'format' | 'provider' | 'model'>[] = [
  {
    name: 'text',
    text:
      delta({ role: 'assistant', content: '' }) +
      delta({ content: 'Grüße 🎈' }) +
      delta({ content: '!' }) +
      delta({}, 'stop') +
      chatUsage({ prompt_tokens: 19, completion_tokens: 6, total_tokens: 25 }) +
      DONE,
    usage: { inputTokens: 19, outputTokens: 6 },
  },
  {
    name: 'text, whose usage the caller asked for',
    asksForUsage: true,
    text:
      delta({ content: 'Hi' }) +
      delta({}, 'stop') +
      chatUsage({ prompt_tokens: 19, completion_tokens: 1, total_tokens: 20 }) +
      DONE,
    usage: { inputTokens: 19, outputTokens: 1 },
  },
  {
    name: 'a tool call, with a cached prompt',
    text:
      delta(call({ id: 'call_1', type: 'function' }, '')) +
      delta(call({}, '{"city":')) +
      delta(call({}, '"Köln"}')) +
      delta({}, 'tool_calls') +
      chatUsage({
        prompt_tokens: 2_300,
        completion_tokens: 17,
        total_tokens: 2_317,
        prompt_tokens_details: { cached_tokens: 2_048 },
      }) +
      DONE,
    usage: { inputTokens: 2_300, outputTokens: 17, cacheReadTokens: 2_048 },
  },
  {
    name: 'reasoning, with keep-alives, line ends of two bytes and lines that nobody knows',
    text: crlf(
      ': PROCESSING\n\nretry: 3000\n\n' +
        delta({ reasoning: 'Hm, a greeting.' }) +
        ': PROCESSING\n\n' +
        'id: 7\nevent: chunk\n' +
        delta({ content: 'Hello' }) +
        delta({}, 'stop') +
        chatUsage({
          prompt_tokens: 12,
          completion_tokens: 30,
          total_tokens: 42,
          completion_tokens_details: { reasoning_tokens: 25 },
        }) +
        DONE,
    ),
    usage: { inputTokens: 12, outputTokens: 30, reasoningTokens: 25 },
  },
  {
    name: 'an error in the middle',
    text:
      delta({ content: 'Once upon' }) +
      event({ error: { message: 'The server had an error.', type: 'server_error', code: null } }),
    usage: null,
    error: 'The server had an error.',
  },
  {
    name: 'its usage twice (B12)',
    text:
      delta({ content: 'Hi' }) +
      delta({}, 'stop') +
      chatUsage({ prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 }).repeat(2) +
      DONE,
    usage: { inputTokens: 9, outputTokens: 2 },
  },
  {
    name: 'usage in every chunk, growing',
    text:
      [1, 2, 3]
        .map((n) =>
          event(
            chat({
              choices: [{ index: 0, delta: { content: 'x ' }, finish_reason: n === 3 ? 'length' : null }],
              usage: { prompt_tokens: 50, completion_tokens: n, total_tokens: 50 + n },
            }),
          ),
        )
        .join('') + DONE,
    usage: { inputTokens: 50, outputTokens: 3 },
  },
  {
    name: 'no usage (B13)',
    text: delta({ content: 'Hi there' }) + delta({}, 'stop') + DONE,
    usage: null,
  },
  {
    name: 'no usage and no end marker',
    text: delta({ content: 'Hi there' }) + delta({}, 'stop'),
    usage: null,
  },
];

const response = (status: string, more: object = {}) => ({
  id: 'resp_1',
  object: 'response',
  status,
  ...more,
});
const typed = (value: { type: string; [field: string]: unknown }) => event(value, value.type);
const created = typed({
  type: 'response.created',
  response: response('in_progress', { usage: null, output: [] }),
});
const words = (text: string) =>
  typed({ type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, delta: text });
const message = (text: string) => ({
  type: 'message',
  id: 'msg_1',
  content: [{ type: 'output_text', text }],
});
const responsesUsage = (input: number, output: number, cached = 0, reasoning = 0) => ({
  input_tokens: input,
  input_tokens_details: { cached_tokens: cached },
  output_tokens: output,
  output_tokens_details: { reasoning_tokens: reasoning },
  total_tokens: input + output,
});

const RESPONSES: typeof CHAT = [
  {
    name: 'text',
    text:
      created +
      words('Grüße') +
      words(' 🎈') +
      typed({
        type: 'response.completed',
        response: response('completed', { output: [message('Grüße 🎈')], usage: responsesUsage(15, 9) }),
      }),
    usage: { inputTokens: 15, outputTokens: 9 },
  },
  {
    name: 'reasoning and a tool call, with a cached prompt',
    text:
      created +
      typed({ type: 'response.reasoning_summary_text.delta', item_id: 'rs_1', delta: 'The user greets.' }) +
      typed({ type: 'response.function_call_arguments.delta', item_id: 'fc_1', delta: '{"city":"Köln"}' }) +
      typed({
        type: 'response.output_item.done',
        item: { type: 'function_call', id: 'fc_1', name: 'weather', arguments: '{"city":"Köln"}' },
      }) +
      typed({
        type: 'response.completed',
        response: response('completed', { output: [], usage: responsesUsage(1_500, 70, 1_024, 64) }),
      }),
    usage: { inputTokens: 1_500, outputTokens: 70, cacheReadTokens: 1_024, reasoningTokens: 64 },
  },
  {
    name: 'an answer that its limit ended',
    text:
      created +
      words('Once upon a') +
      typed({
        type: 'response.incomplete',
        response: response('incomplete', { usage: responsesUsage(11, 16) }),
      }),
    usage: { inputTokens: 11, outputTokens: 16 },
  },
  {
    name: 'a failure in the middle, without numbers',
    text:
      created +
      words('Once') +
      typed({
        type: 'response.failed',
        response: response('failed', { error: { code: 'server_error', message: 'It failed.' }, usage: null }),
      }),
    usage: null,
    error: 'It failed.',
  },
  {
    name: 'an error event in the middle',
    text:
      created + words('Once') + typed({ type: 'error', code: 'server_error', message: 'Gone.', param: null }),
    usage: null,
    error: 'Gone.',
  },
  {
    name: 'no usage (B13)',
    text:
      created + words('Hi there') + typed({ type: 'response.completed', response: response('completed') }),
    usage: null,
  },
];

const begun = (usage: object) =>
  typed({
    type: 'message_start',
    message: {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [],
      model: 'claude-sonnet-4-5',
      usage,
    },
  });
const block = (start: object, ...deltas: object[]) =>
  typed({ type: 'content_block_start', index: 0, content_block: start }) +
  deltas.map((one) => typed({ type: 'content_block_delta', index: 0, delta: one })).join('') +
  typed({ type: 'content_block_stop', index: 0 });
const says = (text: string) => block({ type: 'text', text: '' }, { type: 'text_delta', text });
const stopped = (usage: object, reason = 'end_turn') =>
  typed({ type: 'message_delta', delta: { stop_reason: reason, stop_sequence: null }, usage });
const STOP = typed({ type: 'message_stop' });

const MESSAGES: typeof CHAT = [
  {
    name: 'text, with a cached prompt',
    text:
      begun({
        input_tokens: 20,
        cache_read_input_tokens: 1_900,
        cache_creation_input_tokens: 0,
        output_tokens: 1,
      }) +
      typed({ type: 'ping' }) +
      says('Grüße 🎈') +
      stopped({ output_tokens: 12 }) +
      STOP,
    usage: { inputTokens: 1_920, outputTokens: 12, cacheReadTokens: 1_900 },
  },
  {
    name: 'thinking and a tool call',
    text:
      begun({ input_tokens: 410, output_tokens: 3 }) +
      block({ type: 'thinking', thinking: '' }, { type: 'thinking_delta', thinking: 'A city.' }) +
      block(
        { type: 'tool_use', id: 'toolu_1', name: 'weather', input: {} },
        { type: 'input_json_delta', partial_json: '{"city":' },
        { type: 'input_json_delta', partial_json: '"Köln"}' },
      ) +
      stopped({ output_tokens: 55 }, 'tool_use') +
      STOP,
    usage: { inputTokens: 410, outputTokens: 55 },
  },
  {
    name: 'its beginning twice (B12)',
    text:
      begun({ input_tokens: 30, output_tokens: 1 }).repeat(2) +
      says('Hi') +
      stopped({ input_tokens: 30, output_tokens: 4 }).repeat(2) +
      STOP,
    usage: { inputTokens: 30, outputTokens: 4 },
  },
  {
    name: 'numbers that its end corrects',
    text:
      begun({ input_tokens: 100, cache_creation_input_tokens: 50, output_tokens: 1 }) +
      says('Hi') +
      stopped({ input_tokens: 120, cache_creation_input_tokens: 40, output_tokens: 8 }) +
      STOP,
    usage: { inputTokens: 160, outputTokens: 8 },
  },
  {
    name: 'an error in the middle',
    text:
      begun({ input_tokens: 30, output_tokens: 1 }) +
      says('Once') +
      typed({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } }),
    usage: null,
    error: 'Overloaded',
  },
  {
    name: 'no usage (B13)',
    text:
      begun({}) +
      says('Hi there') +
      typed({ type: 'message_delta', delta: { stop_reason: 'end_turn' } }) +
      STOP,
    usage: null,
  },
];

const part = (parts: object[], usage: object | null, finish?: string) =>
  event({
    candidates: [
      { content: { role: 'model', parts }, index: 0, ...(finish ? { finishReason: finish } : {}) },
    ],
    ...(usage ? { usageMetadata: usage } : {}),
    modelVersion: 'gemini-2.5-flash',
  });
const counted = (prompt: number, candidates: number, thoughts: number) => ({
  promptTokenCount: prompt,
  candidatesTokenCount: candidates,
  thoughtsTokenCount: thoughts,
  totalTokenCount: prompt + candidates + thoughts,
});

const GEMINI: typeof CHAT = [
  {
    name: 'text and thinking, with line ends of two bytes',
    text: crlf(
      part([{ text: 'A greeting.', thought: true }], counted(14, 0, 20)) +
        part([{ text: 'Grüße ' }], counted(14, 2, 31)) +
        part([{ text: '🎈' }], counted(14, 5, 31), 'STOP'),
    ),
    usage: { inputTokens: 14, outputTokens: 36, reasoningTokens: 31 },
  },
  {
    name: 'a tool call, with a cached prompt',
    text:
      part([{ functionCall: { name: 'weather', args: { city: 'Köln' } } }], {
        ...counted(2_500, 9, 0),
        cachedContentTokenCount: 2_048,
      }) + part([{ text: '' }], { ...counted(2_500, 11, 0), cachedContentTokenCount: 2_048 }, 'STOP'),
    usage: { inputTokens: 2_500, outputTokens: 11, cacheReadTokens: 2_048 },
  },
  {
    name: 'its last numbers twice (B12)',
    text:
      part([{ text: 'Hi' }], counted(8, 1, 0)) + part([{ text: '!' }], counted(8, 2, 0), 'STOP').repeat(2),
    usage: { inputTokens: 8, outputTokens: 2 },
  },
  {
    name: 'a prompt that is refused',
    text: event({
      promptFeedback: { blockReason: 'SAFETY' },
      usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 },
    }),
    usage: { inputTokens: 9, outputTokens: 0 },
  },
  {
    name: 'an error in the middle',
    text:
      part([{ text: 'Once' }], null) +
      event({ error: { code: 503, message: 'The model is overloaded.', status: 'UNAVAILABLE' } }),
    usage: null,
    error: 'The model is overloaded.',
  },
  {
    name: 'no usage (B13)',
    text: part([{ text: 'Hi ' }], null) + part([{ text: 'there' }], null, 'STOP'),
    usage: null,
  },
];

export const OWN_STREAMS: readonly RecordedStream[] = [
  ...CHAT.map((one) => ({ ...one, format: 'openai_chat' as const, provider: 'openai', model: 'gpt-4o' })),
  ...RESPONSES.map((one) => ({
    ...one,
    format: 'openai_responses' as const,
    provider: 'openai',
    model: 'gpt-5',
  })),
  ...MESSAGES.map((one) => ({
    ...one,
    format: 'anthropic_messages' as const,
    provider: 'anthropic',
    model: 'claude-sonnet-4-5',
  })),
  ...GEMINI.map((one) => ({
    ...one,
    format: 'gemini_generate' as const,
    provider: 'gemini',
    model: 'gemini-2.5-flash',
  })),
];
