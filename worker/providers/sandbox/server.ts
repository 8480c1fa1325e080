/**
 * The sandbox: a server of OpenAI's formats that lives in a function. It is spoken to in real HTTP requests and answers with real
 * JSON and event streams, so that everything before it (transport, parser, accounting) is the same code as for a provider far away.
 */
import type { TokenCounts } from '../../domain/contracts/provider.ts';
import { answersTo, type Choice } from './answer.ts';
import { base64Of, dimensionsOf, inputsOf, MOST_DIMENSIONS, vectorOf } from './embeddings.ts';
import { chatOf, responseEvents, wholeResponse } from './responses.ts';
import { diceOf } from './seeded.ts';

type Json = Record<string, unknown>;

export const SANDBOX_MODELS = [
  'sandbox-large',
  'sandbox-small',
  'sandbox-slow',
  'sandbox-flaky',
  'sandbox-429',
  'sandbox-500',
] as const;

/** How long sandbox-slow takes. */
export const SLOW_MS = 5_000;
const FLAKY_FAILURES = 2;
/** a fixed date, so that equal requests give equal bytes */
const CREATED = 1_767_225_600;

export interface SandboxDeps {
  count: TokenCounts;
  sleep(ms: number, signal?: AbortSignal | null): Promise<void>;
}

/** Failures so far of the requests that sandbox-flaky has not answered yet; forgotten oldest first. */
const failuresSoFar = new Map<string, number>();

/** A `fetch` whose every address is the sandbox. */
export function sandboxFetch(deps: SandboxDeps): typeof fetch {
  return async function fetchSandbox(input, init) {
    const request = new Request(input as RequestInfo, init as RequestInit);
    const path = new URL(request.url).pathname;
    if (request.method === 'GET' && path.endsWith('/models')) {
      return Response.json({
        object: 'list',
        data: SANDBOX_MODELS.map((id) => ({ id, object: 'model', created: CREATED, owned_by: 'sandbox' })),
      });
    }
    if (request.method === 'POST' && path.endsWith('/chat/completions')) {
      return complete((await request.json()) as Json, deps, init?.signal);
    }
    if (request.method === 'POST' && path.endsWith('/responses')) {
      return respond((await request.json()) as Json, deps, init?.signal);
    }
    if (request.method === 'POST' && path.endsWith('/embeddings')) {
      return embed((await request.json()) as Json, deps, init?.signal);
    }
    return failure(404, 'invalid_request_error', `There is no ${request.method} ${path}.`);
  };
}

const failure = (
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
  param?: string,
) => Response.json({ error: { message, type, param: param ?? null, code: null } }, { status, headers });

const invalid = (param: string, message: string) => failure(400, 'invalid_request_error', message, {}, param);

/** What the model is asked to do instead of answering; null when it answers. */
function modelsFailure(body: Json): Response | null {
  const model = String(body.model);
  if (!(SANDBOX_MODELS as readonly string[]).includes(model))
    return failure(404, 'invalid_request_error', `The model "${model}" does not exist.`, {}, 'model');
  if (model === 'sandbox-429')
    return failure(429, 'rate_limit_error', 'The sandbox is asked to be busy. Try again in 2 s.', {
      'retry-after': '2',
    });
  if (model === 'sandbox-500') return failure(500, 'server_error', 'The sandbox is asked to fail.');
  if (model === 'sandbox-flaky' && failsStill(JSON.stringify(body)))
    return failure(503, 'server_error', 'The sandbox fails twice before it answers.');
  return null;
}

function wrongCount(body: Json, names: readonly string[]): Response | null {
  const wrong = names.find(
    (name) => !Number.isSafeInteger(body[name] ?? 1) || ((body[name] ?? 1) as number) < 1,
  );
  return wrong === undefined ? null : invalid(wrong, `"${wrong}" must be a whole number from 1.`);
}

const slownessOf = (body: Json): number => (body.model === 'sandbox-slow' ? SLOW_MS : 0);
const idOf = (body: Json): string => Math.floor(diceOf(JSON.stringify(body))() * 1e15).toString(36);

async function respond(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const chat = chatOf(body);
  if ((chat.messages as unknown[]).length === 0)
    return invalid('input', '"input" must be text or a list with at least one item.');
  if (typeof body.previous_response_id === 'string')
    return invalid('previous_response_id', 'The sandbox keeps no responses.');
  const failed = wrongCount(body, ['max_output_tokens']) ?? modelsFailure(body);
  if (failed) return failed;
  const model = String(body.model);
  const [inputTokens, choices] = await Promise.all([
    deps.count.request(model, 'openai_responses', body),
    answersTo(chat, model, (piece) => deps.count.text(model, piece)),
  ]);
  const head = { id: idOf(body), createdAt: CREATED, model, inputTokens };
  const slowMs = slownessOf(body);
  if (body.stream === true) {
    const frames = responseEvents(head, body, choices[0]!).map(
      (event) => `event: ${String(event.type)}\ndata: ${JSON.stringify(event)}\n\n`,
    );
    return streamed(frames, { slowMs, sleep: (ms) => deps.sleep(ms, signal) });
  }
  if (slowMs > 0) await deps.sleep(slowMs, signal);
  return Response.json(wholeResponse(head, body, choices[0]!));
}

