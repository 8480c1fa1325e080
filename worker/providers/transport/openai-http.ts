/**
 * The official OpenAI SDK as a transport: authentication, URLs and error classes are its own, bodies pass as they are, nothing
 * is retried here (whoever reserved the money decides about attempts). Shared by every provider that speaks OpenAI's dialect.
 */
import OpenAI from 'openai';
import type {
  Connection,
  ForwardRequest,
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

const PATHS: Partial<Record<ForwardRequest['format'], string>> = {
  openai_chat: '/chat/completions',
  openai_responses: '/responses',
  openai_embeddings: '/embeddings',
};

/** Sends `request` and answers as soon as the provider's 2xx headers are there; the body is unread. */
export async function forwardOpenai(
  request: ForwardRequest,
  connection: Connection & { baseUrl: string },
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  const path = PATHS[request.format];
  if (!path) throw new Error(`no path for the wire format ${request.format}`);
  return attempt(connection, deps, (client) =>
    client
      .post(path, {
        body: textOf(request.body, request.original),
        stream: request.stream,
        headers: {
          'content-type': 'application/json',
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

/** Asks for the list of models: proves address and key. */
export async function listOpenaiModels(
  connection: Connection & { baseUrl: string },
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const answer = await attempt(connection, deps, (client) =>
    client.get('/models', { timeout: TEST_TIMEOUT_MS, maxRetries: 0 }).asResponse(),
  );
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const models = modelsIn(text);
  return models
    ? ok({ models })
    : err(failed('unknown', 502, 'It did not answer with a list of models.', text));
}

async function attempt(
  connection: Connection & { baseUrl: string },
  deps: Transport,
  send: (client: OpenAI) => Promise<Response>,
): Promise<Result<Response, ProviderFailure>> {
  let body: string | null = null;
  const guarded = guardedFetch(deps.fetch, (text) => (body = text));
  const client = new OpenAI({
    apiKey: connection.apiKey,
    baseURL: connection.baseUrl,
    defaultHeaders: connection.headers,
    fetch: guarded,
    maxRetries: 0,
    // Nothing comes from the process' environment.
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    logLevel: 'off',
    dangerouslyAllowBrowser: true,
  });
  try {
    return ok(await send(client));
  } catch (error) {
    return err(await settledFailure(classified(error, body), connection, deps));
  }
}

/** engine.md rule 5. Throws what is not a failure of the provider (a bug of ours). */
function classified(error: unknown, body: string | null): ProviderFailure {
  if (error instanceof OpenAI.APIUserAbortError) return failed('unknown', 0, 'The call was cancelled.');
  if (error instanceof OpenAI.APIConnectionTimeoutError)
    return failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, 'It did not answer in time.');
  if (error instanceof OpenAI.APIConnectionError) {
    return connectionFailure(error);
  }
  if (!(error instanceof OpenAI.APIError) || error.status === undefined) throw error;
  const { status } = error;
  return failed(
    failureOf(status),
    status,
    wordsOf(error, body),
    body,
    retryAfterMs(error.headers as Headers | undefined),
  );
}

/** The provider's own words, without the status that the SDK puts before them. */
function wordsOf(error: InstanceType<typeof OpenAI.APIError>, body: string | null): string {
  const own = (error.error as { message?: unknown } | undefined)?.message;
  if (typeof own === 'string' && own !== '') return own.slice(0, 1000);
  return body ? body.slice(0, 300) : `It answered with status ${error.status}.`;
}

function modelsIn(text: string): string[] | null {
  try {
    const { data } = JSON.parse(text) as { data?: unknown };
    if (!Array.isArray(data)) return null;
    return data.flatMap((model) => (typeof model?.id === 'string' ? [model.id as string] : []));
  } catch {
    return null;
  }
}
