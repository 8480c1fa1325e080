/**
 * A loopback provider that talks: in each wire format it calls the tool it is offered, then uses the result, keeps to a schema, sees
 * images, and fails with the status that it is told. What it sends has every field that the official clients look at.
 */
import type { ServerResponse } from 'node:http';
import type { Received, Script } from './scripted-upstream.ts';

export const CITY = { city: 'Köln' };
/** input and output tokens of every answer */
export const TOKENS = { input: 40, output: 8 };

type Reply = { tool: string; args: object } | { text: string };

function replyTo(text: string): Reply {
  const body = JSON.parse(text) as Record<string, any>;
  if (/"tool_result"|"role":"tool"|"function_call_output"|"functionResponse"/.test(text))
    return { text: 'It is 18 degrees in Köln.' };
  if (body.tools?.length) return { tool: 'weather', args: CITY };
  if (/"json_schema"|"responseSchema"|"responseJsonSchema"|"output_format"|"output_config"/.test(text))
    return { text: JSON.stringify(CITY) };
  if (/image\/png/.test(text)) return { text: 'A very small picture.' };
  return { text: 'Hello from afar.' };
}

const halves = (text: string) => [text.slice(0, 5), text.slice(5)];
const data = (value: unknown, name?: string) =>
  `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(value)}\n\n`;
const typed = (value: { type: string; [field: string]: unknown }) => data(value, value.type);

interface Wire {
  json: object;
  events: string[];
  error: (status: number) => object;
}

function chat(reply: Reply): Wire {
  const base = { id: 'chatcmpl-1', created: 1_760_000_000, model: 'gpt-4o-mini' };
  const usage = { prompt_tokens: TOKENS.input, completion_tokens: TOKENS.output, total_tokens: 48 };
  const call = 'tool' in reply && {
    id: 'call_1',
    type: 'function',
    function: { name: reply.tool, arguments: JSON.stringify(reply.args) },
  };
  const finish = call ? 'tool_calls' : 'stop';
  const message = call
    ? { role: 'assistant', content: null, refusal: null, tool_calls: [call] }
    : { role: 'assistant', content: (reply as { text: string }).text, refusal: null };
  const chunk = (delta: object, finish_reason: string | null = null) =>
    data({ ...base, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason }] });
  return {
    json: {
      ...base,
      object: 'chat.completion',
      choices: [{ index: 0, message, finish_reason: finish, logprobs: null }],
      usage,
    },
    events: [
      ...(call
        ? [chunk({ role: 'assistant', tool_calls: [{ index: 0, ...call }] })]
        : halves(message.content!).map((content) => chunk({ role: 'assistant', content }))),
      chunk({}, finish),
      data({ ...base, object: 'chat.completion.chunk', choices: [], usage }),
      'data: [DONE]\n\n',
    ],
    error: (status) => ({
      error: { message: `It says ${status}.`, type: 'their_type', param: 'x', code: 'their_code' },
    }),
  };
}

function responses(reply: Reply): Wire {
  const item =
    'tool' in reply
      ? {
          type: 'function_call',
          id: 'fc_1',
          call_id: 'call_1',
          name: reply.tool,
          arguments: JSON.stringify(reply.args),
          status: 'completed',
        }
      : {
          type: 'message',
          id: 'msg_1',
          role: 'assistant',
          status: 'completed',
          content: [{ type: 'output_text', text: reply.text, annotations: [] }],
        };
  const response = {
    id: 'resp_1',
    object: 'response',
    created_at: 1_760_000_000,
    model: 'gpt-4o-mini',
    status: 'completed',
    error: null,
    incomplete_details: null,
    output: [item],
    usage: {
      input_tokens: TOKENS.input,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: TOKENS.output,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 48,
    },
  };
  const at = { output_index: 0, item_id: item.id };
  const part = { type: 'output_text', text: '', annotations: [] };
  return {
    json: response,
    events: [
      typed({
        type: 'response.created',
        response: { ...response, status: 'in_progress', output: [], usage: null },
      }),
      typed({
        type: 'response.output_item.added',
        output_index: 0,
        item: { ...item, status: 'in_progress', ...('tool' in reply ? { arguments: '' } : { content: [] }) },
      }),
      ...('tool' in reply
        ? [
            typed({
              type: 'response.function_call_arguments.delta',
              ...at,
              delta: JSON.stringify(reply.args),
            }),
          ]
        : [
            typed({ type: 'response.content_part.added', ...at, content_index: 0, part }),
            ...halves(reply.text).map((delta) =>
              typed({ type: 'response.output_text.delta', ...at, content_index: 0, delta, logprobs: [] }),
            ),
          ]),
      typed({ type: 'response.output_item.done', output_index: 0, item }),
      typed({ type: 'response.completed', response }),
    ],
    error: chat(reply).error,
  };
}

