/** OpenAI's embeddings, inside a budget. */
import { z } from '@hono/zod-openapi';
import { idempotent } from '../idempotency.ts';
import { newRoutes } from '../routes.ts';
import { OPENAI_PREFIXES } from './openai-chat.ts';
import { openaiErrorBody } from './openai-errors.ts';
import { paidEndpoint } from './paid-endpoint.ts';

const token = z.int().min(0);
const embeddingsSchema = z.looseObject({
  model: z.string().min(1).max(200),
  input: z.union([
    z.string().min(1),
    z.array(z.string().min(1)).min(1),
    z.array(token).min(1),
    z.array(z.array(token).min(1)).min(1),
  ]),
});

const embed = paidEndpoint({
  format: 'openai_embeddings',
  schema: embeddingsSchema,
  errorBody: openaiErrorBody,
  streams: () => false,
});

export const embeddingsGateway = newRoutes();
for (const prefix of OPENAI_PREFIXES) embeddingsGateway.post(`${prefix}/embeddings`, idempotent, embed);
embeddingsGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/embeddings',
  summary: "OpenAI's embeddings, inside a budget",
  description: 'Any embedding model of a connected provider. Headers as for chat completions.',
  request: { body: { required: true, content: { 'application/json': { schema: embeddingsSchema } } } },
  responses: { 200: { description: 'One vector per input.' } },
});
