/** POST /api/token-tracking/estimate: what a call would cost, before it is made. Nothing is reserved and nothing is sent. */
import { createRoute, z } from '@hono/zod-openapi';
import { chatInputOf, type ChatInput } from '../domain/cost/chat-input.ts';
import { isCountable, maxOutputOf } from '../domain/cost/ceiling.ts';
import { estimateOf, type Candidate } from '../domain/cost/estimate.ts';
import type { Price } from '../domain/cost/price.ts';
import type { ModelRef, PriceTable } from '../domain/cost/price-table.ts';
import { SANDBOX } from '../domain/cost/sandbox-prices.ts';
import { providersOf } from '../store/connected-providers.ts';
import { connectionsOf } from '../store/connections.ts';
import { recentOutputTokens } from '../store/estimate-history.ts';
import { firstModelOf } from '../store/model-routes.ts';
import { modelNamed } from '../store/named-model.ts';
import { overridesOf } from '../store/prices.ts';
import { Refused } from './errors.ts';
import { answers, jsonBody, newRoutes } from './routes.ts';

const messageSchema = z.looseObject({
  role: z.string().min(1).max(50),
  content: z
    .union([z.string(), z.array(z.looseObject({ type: z.string().optional() }))])
    .nullable()
    .optional(),
});

const requestSchema = z
  .strictObject({
    /** "gpt-4o", "sandbox-small", "<provider>/<model>" or a route, whose first model is then taken */
    model: z.string().min(1).max(200),
    /** counted as it stands, without framing */
    text: z.string().optional(),
    /** counted with their framing, as a chat request */
    messages: z.array(messageSchema).min(1).max(2_000).optional(),
    maxOutputTokens: z.int().min(0).max(10_000_000).optional(),
    /** only past runs of this prompt count as basis */
    promptId: z.string().max(100).optional(),
    tools: z.array(z.looseObject({})).max(500).optional(),
    responseSchema: z.looseObject({}).optional(),
  })
  .refine((body) => (body.text === undefined) !== (body.messages === undefined), {
    path: ['text'],
    message: 'send either text or messages',
  })
  .openapi('EstimateRequest');

const tokens = z.int().min(0);
const rangeSchema = z.object({ low: tokens, expected: tokens, high: tokens, max: tokens });

export const estimateSchema = z
  .object({
    model: z.string(),
    provider: z.string(),
    inputTokens: tokens,
    /** true = the provider will count the same number */
    exact: z.boolean(),
    outputTokens: rangeSchema,
    /** null = the model has no price; `max` is what a reservation would hold */
    costNanoUsd: rangeSchema.nullable(),
    basis: z.object({
      kind: z.enum(['exact', 'runs', 'rough']),
      runs: tokens,
      confidence: z.enum(['exact', 'good', 'fair', 'rough']),
    }),
    /** the instant whose price was taken */
    pricedAt: z.iso.datetime(),
    priceId: z.string().nullable(),
    effectiveFrom: z.iso.datetime().nullable(),
    alternatives: z.array(
      z.object({ model: z.string(), provider: z.string(), costNanoUsd: tokens, savingsPercent: tokens }),
    ),
  })
  .openapi('Estimate');

export const estimate = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/token-tracking/estimate',
    summary: 'What would a call cost?',
    request: { body: jsonBody(requestSchema) },
    responses: answers(200, 'Tokens, an honest range of cost, and cheaper models.', estimateSchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { prices, counter, now } = services;
    const { teamId } = c.get('actor');
    const body = c.req.valid('json');
    const [connections, overrides] = await Promise.all([
      connectionsOf(services, teamId),
      overridesOf(services, teamId),
    ]);
    // of a route: the model that stands first
    const name = await firstModelOf(services, teamId, body.model);
    const ref = await modelNamed(services, { teamId, name, overrides });
    if (!ref) throw new Refused({ reason: 'model_not_found', model: body.model });

    const chat = body.messages ? chatOf(body) : null;
    const [count, history] = await Promise.all([
      chat ? counter.countChat(ref, chat) : counter.countText(ref, body.text ?? ''),
      recentOutputTokens(services, { teamId, ...ref, promptId: body.promptId }),
    ]);
    const pricedAt = new Date(now()).toISOString();
    const price = prices.lookup(ref.provider, ref.model, pricedAt, overrides);
    const bounds = { audio: chat?.audio ?? false };
    const maxOutputTokens = maxOutputOf(
      prices.info(ref.provider, ref.model),
      count.ceilingTokens,
      body.maxOutputTokens,
    );
    if (price && !isCountable({ ...bounds, inputTokens: count.ceilingTokens, maxOutputTokens }, price))
      throw new Refused({
        reason: 'invalid',
        issues: [{ path: 'maxOutputTokens', message: 'at this price it could cost more than $100,000' }],
      });
    const answer = estimateOf({
      count,
      price,
      history,
      maxOutputTokens,
      bounds,
      candidates: candidatesFor(ref.provider, providersOf(connections), prices, (model) =>
        prices.lookup(model.provider, model.model, pricedAt, overrides),
      ),
    });
    return c.json(
      {
        ...ref,
        ...answer,
        pricedAt,
        priceId: price?.id ?? null,
        effectiveFrom: price?.effectiveFrom ?? null,
      },
      200,
    );
  },
);

/** Messages may come in OpenAI's or Anthropic's shape; the reader knows both. */
const chatOf = (body: z.infer<typeof requestSchema>): ChatInput =>
  chatInputOf('anthropic_messages', {
    messages: body.messages,
    ...(body.tools ? { tools: body.tools } : {}),
    ...(body.responseSchema ? { response_format: body.responseSchema } : {}),
  });

/** The sandbox answers nothing real, so it stands in for itself only; a real model for what the team can reach. */
function candidatesFor(
  provider: string,
  connected: readonly string[],
  prices: PriceTable,
  priceOf: (model: ModelRef) => Price | null,
): Candidate[] {
  const within = provider === SANDBOX ? [SANDBOX] : connected.filter((id) => id !== SANDBOX);
  return prices
    .models()
    .filter((info) => within.includes(info.provider) && !/-(slow|flaky|429|500)$/.test(info.model))
    .flatMap((info) => {
      const price = priceOf(info);
      return price ? [{ info, price }] : [];
    });
}
