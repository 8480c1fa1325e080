/**
 * OpenAI's own addresses: /v1/chat/completions and /v1/models. A program changes its base URL and its key, nothing else; whatever
 * the body holds goes on to the provider.
 */
import { z } from '@hono/zod-openapi';
import { idempotent } from '../idempotency.ts';
import { newRoutes } from '../routes.ts';
import { getModel, listModels } from './models.ts';
import { openaiErrorBody } from './openai-errors.ts';
import { paidEndpoint } from './paid-endpoint.ts';

/** The plan's proxy addresses stand beside OpenAI's own. */
export const OPENAI_PREFIXES = ['/v1', '/api/integrations/openai/v1'] as const;

const count = z.int().min(1).max(100_000_000).nullish();
const chatSchema = z.looseObject({
  model: z.string().min(1).max(200),
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count,
  max_completion_tokens: count,
  n: z.int().min(1).max(128).nullish(),
});

const completeChat = paidEndpoint({
  format: 'openai_chat',
  schema: chatSchema,
  errorBody: openaiErrorBody,
});

export const openaiGateway = newRoutes();
for (const prefix of OPENAI_PREFIXES) {
  openaiGateway.post(`${prefix}/chat/completions`, idempotent, completeChat);
  openaiGateway.get(`${prefix}/models`, listModels);
  openaiGateway.get(`${prefix}/models/:model{.+}`, getModel);
}
openaiGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/chat/completions',
  summary: "OpenAI's chat completions, inside a budget",
  description:
    'Any model of any connected provider; of providers that speak another format the call is converted, and what cannot be said there is refused with 422 and the field. Answers carry `x-pm-run-id` and, when not streaming, `x-pm-cost-nano-usd`. Request headers: `x-pm-tags`, `x-pm-max-cost-nano-usd`, `x-pm-on-disconnect`, `x-pm-clamp`, `x-pm-fallback` (models or routes to try, in order, when the first fails; `x-pm-model` and `x-pm-attempts` of the answer tell who answered, and when).',
  request: { body: { required: true, content: { 'application/json': { schema: chatSchema } } } },
  responses: { 200: { description: 'A completion, or an event stream of chunks.' } },
});
