/** Google's generateContent over plain HTTP: addresses, authentication and error bodies. */
import type { ForwardRequest, ProviderFailure } from '../../domain/contracts/provider.ts';
import { textOf } from '../../domain/data/json-text.ts';
import { err, ok, type Result } from '../../domain/result.ts';
import { exchange, jsonOf, type Placed, type Transport } from './exchange.ts';
import { failed, TEST_TIMEOUT_MS } from './failure.ts';

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
  const asked = {
    url: addressOf(connection, `${path}:${method}`),
    method: 'POST' as const,
    body: textOf(body, request.original),
    headers: {
      ...headersOf(connection),
      'content-type': 'application/json',
      'idempotency-key': request.idempotencyKey,
    },
    signal: request.signal,
    timeoutMs: request.timeoutMs,
    wordsIn,
  };
  return exchange(asked, connection, deps);
}

/** Asks for the list of models that can generate: proves address and key. */
export async function listGeminiModels(
  connection: Placed,
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const asked = {
    url: addressOf(connection, 'models?pageSize=1000'),
    method: 'GET' as const,
    headers: headersOf(connection),
    signal: null,
    timeoutMs: TEST_TIMEOUT_MS,
    wordsIn,
  };
  const answer = await exchange(asked, connection, deps);
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

const addressOf = ({ baseUrl }: Placed, path: string) => `${baseUrl.replace(/\/+$/, '')}/v1beta/${path}`;
const headersOf = ({ apiKey, headers }: Placed): Record<string, string> => ({
  ...headers,
  'x-goog-api-key': apiKey,
});

/** Google's own words; a stream without alt=sse wraps its error into an array. */
function wordsIn(body: string): string | null {
  const parsed = jsonOf(body);
  const first = (Array.isArray(parsed) ? parsed[0] : parsed) as { error?: { message?: unknown } } | null;
  const message = first?.error?.message;
  return typeof message === 'string' && message !== '' ? message : null;
}

interface ListedModel {
  name?: unknown;
  supportedGenerationMethods?: unknown;
}

function modelsIn(text: string): string[] | null {
  const models = (jsonOf(text) as { models?: unknown } | null | undefined)?.models;
  if (!Array.isArray(models)) return null;
  return (models as (ListedModel | null)[]).flatMap((model) => {
    if (typeof model?.name !== 'string') return [];
    const methods = model.supportedGenerationMethods;
    const generates = !Array.isArray(methods) || methods.includes('generateContent');
    return generates ? [model.name.replace(/^models\//, '')] : [];
  });
}
