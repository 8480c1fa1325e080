/** The sandbox in OpenAI's responses format: the same answers as in chat, in that format's items and events. */
import { answersTo, type Choice } from './answer.ts';
import { diceOf } from './seeded.ts';
import { CREATED, failure, readyFor, slowMsOf, streamed, type SandboxDeps } from './server.ts';

type Json = Record<string, unknown>;
const objects = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((item): item is Json => typeof item === 'object' && item !== null) : [];

const invalid = (param: string, message: string) => failure(400, 'invalid_request_error', message, {}, param);

export async function answerResponses(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const chat = chatOf(body);
  if ((chat.messages as unknown[]).length === 0)
    return invalid('input', '"input" must be text or a list with at least one item.');
  if (typeof body.previous_response_id === 'string')
    return invalid('previous_response_id', 'The sandbox keeps no responses.');
  const trouble = readyFor({ ...body, messages: chat.messages }, ['max_output_tokens']);
  if (trouble) return failure(trouble.status, trouble.type, trouble.message, trouble.headers, trouble.param);
  const model = String(body.model);
  const [inputTokens, choices] = await Promise.all([
    deps.count.request(model, 'openai_responses', body),
    answersTo(chat, model, (piece) => deps.count.text(model, piece)),
  ]);
  const id = Math.floor(diceOf(JSON.stringify(body))() * 1e15).toString(36);
  const head = { id, createdAt: CREATED, model, inputTokens };
  const slowMs = slowMsOf(model);
  if (body.stream === true) {
    const events = responseEvents(head, body, choices[0]!).map(
      (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
    );
    return streamed(events, { slowMs, sleep: (ms) => deps.sleep(ms, signal) });
  }
  if (slowMs > 0) await deps.sleep(slowMs, signal);
  return Response.json(wholeResponse(head, body, choices[0]!));
}

/** The chat request that asks the same. */
function chatOf(body: Json): Json {
  const { model, input, instructions, tools, tool_choice: choice, text, max_output_tokens: maximum } = body;
  const said =
    typeof input === 'string'
      ? [{ role: 'user', content: input }]
      : objects(input).map(({ role, content, output }) => ({
          role: role ?? 'tool',
          content: content ?? output ?? '',
        }));
  const messages =
    typeof instructions === 'string' ? [{ role: 'system', content: instructions }, ...said] : said;
  const format = (text as { format?: Json } | undefined)?.format;
  const named = typeof choice === 'object' && choice !== null ? { function: choice } : choice;
  return {
    model,
    messages,
    ...(Array.isArray(tools)
      ? {
          tools: objects(tools)
            .filter(({ type }) => type === 'function')
            .map((tool) => ({ type: 'function', function: tool })),
        }
      : {}),
    ...(named === undefined ? {} : { tool_choice: named }),
    ...(format ? { response_format: { ...format, json_schema: format } } : {}),
    ...(maximum === undefined || maximum === null ? {} : { max_completion_tokens: maximum }),
  };
}

interface ResponseHead {
  /** without its prefix; items are named after it */
  id: string;
  createdAt: number;
  model: string;
  inputTokens: number;
}

/** The whole response, as it is answered in one piece and at a stream's end. */
function wholeResponse(head: ResponseHead, body: Json, choice: Choice): Json {
  const incomplete = choice.finishReason === 'length';
  return {
    ...frameOf(head, body),
    status: incomplete ? 'incomplete' : 'completed',
    incomplete_details: incomplete ? { reason: 'max_output_tokens' } : null,
    output: [itemOf(head, choice, true)],
    usage: {
      input_tokens: head.inputTokens,
      input_tokens_details: { cached_tokens: 0 },
      output_tokens: choice.tokens,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: head.inputTokens + choice.tokens,
    },
  };
}

const frameOf = ({ id, createdAt, model }: ResponseHead, body: Json): Json => ({
  id: `resp_${id}`,
  object: 'response',
  created_at: createdAt,
  status: 'in_progress',
  error: null,
  incomplete_details: null,
  instructions: body.instructions ?? null,
  max_output_tokens: body.max_output_tokens ?? null,
  model,
  output: [],
  parallel_tool_calls: true,
  service_tier: 'default',
  tool_choice: body.tool_choice ?? 'auto',
  tools: body.tools ?? [],
  metadata: body.metadata ?? {},
  usage: null,
});

const textPart = (text: string) => ({ type: 'output_text', annotations: [], logprobs: [], text });

function itemOf({ id }: ResponseHead, { content, toolCall, finishReason }: Choice, done: boolean): Json {
  const status = !done ? 'in_progress' : finishReason === 'length' ? 'incomplete' : 'completed';
  if (toolCall) {
    const { id: callId, name, arguments: args } = toolCall;
    return {
      id: `fc_${id}`,
      type: 'function_call',
      status,
      call_id: callId,
      name,
      arguments: done ? args : '',
    };
  }
  const parts = done ? [textPart(content ?? '')] : [];
  return { id: `msg_${id}`, type: 'message', status, role: 'assistant', content: parts };
}

/** The events of a stream, numbered, from response.created to response.completed (or .incomplete). */
function responseEvents(head: ResponseHead, body: Json, choice: Choice): Json[] {
  const whole = wholeResponse(head, body, choice);
  const started = frameOf(head, body);
  const done = itemOf(head, choice, true);
  const at = { item_id: done.id, output_index: 0 };
  const part = { ...at, content_index: 0 };
  const words = choice.toolCall
    ? [
        ...choice.pieces.map((delta) => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
        { type: 'response.function_call_arguments.done', ...at, arguments: choice.toolCall.arguments },
      ]
    : [
        { type: 'response.content_part.added', ...part, part: textPart('') },
        ...choice.pieces.map((delta) => ({
          type: 'response.output_text.delta',
          ...part,
          delta,
          logprobs: [],
        })),
        { type: 'response.output_text.done', ...part, text: choice.content ?? '', logprobs: [] },
        { type: 'response.content_part.done', ...part, part: textPart(choice.content ?? '') },
      ];
  return [
    { type: 'response.created', response: started },
    { type: 'response.in_progress', response: started },
    { type: 'response.output_item.added', output_index: 0, item: itemOf(head, choice, false) },
    ...words,
    { type: 'response.output_item.done', output_index: 0, item: done },
    { type: `response.${String(whole.status)}`, response: whole },
  ].map((event, index) => ({ ...event, sequence_number: index }));
}
