/**
 * The official Anthropic SDK as a transport: URLs, headers and error classes are its own, bodies pass as they are, nothing is
 * retried here (whoever reserved the money decides about attempts).
 */
import Anthropic from '@anthropic-ai/sdk';
import type { ForwardRequest, InputCountRequest, ProviderFailure } from '../../domain/contracts/provider.ts';
import { textOf } from '../../domain/data/json-text.ts';
import { err, ok, type Result } from '../../domain/result.ts';
import { jsonOf, type Placed, type Transport } from './exchange.ts';
import {
  CANCELLED,
  connectionFailure,
  failed,
  failureOf,
  guardedFetch,
  neverArrived,
  retryAfterMs,
  settledFailure,
  TEST_TIMEOUT_MS,
  timedOut,
  TOO_LATE,
} from './failure.ts';

/** What a caller who names no API version is taken to speak: it knows every parameter that later versions dropped. */
const DEFAULT_VERSION = '2023-06-01';

/** Sends `request` and answers as soon as the provider's 2xx headers are there; the body is unread. */
export function forwardAnthropic(
  request: ForwardRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  const send = (client: Anthropic) =>
    client
      .post('/v1/messages', {
        body: textOf(request.body, request.original),
        stream: request.stream,
        headers: {
          'content-type': 'application/json',
          ...request.headers,
          'idempotency-key': request.idempotencyKey,
          accept: request.stream ? 'text/event-stream' : 'application/json',
        },
        signal: request.signal,
        ...(request.timeoutMs === undefined ? {} : { timeout: request.timeoutMs }),
        maxRetries: 0,
      })
      .asResponse();
  return attempt(connection, deps, { send, signal: request.signal });
}

/** Anthropic's own count of a request's input: free, and exact for its models. */
export async function countAnthropic(
  request: InputCountRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<number, ProviderFailure>> {
  const send = (client: Anthropic) =>
    client
      .post('/v1/messages/count_tokens', {
        body: textOf(request.body, request.original),
        headers: { 'content-type': 'application/json', ...request.headers },
        signal: request.signal,
        timeout: TEST_TIMEOUT_MS,
        maxRetries: 0,
      })
      .asResponse();
  const answer = await attempt(connection, deps, { send, signal: request.signal });
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const tokens = (jsonOf(text) as { input_tokens?: unknown } | null)?.input_tokens;
  return Number.isSafeInteger(tokens) && (tokens as number) >= 0
    ? ok(tokens as number)
    : err(failed('unknown', 502, 'It did not answer with a count of tokens.', text.slice(0, 1000)));
}

/** Asks for the list of models: proves address and key. */
export async function listAnthropicModels(
  connection: Placed,
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const send = (client: Anthropic) =>
    client
      .get('/v1/models', { query: { limit: 1000 }, timeout: TEST_TIMEOUT_MS, maxRetries: 0 })
      .asResponse();
  const answer = await attempt(connection, deps, { send });
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const data = (jsonOf(text) as { data?: unknown } | null)?.data;
  if (!Array.isArray(data))
    return err(failed('unknown', 502, 'It did not answer with a list of models.', text.slice(0, 1000)));
  return ok({ models: data.flatMap((model) => (typeof model?.id === 'string' ? [model.id as string] : [])) });
}

/** Clients by what they are made of: making one costs more than a call. Bounded; the oldest leaves. */
const clients = new WeakMap<typeof fetch, Map<string, Anthropic>>();
const MAX_CLIENTS = 200;
/** The body of an HTTP error as it came, by the headers that the client's error carries. */
const errorBodies = new WeakMap<object, string>();

function clientOf(connection: Placed, { fetch: send }: Transport): Anthropic {
  let known = clients.get(send);
  if (!known) clients.set(send, (known = new Map()));
  const { apiKey, baseUrl, headers } = connection;
  const key = JSON.stringify([baseUrl, apiKey, headers]);
  let client = known.get(key);
  if (client) return client;
  client = new Anthropic({
    apiKey,
    baseURL: baseUrl,
    defaultHeaders: {
      // This client would send the key as a bearer token; the API's own header is x-api-key.
      authorization: null,
      'x-api-key': apiKey,
      'anthropic-version': DEFAULT_VERSION,
      ...headers,
    },
    async fetch(input, init) {
      const response = await guardedFetch(send, input as string, init);
      if (response.ok) return response;
      const body = await response.text();
      const copy = new Response(body, { status: response.status, headers: response.headers });
      errorBodies.set(copy.headers, body);
      return copy;
    },
    maxRetries: 0,
    // Nothing comes from the process' environment.
    webhookKey: null,
    openTelemetry: false,
    logLevel: 'off',
  });
  if (known.size >= MAX_CLIENTS) known.delete(known.keys().next().value!);
  known.set(key, client);
  return client;
}

async function attempt(
  connection: Placed,
  deps: Transport,
  { send, signal }: { send: (client: Anthropic) => Promise<Response>; signal?: AbortSignal },
): Promise<Result<Response, ProviderFailure>> {
  try {
    return ok(await send(clientOf(connection, deps)));
  } catch (error) {
    return err(await settledFailure(classified(error, signal), connection, deps));
  }
}

/** engine.md rule 5. Throws what is not a failure of the provider (a bug of ours). */
function classified(error: unknown, signal?: AbortSignal): ProviderFailure {
  // The client takes every abort for its user's wish; ours are deadlines too.
  const aborted = error instanceof Anthropic.APIUserAbortError;
  if (aborted && !(signal && timedOut(signal))) return CANCELLED;
  if (aborted || error instanceof Anthropic.APIConnectionTimeoutError)
    return failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, TOO_LATE);
  if (error instanceof Anthropic.APIConnectionError) return connectionFailure(error);
  if (!(error instanceof Anthropic.APIError) || error.status === undefined) throw error;
  const { status } = error;
  const body = (error.headers && errorBodies.get(error.headers)) ?? null;
  const message =
    error.apiMessage?.slice(0, 1000) || body?.slice(0, 300) || `It answered with status ${status}.`;
  return failed(failureOf(status), status, message, body, retryAfterMs(error.headers as Headers | undefined));
}