async function embed(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const inputs = inputsOf(body.input);
  if (!inputs)
    return invalid('input', '"input" must be text, tokens, or a list of up to 2048 of them, none empty.');
  const dimensions = dimensionsOf(body.dimensions);
  if (dimensions === null) return invalid('dimensions', `"dimensions" must be from 8 to ${MOST_DIMENSIONS}.`);
  const failed = modelsFailure(body);
  if (failed) return failed;
  const model = String(body.model);
  const tokens = await deps.count.request(model, 'openai_embeddings', body);
  if (slownessOf(body) > 0) await deps.sleep(slownessOf(body), signal);
  const data = inputs.map((input, index) => {
    const vector = vectorOf(model, input, dimensions);
    const embedding = body.encoding_format === 'base64' ? base64Of(vector) : vector;
    return { object: 'embedding', index, embedding };
  });
  return Response.json({
    object: 'list',
    data,
    model,
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  });
}

async function complete(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    return invalid('messages', '"messages" must be a list with at least one message.');
  const failed = wrongCount(body, ['max_tokens', 'max_completion_tokens', 'n']) ?? modelsFailure(body);
  if (failed) return failed;
  const model = String(body.model);
  const [promptTokens, choices] = await Promise.all([
    deps.count.request(model, 'openai_chat', body),
    answersTo(body, model, (piece) => deps.count.text(model, piece)),
  ]);
  const completionTokens = choices.reduce((sum, choice) => sum + choice.tokens, 0);
  const head = { id: `chatcmpl-${idOf(body)}`, created: CREATED, model };
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
  const slowMs = slownessOf(body);
  if (body.stream === true) {
    const asked =
      (body.stream_options as { include_usage?: unknown } | null | undefined)?.include_usage === true;
    const events = [...chunks(head, choices, asked), ...(asked ? [{ ...chunk(head, []), usage }] : [])];
    const frames = [...events.map((event) => JSON.stringify(event)), '[DONE]'].map(
      (data) => `data: ${data}\n\n`,
    );
    return streamed(frames, { slowMs, sleep: (ms) => deps.sleep(ms, signal) });
  }
  if (slowMs > 0) await deps.sleep(slowMs, signal);
  return Response.json({ ...head, object: 'chat.completion', choices: choices.map(whole), usage });
}

function failsStill(request: string): boolean {
  const before = failuresSoFar.get(request) ?? 0;
  failuresSoFar.delete(request);
  if (before >= FLAKY_FAILURES) return false;
  failuresSoFar.set(request, before + 1);
  if (failuresSoFar.size > 1000) failuresSoFar.delete(failuresSoFar.keys().next().value!);
  return true;
}

const callOf = ({ id, name, arguments: args }: NonNullable<Choice['toolCall']>) => ({
  id,
  type: 'function',
  function: { name, arguments: args },
});

const whole = (choice: Choice, index: number) => ({
  index,
  message: {
    role: 'assistant',
    content: choice.content,
    refusal: null,
    ...(choice.toolCall ? { tool_calls: [callOf(choice.toolCall)] } : {}),
  },
  logprobs: null,
  finish_reason: choice.finishReason,
});

const chunk = (head: Json, choices: Json[]) => ({ ...head, object: 'chat.completion.chunk', choices });

function* chunks(head: Json, choices: Choice[], usageAsked: boolean): Generator<Json> {
  const nothing = usageAsked ? { usage: null } : {};
  const part = (index: number, delta: Json, finish: string | null = null) => ({
    ...chunk(head, [{ index, delta, logprobs: null, finish_reason: finish }]),
    ...nothing,
  });
  for (const [index, choice] of choices.entries()) {
    yield part(index, { role: 'assistant', content: choice.toolCall ? null : '' });
    for (const [i, piece] of choice.pieces.entries()) {
      if (!choice.toolCall) yield part(index, { content: piece });
      else if (i === 0)
        yield part(index, {
          tool_calls: [{ index: 0, ...callOf({ ...choice.toolCall, arguments: piece }) }],
        });
      else yield part(index, { tool_calls: [{ index: 0, function: { arguments: piece } }] });
    }
    yield part(index, {}, choice.finishReason);
  }
}

/** An event stream; `slowMs` is spread evenly over its frames. Aborting the request breaks it off. */
function streamed(
  frames: string[],
  { slowMs, sleep }: { slowMs: number; sleep(ms: number): Promise<void> },
): Response {
  const encoder = new TextEncoder();
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (slowMs > 0) await sleep(slowMs / frames.length);
      controller.enqueue(encoder.encode(frames[next++]));
      if (next === frames.length) controller.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
}
