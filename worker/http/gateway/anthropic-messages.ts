/**
 * Anthropic's own addresses: /v1/messages and /v1/messages/count_tokens. A program changes its base URL and its key, nothing else;
 * whatever the body holds goes on to the provider, and so do the API version and the betas that it names.
 */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { JsonText } from '../../domain/data/json-text.ts';
import { Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { newRoutes, type AppEnv } from '../routes.ts';
import { anthropicErrorBody } from './anthropic-errors.ts';
import { getModel, listModels } from './models.ts';
import { paidEndpoint, refusedAnswer, sentBody, type PaidEndpoint } from './paid-endpoint.ts';

/** The plan's proxy addresses stand beside Anthropic's own. */
const PREFIXES = ['/v1', '/api/integrations/anthropic/v1'] as const;

const countSchema = z.looseObject({
  model: z.string().min(1).max(200),
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
});
const messagesSchema = countSchema.extend({
  max_tokens: z.int().min(1).max(100_000_000),
  stream: z.boolean().nullish(),
});

const PASSED_HEADERS = ['anthropic-version', 'anthropic-beta'] as const;

/** What the caller's own client says about the wire format. */
function headersOf(c: Context<AppEnv>): Record<string, string> {
  const named = PASSED_HEADERS.flatMap((name) => {
    const value = c.req.header(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(named);
}

const endpoint: PaidEndpoint = {
  format: 'anthropic_messages',
  schema: messagesSchema,
  errorBody: anthropicErrorBody,
  headersOf,
};
const createMessage = paidEndpoint(endpoint);

/** Free: the provider's own count where it has one, else our estimate; `x-pm-count-source` says which. */
async function countTokens(c: Context<AppEnv>): Promise<Response> {
  let original: JsonText;
  try {
    original = await sentBody(c, countSchema);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    return refusedAnswer(c, endpoint, error.refusal);
  }
  const counted = await c.get('services').countInput({
    teamId: c.get('actor').teamId,
    format: 'anthropic_messages',
    body: original.value,
    original,
    headers: headersOf(c),
    signal: c.req.raw.signal,
  });
  if (!counted.ok) return refusedAnswer(c, endpoint, counted.error);
  const { inputTokens, source } = counted.value;
  return c.json({ input_tokens: inputTokens }, 200, { 'x-pm-count-source': source });
}

export const anthropicGateway = newRoutes();
for (const prefix of PREFIXES) {
  anthropicGateway.post(`${prefix}/messages`, idempotent, createMessage);
  anthropicGateway.post(`${prefix}/messages/count_tokens`, countTokens);
}
// /v1/models is OpenAI's address too: one handler looks who asks (models.ts).
anthropicGateway.get('/api/integrations/anthropic/v1/models', listModels);
anthropicGateway.get('/api/integrations/anthropic/v1/models/:model{.+}', getModel);
anthropicGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/messages',
  summary: "Anthropic's messages, inside a budget",
  description:
    'Any model of any connected provider; of providers that speak another format the call is converted, and what cannot be said there is refused with 422 and the field. Answers carry `x-pm-run-id` and, when not streaming, `x-pm-cost-nano-usd`. Request headers: `anthropic-version` and `anthropic-beta` go on to the provider; `x-pm-tags`, `x-pm-max-cost-nano-usd`, `x-pm-on-disconnect`, `x-pm-clamp` are ours.',
  request: { body: { required: true, content: { 'application/json': { schema: messagesSchema } } } },
  responses: { 200: { description: 'A message, or an event stream of one.' } },
});
anthropicGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/messages/count_tokens',
  summary: "Counts a message's input tokens, for free",
  request: { body: { required: true, content: { 'application/json': { schema: countSchema } } } },
  responses: {
    200: {
      description: 'The count; the header `x-pm-count-source` is `provider` or `estimate`.',
      content: { 'application/json': { schema: z.object({ input_tokens: z.int() }) } },
    },
  },
});
