/** OpenAI's responses, inside a budget. Whatever the body holds goes on to the provider. */
import { z } from '@hono/zod-openapi';
import { idempotent } from '../idempotency.ts';
import { newRoutes } from '../routes.ts';
import { OPENAI_PREFIXES } from './openai-chat.ts';
import { openaiErrorBody } from './openai-errors.ts';
import { paidEndpoint } from './paid-endpoint.ts';

const responsesSchema = z.looseObject({
  model: z.string().min(1).max(200),
  input: z.union([z.string(), z.array(z.looseObject({})).min(1)]).nullish(),
  stream: z.boolean().nullish(),
  max_output_tokens: z.int().min(1).max(100_000_000).nullish(),
  max_tool_calls: z.int().min(0).max(100_000).nullish(),
  background: z
    .literal(false, {
      error: 'must be false: what a background response costs is not known when it is answered',
    })
    .nullish(),
});

const respond = paidEndpoint({
  format: 'openai_responses',
  schema: responsesSchema,
  errorBody: openaiErrorBody,
});

export const responsesGateway = newRoutes();
for (const prefix of OPENAI_PREFIXES) responsesGateway.post(`${prefix}/responses`, idempotent, respond);
responsesGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/responses',
  summary: "OpenAI's responses, inside a budget",
  description:
    'Any model of any connected provider; of providers that speak another format the call is converted, and what cannot be said there is refused with 422 and the field. Headers as for chat completions. `background: true` is refused: its cost is not known when it is answered.',
  request: { body: { required: true, content: { 'application/json': { schema: responsesSchema } } } },
  responses: { 200: { description: 'A response, or an event stream that ends with response.completed.' } },
});
