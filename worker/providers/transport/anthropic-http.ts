/**
 * The official Anthropic SDK as a transport: URLs, headers and error classes are its own, bodies pass as they are, nothing is
 * retried here (whoever reserved the money decides about attempts).
 */
import Anthropic from '@anthropic-ai/sdk';
import type {
  Connection,
  ForwardRequest,
  InputCountRequest,
  ProviderDeps,
  ProviderFailure,
} from '../../domain/contracts/provider.ts';
import { textOf } from '../../domain/data/json-text.ts';
import { err, ok, type Result } from '../../domain/result.ts';
import {
  connectionFailure,
  failed,
  failureOf,
  guardedFetch,
  neverArrived,
  retryAfterMs,
  settledFailure,
  TEST_TIMEOUT_MS,
} from './failure.ts';

type Transport = Pick<ProviderDeps, 'fetch' | 'listens'>;
type Placed = Connection & { baseUrl: string };

/** What a caller who names no API version is taken to speak: it knows every parameter that later versions dropped. */
const DEFAULT_VERSION = '2023-06-01';

/** Sends `request` and answers as soon as the provider's 2xx headers are there; the body is unread. */
export function forwardAnthropic(
  request: ForwardRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  return attempt(connection, deps, (client) =>
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
        timeout: request.timeoutMs,
        maxRetries: 0,
      })
      .asResponse(),
  );
}

/** Anthropic's own count of a request's input: free, and exact for its models. */
export async function countAnthropic(
  request: InputCountRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<number, ProviderFailure>> {
  const answer = await attempt(connection, deps, (client) =>
    client
      .post('/v1/messages/count_tokens', {
        body: textOf(request.body, request.original),
        headers: { 'content-type': 'application/json', ...request.headers },
        signal: request.signal,
        timeout: TEST_TIMEOUT_MS,
        maxRetries: 0,
      })
      .asResponse(),
  );
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const tokens = (parsed(text) as { input_tokens?: unknown } | null)?.input_tokens;
  return Number.isSafeInteger(tokens) && (tokens as number) >= 0
    ? ok(tokens as number)
    : err(failed('unknown', 502, 'It did not answer with a count of tokens.', text.slice(0, 1000)));
}

/** Asks for the list of models: proves address and key. */
export async function listAnthropicModels(
  connection: Placed,
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const answer = await attempt(connection, deps, (client) =>
    client
      .get('/v1/models', { query: { limit: 1000 }, timeout: TEST_TIMEOUT_MS, maxRetries: 0 })
      .asResponse(),
  );
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const data = (parsed(text) as { data?: unknown } | null)?.data;
  if (!Array.isArray(data))
    return err(failed('unknown', 502, 'It did not answer with a list of models.', text.slice(0, 1000)));
  return ok({ models: data.flatMap((model) => (typeof model?.id === 'string' ? [model.id as string] : [])) });
}

async function attempt(
  connection: Placed,
  deps: Transport,
  send: (client: Anthropic) => Promise<Response>,
): Promise<Result<Response, ProviderFailure>> {
  let body: string | null = null;
  const client = new Anthropic({
    apiKey: connection.apiKey,
    baseURL: connection.baseUrl,
    defaultHeaders: {
      // This client would send the key as a bearer token; the API's own header is x-api-key.
      authorization: null,
      'x-api-key': connection.apiKey,
      'anthropic-version': DEFAULT_VERSION,
      ...connection.headers,
    },
    fetch: guardedFetch(deps.fetch, (text) => (body = text)),
    maxRetries: 0,
    // Nothing comes from the process' environment.
    webhookKey: null,
    openTelemetry: false,
    logLevel: 'off',
  });
  try {
    return ok(await send(client));
  } catch (error) {
    return err(await settledFailure(classified(error, body), connection, deps));
  }
}

/** engine.md rule 5. Throws what is not a failure of the provider (a bug of ours). */
function classified(error: unknown, body: string | null): ProviderFailure {
  if (error instanceof Anthropic.APIUserAbortError) return failed('unknown', 0, 'The call was cancelled.');
  if (error instanceof Anthropic.APIConnectionTimeoutError)
    return failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, 'It did not answer in time.');
  if (error instanceof Anthropic.APIConnectionError) return connectionFailure(error);
  if (!(error instanceof Anthropic.APIError) || error.status === undefined) throw error;
  const { status } = error;
  const message =
    error.apiMessage?.slice(0, 1000) || body?.slice(0, 300) || `It answered with status ${status}.`;
  return failed(failureOf(status), status, message, body, retryAfterMs(error.headers as Headers | undefined));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
