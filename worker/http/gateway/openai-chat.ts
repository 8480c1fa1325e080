/**
 * OpenAI's own addresses: /v1/chat/completions and /v1/models. A program changes its base URL and its key, nothing else; whatever
 * the body holds goes on to the provider.
 */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import type { PaidCallRequest } from '../../domain/call/paid-call.ts';
import type { Refusal } from '../../domain/refusal.ts';
import { connectionsOf } from '../../store/connections.ts';
import { answerTo, Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { issuesOf, newRoutes, type AppEnv } from '../routes.ts';
import { subjectOf, wishesOf } from './request-headers.ts';

/** The plan's proxy addresses stand beside OpenAI's own. */
const PREFIXES = ['/v1', '/api/integrations/openai/v1'] as const;

const count = z.int().min(1).max(100_000_000).nullish();
/** Only what we stand on is looked at; everything else is between the caller and the provider. */
const chatSchema = z.looseObject({
  model: z.string().min(1).max(200),
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  max_tokens: count,
  max_completion_tokens: count,
  n: z.int().min(1).max(128).nullish(),
});

export const openaiGateway = newRoutes();
for (const prefix of PREFIXES) {
  openaiGateway.post(`${prefix}/chat/completions`, idempotent, completeChat);
  openaiGateway.get(`${prefix}/models`, listModels);
  openaiGateway.get(`${prefix}/models/:model{.+}`, getModel);
}
openaiGateway.openAPIRegistry.registerPath({
  method: 'post',
  path: '/v1/chat/completions',
  summary: "OpenAI's chat completions, inside a budget",
  description:
    'Any model of any connected provider. Answers carry `x-pm-run-id` and, when not streaming, `x-pm-cost-nano-usd`. Request headers: `x-pm-tags`, `x-pm-max-cost-nano-usd`, `x-pm-on-disconnect`, `x-pm-clamp`.',
  request: { body: { required: true, content: { 'application/json': { schema: chatSchema } } } },
  responses: { 200: { description: 'A completion, or an event stream of chunks.' } },
});

async function completeChat(c: Context<AppEnv>): Promise<Response> {
  const { paidCalls, newId } = c.get('services');
  const body = await chatBody(c);
  const request: PaidCallRequest = {
    runId: newId('run'),
    attempt: 1,
    subject: subjectOf(c),
    executionType: 'gateway',
    format: 'openai_chat',
    body,
    stream: body.stream === true,
    ...wishesOf(c),
    signal: c.req.raw.signal,
  };
  if (request.stream) {
    const stream = await paidCalls.stream(request);
    if (!stream.ok) return refusedAnswer(c, stream.error, request.runId);
    return new Response(stream.value.body, {
      headers: {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        ...runHeaders(request.runId, stream.value.clampedMaxTokens),
      },
    });
  }
  const answer = await paidCalls.call(request);
  if (!answer.ok) return refusedAnswer(c, answer.error, request.runId);
  const { receipt, bodyText } = answer.value;
  return new Response(bodyText, {
    headers: {
      'content-type': 'application/json',
      'x-pm-cost-nano-usd': String(receipt.costNanoUsd),
      ...runHeaders(request.runId, receipt.clampedMaxTokens),
    },
  });
}

const runHeaders = (runId: string, clampedMaxTokens: number | null): Record<string, string> => ({
  'x-pm-run-id': runId,
  ...(clampedMaxTokens === null ? {} : { 'x-pm-max-tokens-clamped': String(clampedMaxTokens) }),
});

/** The body as it was sent, looked at but not copied. 400 when it is no JSON, 422 with the field when it makes no sense. */
async function chatBody(c: Context<AppEnv>): Promise<Record<string, unknown> & { stream?: unknown }> {
  let body: unknown;
  try {
    body = await c.req.json();
  } catch (cause) {
    // A body over the limit is the limit's refusal, not bad JSON.
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new Refused({ reason: 'malformed', message: 'The body is not valid JSON.' });
  }
  const looked = chatSchema.safeParse(body);
  if (!looked.success) throw new Refused({ reason: 'invalid', issues: issuesOf(looked.error) });
  return body as Record<string, unknown>;
}

/** A refusal in OpenAI's envelope; a provider's own error keeps its type, code and param, which programs look at. */
function refusedAnswer(c: Context<AppEnv>, refusal: Refusal, runId: string): Response {
  const { status, headers, error } = answerTo(refusal);
  const theirs = refusal.reason === 'provider_failed' ? providersError(refusal.body) : {};
  return c.json(
    { error: { param: null, ...error, ...theirs, request_id: c.get('requestId') } },
    status as ContentfulStatusCode,
    { ...headers, 'x-pm-run-id': runId },
  );
}

const errorSchema = z.object({
  error: z.object({
    message: z.string().optional(),
    type: z.string().nullish(),
    param: z.string().nullish(),
    code: z.union([z.string(), z.number()]).nullish(),
  }),
});

function providersError(body: string | undefined): Record<string, unknown> {
  if (body === undefined) return {};
  try {
    const parsed = errorSchema.safeParse(JSON.parse(body));
    if (!parsed.success) return {};
    return Object.fromEntries(
      Object.entries(parsed.data.error).filter(([, value]) => value !== null && value !== undefined),
    );
  } catch {
    return {};
  }
}

interface OpenaiModel {
  id: string;
  object: 'model';
  created: number;
  owned_by: string;
}

/** Every model that the team can name: what its connections list, else what the price table knows of their providers. */
async function modelsOf(c: Context<AppEnv>): Promise<OpenaiModel[]> {
  const services = c.get('services');
  const connections = await connectionsOf(services, c.get('actor').teamId);
  const models = new Map<string, OpenaiModel>();
  for (const { provider, models: listed } of connections) {
    const known = services.prices.models().filter((model) => model.provider === provider);
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
