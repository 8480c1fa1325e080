/**
 * OpenAI's own addresses: /v1/chat/completions and /v1/models. A program changes its base URL and its key, nothing else; whatever
 * the body holds goes on to the provider.
 */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { soldAs } from '../../domain/call/resolve-model.ts';
import { connectionsOf } from '../../store/connections.ts';
import { routesOf } from '../../store/model-routes.ts';
import { Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { newRoutes, type AppEnv } from '../routes.ts';
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
    'Any model of any connected provider. Answers carry `x-pm-run-id` and, when not streaming, `x-pm-cost-nano-usd`. Request headers: `x-pm-tags`, `x-pm-max-cost-nano-usd`, `x-pm-on-disconnect`, `x-pm-clamp`, `x-pm-fallback` (models or routes to try, in order, when the first fails; `x-pm-model` and `x-pm-attempts` of the answer tell who answered, and when).',
  request: { body: { required: true, content: { 'application/json': { schema: chatSchema } } } },
  responses: { 200: { description: 'A completion, or an event stream of chunks.' } },
});

interface OpenaiModel {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
}

/** Every model that the team can name: its routes, what its connections list, else what the price table knows of their providers. */
async function modelsOf(c: Context<AppEnv>): Promise<OpenaiModel[]> {
  const services = c.get('services');
  const { teamId } = c.get('actor');
  const [connections, routes] = await Promise.all([
    connectionsOf(services, teamId),
    routesOf(services, teamId),
  ]);
  const models = new Map<string, OpenaiModel>();
  for (const { name: id } of routes) models.set(id, { id, object: 'model', created: 0, owned_by: 'route' });
  for (const connection of connections) {
    const { provider, models: listed } = connection;
    const known = services.prices.models().filter((model) => model.provider === soldAs(connection));
    for (const id of listed.length > 0 ? listed : known.map(({ model }) => model))
      if (!models.has(id)) models.set(id, { id, object: 'model', created: 0, owned_by: provider });
  }
  return [...models.values()];
}

async function listModels(c: Context<AppEnv>): Promise<Response> {
  return c.json({ object: 'list', data: await modelsOf(c) });
}

async function getModel(c: Context<AppEnv>): Promise<Response> {
  const name = c.req.param('model') ?? '';
  const model = (await modelsOf(c)).find(({ id }) => id === name);
  if (!model) throw new Refused({ reason: 'model_not_found', model: name });
  return c.json(model);
}
