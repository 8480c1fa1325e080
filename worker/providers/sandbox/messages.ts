/** The sandbox as an Anthropic server: the same answers as its chat completions, in the messages wire format. */
import { answersTo, type Choice } from './answer.ts';
import { diceOf } from './seeded.ts';
import { readyFor, slowMsOf, streamed, type SandboxDeps, type Trouble } from './server.ts';

type Json = Record<string, unknown>;

const objects = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((item): item is Json => typeof item === 'object' && item !== null) : [];

/** Answers one POST /v1/messages. */
export async function answerMessages(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const trouble = readyFor(body, ['max_tokens']);
  if (trouble) return failure(trouble);
  if (body.max_tokens === undefined)
    return failure({ status: 400, type: 'invalid_request_error', message: 'max_tokens: Field required' });
  const model = String(body.model);
  const [inputTokens, [choice]] = await Promise.all([
    deps.count.request(model, 'anthropic_messages', body),
    answersTo(asChat(body), model, (piece) => deps.count.text(model, piece)),
  ]);
  const message = {
    id: `msg_${Math.floor(diceOf(JSON.stringify(body))() * 1e15).toString(36)}`,
    type: 'message',
    role: 'assistant',
    model,
  };
  const input = {
    input_tokens: inputTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: 0,
    cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 0 },
  };
  const usage = { ...input, output_tokens: choice!.tokens, service_tier: 'standard' };
  const slowMs = slowMsOf(model);
  if (body.stream === true) {
    const events = [...eventsOf(message, choice!, usage)].map(
      (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
    );
    return streamed(events, { slowMs, sleep: (ms) => deps.sleep(ms, signal) });
  }
  if (slowMs > 0) await deps.sleep(slowMs, signal);
  return Response.json({
    ...message,
    content: [blockOf(choice!)],
    stop_reason: STOP_REASONS[choice!.finishReason],
    stop_sequence: null,
    usage,
  });
}

const failure = ({ status, type, message, headers }: Trouble): Response =>
  Response.json(
    { type: 'error', error: { type: status === 404 ? 'not_found_error' : (TYPES[type] ?? type), message } },
    { status, headers: headers ?? {} },
  );
const TYPES: Record<string, string> = { server_error: 'api_error' };

/** The request as the answering half knows it. */
function asChat(body: Json): Json {
  const choice = (body.tool_choice ?? {}) as Json;
  const config = (body.output_config ?? {}) as Json;
  const format = (config.format ?? body.output_format) as Json | undefined;
  return {
    messages: [
      ...(body.system === undefined ? [] : [{ role: 'system', content: body.system }]),
      ...(body.messages as Json[]),
    ],
    max_tokens: body.max_tokens,
    tools: objects(body.tools).map(({ name, input_schema }) => ({
      function: { name, parameters: input_schema },
    })),
    tool_choice:
      choice.type === 'any'
        ? 'required'
        : choice.type === 'tool'
          ? { function: { name: choice.name } }
          : undefined,
    response_format:
      format?.type === 'json_schema'
        ? { type: 'json_schema', json_schema: { schema: format.schema } }
        : undefined,
  };
}

const STOP_REASONS: Record<Choice['finishReason'], string> = {
  stop: 'end_turn',
  length: 'max_tokens',
  tool_calls: 'tool_use',
};

function blockOf({ content, toolCall, finishReason }: Choice): Json {
  if (!toolCall) return { type: 'text', text: content ?? '', citations: null };
  // Arguments that were cut are no JSON: what there is of them cannot be shown as an object.
  const input: unknown = finishReason === 'length' ? {} : JSON.parse(toolCall.arguments);
  return { type: 'tool_use', id: toolCall.id.replace('call_', 'toolu_'), name: toolCall.name, input };
}

function* eventsOf(message: Json, choice: Choice, usage: Json): Generator<Json> {
  const block = blockOf(choice);
  const empty = choice.toolCall ? { ...block, input: {} } : { ...block, text: '' };
  yield {
    type: 'message_start',
    message: {
      ...message,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: { ...usage, output_tokens: Math.min(1, choice.tokens) },
    },
  };
  yield { type: 'content_block_start', index: 0, content_block: empty };
  yield { type: 'ping' };
  for (const piece of choice.pieces)
    yield {
      type: 'content_block_delta',
      index: 0,
      delta: choice.toolCall
        ? { type: 'input_json_delta', partial_json: piece }
        : { type: 'text_delta', text: piece },
    };
  yield { type: 'content_block_stop', index: 0 };
  yield {
    type: 'message_delta',
    delta: { stop_reason: STOP_REASONS[choice.finishReason], stop_sequence: null },
    usage: { output_tokens: choice.tokens },
  };
  yield { type: 'message_stop' };
}
