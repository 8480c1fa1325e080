/**
 * The sandbox: a server of chat completions, responses, embeddings and messages that lives in a function. It is spoken to in real HTTP requests and answers with real
 * JSON and event streams, so that everything before it (transport, parser, accounting) is the same code as for a provider far away.
 */
import type { TokenCounts } from '../../domain/contracts/provider.ts';
import { answersTo, type Choice } from './answer.ts';
import { answerEmbeddings } from './embeddings.ts';
import { answerMessages } from './messages.ts';
import { answerResponses } from './responses.ts';
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
export const CREATED = 1_767_225_600;

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
      return answerResponses((await request.json()) as Json, deps, init?.signal);
    }
    if (request.method === 'POST' && path.endsWith('/embeddings')) {
      return answerEmbeddings((await request.json()) as Json, deps, init?.signal);
    }
    if (request.method === 'POST' && path.endsWith('/messages')) {
      return answerMessages((await request.json()) as Json, deps, init?.signal);
    }
    return failure(404, 'invalid_request_error', `There is no ${request.method} ${path}.`);
  };
}

/** An error in OpenAI's envelope. */
export const failure = (
  status: number,
  type: string,
  message: string,
  headers: Record<string, string> = {},
  param?: string,
) => Response.json({ error: { message, type, param: param ?? null, code: null } }, { status, headers });

/** Why a request gets no answer, in no wire format yet. */
export interface Trouble {
  status: number;
  type: string;
  message: string;
  headers?: Record<string, string>;
  param?: string;
}

/** What stands between a request and its answer: a body that makes no sense, or a model that is made to fail. `counts` are its fields that count from 1. */
export function readyFor(body: Json, counts: readonly string[]): Trouble | null {
  const model = String(body.model);
  const bad = (param: string, message: string, status = 400): Trouble => ({
    status,
    type: 'invalid_request_error',
    message,
    param,
  });
  if (!(SANDBOX_MODELS as readonly string[]).includes(model))
    return bad('model', `The model "${model}" does not exist.`, 404);
  if (!Array.isArray(body.messages) || body.messages.length === 0)
    return bad('messages', '"messages" must be a list with at least one message.');
  for (const name of counts) {
    const value = body[name] ?? 1;
    if (!Number.isSafeInteger(value) || (value as number) < 1)
      return bad(name, `"${name}" must be a whole number from 1.`);
  }
  if (model === 'sandbox-429')
    return {
      status: 429,
      type: 'rate_limit_error',
      message: 'The sandbox is asked to be busy. Try again in 2 s.',
      headers: { 'retry-after': '2' },
    };
  if (model === 'sandbox-500')
    return { status: 500, type: 'server_error', message: 'The sandbox is asked to fail.' };
  if (model === 'sandbox-flaky' && failsStill(JSON.stringify(body)))
    return { status: 503, type: 'server_error', message: 'The sandbox fails twice before it answers.' };
  return null;
}

/** How long a model takes over its answer. */
export const slowMsOf = (model: string): number => (model === 'sandbox-slow' ? SLOW_MS : 0);

async function complete(
  body: Json,
  deps: SandboxDeps,
  signal: AbortSignal | null | undefined,
): Promise<Response> {
  const trouble = readyFor(body, ['max_tokens', 'max_completion_tokens', 'n']);
  if (trouble) return failure(trouble.status, trouble.type, trouble.message, trouble.headers, trouble.param);
  const model = String(body.model);
  const text = JSON.stringify(body);
  const [promptTokens, choices] = await Promise.all([
    deps.count.request(model, 'openai_chat', body),
    answersTo(body, model, (piece) => deps.count.text(model, piece)),
  ]);
  const completionTokens = choices.reduce((sum, choice) => sum + choice.tokens, 0);
  const head = { id: `chatcmpl-${Math.floor(diceOf(text)() * 1e15).toString(36)}`, created: CREATED, model };
  const usage = {
    prompt_tokens: promptTokens,
    completion_tokens: completionTokens,
    total_tokens: promptTokens + completionTokens,
    prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
  };
  const slowMs = slowMsOf(model);
  if (body.stream === true) {
    const asked =
      (body.stream_options as { include_usage?: unknown } | null | undefined)?.include_usage === true;
    const events = [...chunks(head, choices, asked), ...(asked ? [{ ...chunk(head, []), usage }] : [])];
    const texts = [...events.map((event) => JSON.stringify(event)), '[DONE]'];
    return streamed(
      texts.map((data) => `data: ${data}\n\n`),
      { slowMs, sleep: (ms) => deps.sleep(ms, signal) },
    );
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

/** An event stream of whole events; `slowMs` is spread evenly over them. Aborting the request breaks it off. */
export function streamed(
  events: readonly string[],
  { slowMs, sleep }: { slowMs: number; sleep(ms: number): Promise<void> },
): Response {
  const encoder = new TextEncoder();
  let next = 0;
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      if (slowMs > 0) await sleep(slowMs / events.length);
      controller.enqueue(encoder.encode(events[next++]));
      if (next === events.length) controller.close();
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream; charset=utf-8' } });
}
