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
import { err, ok, type Result } from '../../domain/result.ts';

type Transport = Pick<ProviderDeps, 'fetch' | 'listens'>;

/** Longest error body kept for the caller. */
const MAX_ERROR_CHARS = 16_384;
const TEST_TIMEOUT_MS = 15_000;

const PATHS: Partial<Record<ForwardRequest['format'], string>> = { openai_chat: '/chat/completions' };

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
        body: request.body,
        stream: request.stream,
        headers: {
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
  /** Redirects are not followed: they could lead to an address that connecting would have refused. */
  const guarded: typeof fetch = async (input, init) => {
    const response = await deps.fetch(input, { ...init, redirect: 'manual' });
    if (response.ok) return response;
    if (response.status < 400) throw new Redirected(response.status);
    body = (await response.text().catch(() => '')).slice(0, MAX_ERROR_CHARS);
    return new Response(body, { status: response.status, headers: response.headers });
  };
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
    const failure = classified(error, body);
    const broken = failure.message === BROKEN && !(await deps.listens(connection.baseUrl));
    return err(withoutKey(broken ? UNREACHABLE : failure, connection.apiKey));
  }
}

class Redirected extends Error {
  constructor(readonly status: number) {
    super(`It answered with a redirect (${status}), which is not followed.`);
  }
}

const failed = (
  failure: ProviderFailure['failure'],
  status: number,
  message: string,
  body: string | null = null,
  retryAfterMs: number | null = null,
): ProviderFailure => ({ reason: 'provider_failed', failure, status, message, retryAfterMs, body });

const BROKEN = 'The connection broke before it answered.';
const UNREACHABLE = failed('not_sent', 0, 'It could not be reached.');

/** engine.md rule 5. Throws what is not a failure of the provider (a bug of ours). */
function classified(error: unknown, body: string | null): ProviderFailure {
  if (error instanceof OpenAI.APIUserAbortError) return failed('unknown', 0, 'The call was cancelled.');
  if (error instanceof OpenAI.APIConnectionTimeoutError)
    return failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, 'It did not answer in time.');
  if (error instanceof OpenAI.APIConnectionError) {
    const redirect = causes(error).find((cause) => cause instanceof Redirected);
    if (redirect) return failed('refused', 502, redirect.message);
    return neverArrived(error) ? UNREACHABLE : failed('unknown', 0, BROKEN);
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

function failureOf(status: number): ProviderFailure['failure'] {
  if (status === 429 || status === 503) return 'not_sent';
  return status >= 500 || status === 408 ? 'unknown' : 'refused';
}

/** The provider's own words, without the status that the SDK puts before them. */
function wordsOf(error: InstanceType<typeof OpenAI.APIError>, body: string | null): string {
  const own = (error.error as { message?: unknown } | undefined)?.message;
  if (typeof own === 'string' && own !== '') return own.slice(0, 1000);
  return body ? body.slice(0, 300) : `It answered with status ${error.status}.`;
}

const NEVER_ARRIVED =
  /ECONNREFUSED|ENOTFOUND|EAI_AGAIN|EHOSTUNREACH|ENETUNREACH|UND_ERR_CONNECT_TIMEOUT|connection refused|DNS|CERT_|certificate|bad port/i;

/** true when the request cannot have reached the provider: no address, no connection, no trust. */
const neverArrived = (error: Error) =>
  causes(error).some((cause) =>
    NEVER_ARRIVED.test(`${(cause as { code?: string }).code ?? ''} ${cause.message}`),
  );

function causes(error: Error): Error[] {
  const chain: Error[] = [];
  const visit = (cause: unknown) => {
    if (!(cause instanceof Error) || chain.includes(cause) || chain.length > 8) return;
    chain.push(cause);
    if (cause instanceof AggregateError) cause.errors.forEach(visit);
    visit(cause.cause);
  };
  visit(error);
  return chain;
}

/** Retry-After as delay or date, or OpenAI's retry-after-ms; null when absent or nonsense. Dates are measured by the answer's own Date header. */
export function retryAfterMs(headers: Headers | undefined): number | null {
  const ms = Number(headers?.get('retry-after-ms') ?? NaN);
  if (Number.isFinite(ms) && ms >= 0) return Math.ceil(ms);
  const after = headers?.get('retry-after');
  if (!after) return null;
  const seconds = Number(after);
  if (Number.isFinite(seconds)) return seconds >= 0 ? Math.ceil(seconds * 1000) : null;
  const wait = Date.parse(after) - Date.parse(headers?.get('date') ?? '');
  return Number.isFinite(wait) ? Math.max(0, wait) : null;
}

/** Some servers repeat the key in their error: it must not travel on. */
function withoutKey(failure: ProviderFailure, apiKey: string): ProviderFailure {
  if (apiKey.length < 8) return failure;
  const clean = (text: string) => text.replaceAll(apiKey, '[key]');
  return { ...failure, message: clean(failure.message), body: failure.body && clean(failure.body) };
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