function messages(reply: Reply): Wire {
  const block =
    'tool' in reply
      ? { type: 'tool_use', id: 'toolu_1', name: reply.tool, input: reply.args }
      : { type: 'text', text: reply.text };
  const stop = 'tool' in reply ? 'tool_use' : 'end_turn';
  const usage = { input_tokens: TOKENS.input, output_tokens: TOKENS.output };
  const message = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'claude-sonnet-4-5',
    content: [block],
    stop_reason: stop,
    stop_sequence: null,
    usage,
  };
  return {
    json: message,
    events: [
      typed({
        type: 'message_start',
        message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } },
      }),
      typed({
        type: 'content_block_start',
        index: 0,
        content_block: 'tool' in reply ? { ...block, input: {} } : { type: 'text', text: '' },
      }),
      typed({ type: 'ping' }),
      ...('tool' in reply
        ? halves(JSON.stringify(reply.args)).map((partial_json) =>
            typed({
              type: 'content_block_delta',
              index: 0,
              delta: { type: 'input_json_delta', partial_json },
            }),
          )
        : halves(reply.text).map((text) =>
            typed({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } }),
          )),
      typed({ type: 'content_block_stop', index: 0 }),
      typed({
        type: 'message_delta',
        delta: { stop_reason: stop, stop_sequence: null },
        usage: { output_tokens: TOKENS.output },
      }),
      typed({ type: 'message_stop' }),
    ],
    error: (status) => ({
      type: 'error',
      error: {
        type:
          status === 529 ? 'overloaded_error' : status === 429 ? 'rate_limit_error' : 'invalid_request_error',
        message: `It says ${status}.`,
      },
    }),
  };
}

const pieces = (text: string): string[] => text.match(/[^]{1,3}/g) ?? [text];

function gemini(reply: Reply): Wire {
  const usageMetadata = {
    promptTokenCount: TOKENS.input,
    candidatesTokenCount: TOKENS.output,
    totalTokenCount: 48,
  };
  const answer = (parts: object[], finishReason?: string) => ({
    candidates: [{ content: { role: 'model', parts }, index: 0, ...(finishReason ? { finishReason } : {}) }],
    usageMetadata,
    modelVersion: 'gemini-2.5-flash',
    responseId: 'r1',
  });
  const parts =
    'tool' in reply ? [{ functionCall: { name: reply.tool, args: reply.args } }] : [{ text: reply.text }];
  return {
    json: answer(parts, 'STOP'),
    events:
      'tool' in reply
        ? [data(answer(parts, 'STOP'))]
        : // in many pieces: that a caller left is only learnt from writing to him, and the last piece waits for its settlement
          pieces(reply.text).map((text, i, all) =>
            data(answer([{ text }], i === all.length - 1 ? 'STOP' : undefined)),
          ),
    error: (status) => ({
      error: {
        code: status,
        message: `It says ${status}.`,
        status: status === 429 ? 'RESOURCE_EXHAUSTED' : 'INVALID_ARGUMENT',
      },
    }),
  };
}

const WIRES = { chat, responses, messages, gemini };

function embeddings({ text }: Received, response: ServerResponse) {
  const { input } = JSON.parse(text) as { input: string | string[] };
  const inputs = Array.isArray(input) ? input : [input];
  response.writeHead(200, { 'content-type': 'application/json' }).end(
    JSON.stringify({
      object: 'list',
      model: 'text-embedding-3-small',
      data: inputs.map((_, index) => ({ object: 'embedding', index, embedding: [0.25, -0.5] })),
      usage: { prompt_tokens: TOKENS.input, total_tokens: TOKENS.input },
    }),
  );
}

/** The script of the talking provider. "fail with 429" in the request does; "slowly" leaves time to leave. */
export const talk: Script = async (received, response) => {
  if (received.kind === 'embeddings') return embeddings(received, response);
  if (received.url.includes('count_tokens'))
    return void response.writeHead(200, { 'content-type': 'application/json' }).end('{"input_tokens":40}');
  const wire = WIRES[received.kind](replyTo(received.text));
  const status = Number(/fail with (\d{3})/.exec(received.text)?.[1] ?? 200);
  if (status !== 200)
    return void response
      .writeHead(status, {
        'content-type': 'application/json',
        ...(status === 429 ? { 'retry-after': '7' } : {}),
      })
      .end(JSON.stringify(wire.error(status)));
  if (!received.stream)
    return void response
      .writeHead(200, { 'content-type': 'application/json' })
      .end(JSON.stringify(wire.json));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const slowly = received.text.includes('slowly');
  for (const event of wire.events) {
    response.write(event);
    if (slowly) await new Promise((later) => setTimeout(later, 700));
  }
  response.end();
};
