/**
 * Google's generateContent over plain fetch: one POST and one GET need no client library (the official one is larger than the rest of
 * the Worker, and would buffer and retry what must pass as it is). Nothing is retried here.
 */
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
type Placed = Connection & { baseUrl: string };

/** Sends `request` and answers as soon as the provider's 2xx headers are there; the body is unread. */
export async function forwardGemini(
  request: ForwardRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  const { model, ...body } = request.body;
  const path = pathOf(String(model));
  if (path === null) return err(failed('refused', 404, `There is no model "${String(model)}".`));
  const method = request.stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
  return attempt(connection, deps, {
    path: `${path}:${method}`,
    timeoutMs: request.timeoutMs,
    signal: request.signal,
    init: {
      method: 'POST',
      body: textOf(body, request.original),
      headers: { 'content-type': 'application/json', 'idempotency-key': request.idempotencyKey },
    },
  });
}

/** Asks for the list of models that can generate: proves address and key. */
export async function listGeminiModels(
  connection: Placed,
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const answer = await attempt(connection, deps, {
    path: 'models?pageSize=1000',
    timeoutMs: TEST_TIMEOUT_MS,
    signal: null,
    init: { method: 'GET' },
  });
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const models = modelsIn(text);
  return models
    ? ok({ models })
    : err(failed('unknown', 502, 'It did not answer with a list of models.', text));
}

/** "gemini-2.5-flash", "models/..." and "tunedModels/..." as a path; null for what could lead elsewhere. */
function pathOf(model: string): string | null {
  const segments = model.split('/');
  if (segments.some((segment) => !/^[\w.@-]+$/.test(segment) || /^\.+$/.test(segment))) return null;
  return segments.length === 1 ? `models/${model}` : model;
}

const CANCELLED = failed('unknown', 0, 'The call was cancelled.');

interface Attempt {
  path: string;
  timeoutMs: number;
  signal: AbortSignal | null;
  init: { method: string; body?: string; headers?: Record<string, string> };
}

async function attempt(
  connection: Placed,
  deps: Transport,
  { path, timeoutMs, signal, init }: Attempt,
): Promise<Result<Response, ProviderFailure>> {
  if (signal?.aborted) return err(CANCELLED);
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(new Error('timeout')), timeoutMs);
  try {
    const response = await guardedFetch(deps.fetch, () => {})(
      `${connection.baseUrl.replace(/\/+$/, '')}/v1beta/${path}`,
      {
        ...init,
        headers: { ...connection.headers, ...init.headers, 'x-goog-api-key': connection.apiKey },
        signal: signal ? AbortSignal.any([signal, deadline.signal]) : deadline.signal,
      },
    );
    if (response.ok) return ok(response);
    return err(await settledFailure(await refusalIn(response), connection, deps));
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const failure = signal?.aborted
      ? CANCELLED
      : deadline.signal.aborted
        ? failed(neverArrived(error) ? 'not_sent' : 'unknown', 0, 'It did not answer in time.')
        : connectionFailure(error);
    return err(await settledFailure(failure, connection, deps));
  } finally {
    clearTimeout(timer);
  }
}

async function refusalIn(response: Response): Promise<ProviderFailure> {
  const { status } = response;
  const body = await response.text();
  const words = messageIn(body) ?? (body === '' ? `It answered with status ${status}.` : body.slice(0, 300));
  return failed(failureOf(status), status, words, body, retryAfterMs(response.headers));
}

/** Google's own words; a stream without alt=sse wraps its error into an array. */
function messageIn(body: string): string | null {
  try {
    const parsed: unknown = JSON.parse(body);
    const first = (Array.isArray(parsed) ? parsed[0] : parsed) as { error?: { message?: unknown } } | null;
    const message = first?.error?.message;
    return typeof message === 'string' && message !== '' ? message.slice(0, 1000) : null;
  } catch {
    return null;
  }
}

interface ListedModel {
  name?: unknown;
  supportedGenerationMethods?: unknown;
}

function modelsIn(text: string): string[] | null {
  try {
    const { models } = JSON.parse(text) as { models?: unknown };
    if (!Array.isArray(models)) return null;
    return (models as (ListedModel | null)[]).flatMap((model) => {
      if (typeof model?.name !== 'string') return [];
      const methods = model.supportedGenerationMethods;
      const generates = !Array.isArray(methods) || methods.includes('generateContent');
      return generates ? [model.name.replace(/^models\//, '')] : [];
    });
  } catch {
    return null;
  }
}
