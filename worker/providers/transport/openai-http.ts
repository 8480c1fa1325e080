/** OpenAI's dialect over plain HTTP: addresses, authentication and error bodies. Shared by every provider that speaks it. */
import type { ForwardRequest, ProviderFailure } from '../../domain/contracts/provider.ts';
import { textOf } from '../../domain/data/json-text.ts';
import { err, ok, type Result } from '../../domain/result.ts';
import { exchange, jsonOf, type Placed, type Transport } from './exchange.ts';
import { failed, TEST_TIMEOUT_MS } from './failure.ts';

const PATHS: Partial<Record<ForwardRequest['format'], string>> = {
  openai_chat: '/chat/completions',
  openai_responses: '/responses',
  openai_embeddings: '/embeddings',
};

/** Sends `request` and answers as soon as the provider's 2xx headers are there; the body is unread. */
export async function forwardOpenai(
  request: ForwardRequest,
  connection: Placed,
  deps: Transport,
): Promise<Result<Response, ProviderFailure>> {
  const path = PATHS[request.format];
  if (!path) throw new Error(`no path for the wire format ${request.format}`);
  const asked = {
    url: addressOf(connection, path),
    method: 'POST' as const,
    body: textOf(request.body, request.original),
    headers: {
      ...headersOf(connection),
      'content-type': 'application/json',
      accept: request.stream ? 'text/event-stream' : 'application/json',
      'idempotency-key': request.idempotencyKey,
    },
    signal: request.signal,
    timeoutMs: request.timeoutMs,
    wordsIn,
  };
  return exchange(asked, connection, deps);
}

/** Asks for the list of models: proves address and key. */
export async function listOpenaiModels(
  connection: Placed,
  deps: Transport,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const asked = {
    url: addressOf(connection, '/models'),
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
    : err(failed('unknown', 502, 'It did not answer with a list of models.', text.slice(0, 1000)));
}

/** The path goes before a base URL's own query (Azure names its API version there). */
function addressOf({ baseUrl }: Placed, path: string): string {
  const at = baseUrl.indexOf('?');
  const [base, query] = at === -1 ? [baseUrl, ''] : [baseUrl.slice(0, at), baseUrl.slice(at)];
  return base.replace(/\/+$/, '') + path + query;
}

/** A connection's own headers win: some servers want the key elsewhere, some want none. */
const headersOf = ({ apiKey, headers }: Placed): Record<string, string> => ({
  ...(apiKey === '' || 'api-key' in headers ? {} : { authorization: `Bearer ${apiKey}` }),
  ...headers,
});

/**
 * `{"error": {"message"}}`, as OpenAI and most servers of its dialect have it, or `{"error": "..."}` or `{"message"}`, or Cloudflare's
 * `{"errors": [{"message"}]}`.
 */
function wordsIn(body: string): string | null {
  const { error, errors, message } = (jsonOf(body) ?? {}) as Record<'error' | 'errors' | 'message', unknown>;
  const wordsOf = (one: unknown) => (one as { message?: unknown } | null | undefined)?.message;
  for (const words of [wordsOf(error), error, message, Array.isArray(errors) ? wordsOf(errors[0]) : null])
    if (typeof words === 'string' && words !== '') return words;
  return null;
}

function modelsIn(text: string): string[] | null {
  const data = (jsonOf(text) as { data?: unknown } | null | undefined)?.data;
  if (!Array.isArray(data)) return null;
  return data.flatMap((model) => (typeof model?.id === 'string' ? [model.id as string] : []));
}
