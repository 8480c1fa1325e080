/**
 * Google's own addresses: /v1beta/models and its generateContent calls. A program changes its base URL and its key, nothing else; the
 * model stands in the address, whatever the body holds goes on to the provider.
 */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { SseSplitter } from '../../domain/call/sse.ts';
import { Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { newRoutes, type AppEnv } from '../routes.ts';
import { geminiErrorBody } from './gemini-errors.ts';
import { chatModels, modelNamed, type CallableModel } from './models.ts';
import { paidEndpoint } from './paid-endpoint.ts';

const configSchema = z
  .looseObject({
    maxOutputTokens: z.int().min(1).max(100_000_000).nullish(),
    max_output_tokens: z.int().min(1).max(100_000_000).nullish(),
    candidateCount: z.int().min(1).max(128).nullish(),
    candidate_count: z.int().min(1).max(128).nullish(),
  })
  .nullish();
const contentSchema = z.looseObject({});
const generateSchema = z.looseObject({
  contents: z.union([z.array(contentSchema).min(1), contentSchema]),
  generationConfig: configSchema,
  generation_config: configSchema,
});

const METHODS = ['generateContent', 'streamGenerateContent'] as const;

/** "gemini-2.5-flash:generateContent" as model and method; 404 for what Google offers and we do not. */
function callOf(c: Context<AppEnv>): { model: string; stream: boolean } {
  const name = c.req.param('name') ?? '';
  const at = name.lastIndexOf(':');
  const method = METHODS.find((known) => known === name.slice(at + 1));
  if (at < 1 || !method)
    throw new Refused({ reason: 'not_found', message: `There is no ${c.req.method} ${c.req.path}.` });
  return { model: name.slice(0, at), stream: method === 'streamGenerateContent' };
}

const pay = paidEndpoint({
  format: 'gemini_generate',
  schema: generateSchema,
  errorBody: geminiErrorBody,
  bodyOf: (c, sent) => ({ ...sent, model: callOf(c).model }),
  streams: (c) => callOf(c).stream,
});

/** With `?alt=sse` a stream is events; without, Google sends the same objects as one JSON array. */
async function generate(c: Context<AppEnv>): Promise<Response> {
  const { stream } = callOf(c);
  const response = await pay(c);
  if (!stream || !response.ok || !response.body || c.req.query('alt') === 'sse') return response;
  const headers = new Headers(response.headers);
  headers.set('content-type', 'application/json; charset=utf-8');
  return new Response(response.body.pipeThrough(arrayOfEvents()), { headers });
}

function arrayOfEvents(): TransformStream<Uint8Array, Uint8Array> {
  const encoder = new TextEncoder();
  const splitter = new SseSplitter();
  let written = 0;
  const element = (data: string) => encoder.encode(`${written++ === 0 ? '[' : ',\r\n'}${data}`);
  return new TransformStream({
    transform(chunk, controller) {
      for (const { data } of splitter.push(chunk)) if (data !== null) controller.enqueue(element(data));
    },
    flush(controller) {
      const data = splitter.end()?.data ?? null;
      if (data !== null) controller.enqueue(element(data));
      controller.enqueue(encoder.encode(written === 0 ? '[]' : ']'));
    },
  });
}

interface GeminiModel {
  name: string;
  displayName: string;
  inputTokenLimit?: number;
  outputTokenLimit?: number;
  supportedGenerationMethods: readonly string[];
}

const shown = ({ id, info }: CallableModel): GeminiModel => ({
  name: `models/${id}`,
  displayName: info?.name ?? id,
  ...(info?.contextWindow ? { inputTokenLimit: info.contextWindow } : {}),
  ...(info?.maxOutputTokens ? { outputTokenLimit: info.maxOutputTokens } : {}),
  supportedGenerationMethods: METHODS,
});

async function getModel(c: Context<AppEnv>): Promise<Response> {
  return c.json(shown(modelNamed(await chatModels(c), c.req.param('name') ?? '')));
}

export const geminiGateway = newRoutes();
geminiGateway.post('/v1beta/models/:name{.+}', idempotent, generate);
geminiGateway.get('/v1beta/models', async (c) => c.json({ models: (await chatModels(c)).map(shown) }));
geminiGateway.get('/v1beta/models/:name{.+}', getModel);
for (const method of METHODS)
  geminiGateway.openAPIRegistry.registerPath({
    method: 'post',
    path: `/v1beta/models/{model}:${method}`,
    summary: `Google's ${method}, inside a budget`,
    description:
      'Any model of any connected provider; of providers that speak another format the call is converted, and what cannot be said there is refused with 422 and the field. Answers carry `x-pm-run-id` and, when not streaming, `x-pm-cost-nano-usd`. Streams are events with `?alt=sse`, else a JSON array. Request headers: `x-pm-tags`, `x-pm-max-cost-nano-usd`, `x-pm-on-disconnect`, `x-pm-clamp`.',
    request: {
      params: z.object({ model: z.string() }),
      body: { required: true, content: { 'application/json': { schema: generateSchema } } },
    },
    responses: { 200: { description: 'A GenerateContentResponse, or a stream of them.' } },
  });
