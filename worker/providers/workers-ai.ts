/** Cloudflare Workers AI over its REST API: OpenAI's dialect under an account's address, with a list of models of its own. */
import { z } from 'zod';
import {
  defineProvider,
  type Connection,
  type ProviderDeps,
  type ProviderFailure,
} from '../domain/contracts/provider.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { exchange, jsonOf } from './transport/exchange.ts';
import { failed, TEST_TIMEOUT_MS } from './transport/failure.ts';
import { forwardOpenai } from './transport/openai-http.ts';

const DEFAULT_BASE_URL = 'https://api.cloudflare.com/client/v4';

const connectSchema = z.strictObject({
  accountId: z
    .string()
    .regex(/^[0-9a-f]{32}$/i, 'must be the 32 hexadecimal digits of a Cloudflare account')
    .meta({ title: 'Account ID', description: 'In the dashboard, or in the address of any of its pages.' }),
  baseUrl: z
    .url({ protocol: /^https?$/ })
    .optional()
    .meta({ title: 'Base URL', description: 'Another address of the API, without /accounts.' }),
});

/** `<api>/accounts/<id>/ai` */
const accountUrl = ({ baseUrl, options = {} }: Connection): string =>
  `${(baseUrl ?? DEFAULT_BASE_URL).replace(/\/+$/, '')}/accounts/${options.accountId ?? ''}/ai`;

/** What can be asked through the formats below; the rest are images, speech and the like. */
const TASKS = new Set(['Text Generation', 'Text Embeddings']);

async function listModels(
  connection: Connection,
  deps: ProviderDeps,
): Promise<Result<{ models: string[] }, ProviderFailure>> {
  const baseUrl = accountUrl(connection);
  const asked = {
    url: `${baseUrl}/models/search?per_page=1000`,
    method: 'GET' as const,
    headers: { authorization: `Bearer ${connection.apiKey}`, ...connection.headers },
    signal: null,
    timeoutMs: TEST_TIMEOUT_MS,
    wordsIn,
  };
  const answer = await exchange(asked, { ...connection, baseUrl }, deps);
  if (!answer.ok) return answer;
  const text = await answer.value.text().catch(() => '');
  const { result } = (jsonOf(text) ?? {}) as { result?: unknown };
  if (!Array.isArray(result))
    return err(failed('unknown', 502, 'It did not answer with a list of models.', text.slice(0, 1000)));
  const models = (result as ({ name?: unknown; task?: { name?: unknown } } | null)[]).flatMap((model) =>
    typeof model?.name === 'string' && TASKS.has(String(model.task?.name)) ? [model.name] : [],
  );
  return ok({ models });
}

/** `{"success": false, "errors": [{"code", "message"}]}` */
function wordsIn(body: string): string | null {
  const { errors } = (jsonOf(body) ?? {}) as { errors?: unknown };
  const first: unknown = Array.isArray(errors) ? errors[0] : null;
  const words = (first as { message?: unknown } | null)?.message;
  return typeof words === 'string' && words !== '' ? words : null;
}

export const workersAi = defineProvider({
  id: 'workers-ai',
  label: 'Cloudflare Workers AI',
  connectSchema,
  needsKey: true,
  formats: ['openai_chat', 'openai_responses', 'openai_embeddings'],
  defaultBaseUrl: DEFAULT_BASE_URL,
  models: [],
  test: listModels,
  forward: (request, connection, deps) =>
    forwardOpenai(request, { ...connection, baseUrl: `${accountUrl(connection)}/v1` }, deps),
});
