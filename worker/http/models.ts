/** GET /api/models: every model we know, with the price in force and whether the team can reach it. PUT /api/models/:id/price: the team's own price. */
import { createRoute, z } from '@hono/zod-openapi';
import { priceBodyOf, priceInputFields } from '../domain/cost/price-input.ts';
import { ANY_MODEL, type ModelRef, type PriceTable } from '../domain/cost/price-table.ts';
import { priceSchema, ratesSchema, type ModelInfo, type Price } from '../domain/cost/price.ts';
import { connectedProviders } from '../store/connected-providers.ts';
import { listConnections, type ShownConnection } from '../store/connections.ts';
import { modelNamed } from '../store/named-model.ts';
import { overridesOf, savePrice } from '../store/prices.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { answers, jsonBody, newRoutes, pageOf, pageQuery } from './routes.ts';
import { instant } from './token-tracking/instant.ts';

const modelSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int().nullable(),
    /** whole pico-USD per token (micro-USD per million tokens); null = no price */
    prices: ratesSchema
      .extend(
        priceSchema
          .omit({ id: true, provider: true, model: true, effectiveFrom: true, source: true, rates: true })
          .extend({
            /** above so many input tokens the WHOLE request has these rates */
            tiers: z.array(z.object({ aboveInputTokens: z.int(), rates: ratesSchema })),
          }).shape,
      )
      .nullable(),
    priceId: z.string().nullable(),
    effectiveFrom: z.iso.datetime().nullable(),
    source: z.string().nullable(),
    /** the team, or the whole deployment, has a connection to its provider */
    connected: z.boolean(),
  })
  .openapi('Model');

const query = pageQuery.extend({
  connected: z.enum(['true', 'false']).optional(),
  provider: z.string().max(100).optional(),
  /** part of the id, name or provider */
  q: z.string().max(100).optional(),
});

const listModels = createRoute({
  method: 'get',
  path: '/api/models',
  summary: 'Models with the prices in force',
  request: { query },
  responses: answers(200, 'Connected models first.', pageOf(modelSchema)),
});

const setPrice = z.strictObject({
  /** needed where no connection has the model: "openai", ... or "external" for usage that is only logged */
  provider: z.string().trim().min(1).max(100).optional(),
  /** default: now */
  effectiveFrom: instant.optional(),
  ...priceInputFields,
});

const putPrice = createRoute({
  method: 'put',
  path: '/api/models/{id}/price',
  summary: "The team's own price of a model, from now on or from a date; a slash in the id is sent as %2F",
  middleware: [idempotent] as const,
  request: { params: z.object({ id: z.string().min(1).max(200) }), body: jsonBody(setPrice) },
  responses: answers(
    200,
    'The model with the price in force, and the price that was set.',
    modelSchema.extend({ set: z.object({ priceId: z.string(), effectiveFrom: z.iso.datetime() }) }),
  ),
});

export const models = newRoutes()
  .openapi(listModels, async (c) => {
    const services = c.get('services');
    const { prices, now } = services;
    const { teamId } = c.get('actor');
    const { limit, cursor, connected: wanted, provider, q } = c.req.valid('query');
    const [connected, overrides, connections] = await Promise.all([
      connectedProviders(services, teamId),
      overridesOf(services, teamId),
      listConnections(services, teamId),
    ]);
    const reachable = new Set(connected);
    const needle = q?.toLowerCase();
    const found = [...prices.models(), ...unlisted(prices, connections, overrides)]
      .map((info) => ({ info, connected: reachable.has(info.provider) }))
      .filter(({ connected }) => wanted === undefined || connected === (wanted === 'true'))
      .filter(({ info }) => provider === undefined || info.provider === provider)
      .filter(
        ({ info }) => !needle || `${info.provider}/${info.model} ${info.name}`.toLowerCase().includes(needle),
      )
      .sort((a, b) => Number(b.connected) - Number(a.connected));
    const start = cursor === undefined ? 0 : Number(cursor);
    if (!Number.isSafeInteger(start) || start < 0)
      throw new Refused({ reason: 'invalid', issues: [{ path: 'cursor', message: 'not a cursor of ours' }] });
    const atIso = new Date(now()).toISOString();
    const data = found
      .slice(start, start + limit)
      .map(({ info, connected }) =>
        shown(info, prices.lookup(info.provider, info.model, atIso, overrides), connected),
      );
    return c.json({ data, nextCursor: start + limit < found.length ? String(start + limit) : null }, 200);
  })
  .openapi(putPrice, async (c) => {
    const services = c.get('services');
    const { prices, now } = services;
    const { teamId } = c.get('actor');
    const { id } = c.req.valid('param');
    const { provider, effectiveFrom, ...input } = c.req.valid('json');
    const body = priceBodyOf(input);
    const [connected, before] = await Promise.all([
      connectedProviders(services, teamId),
      overridesOf(services, teamId),
    ]);
    const ref = provider
      ? { provider, model: id }
      : await modelNamed(services, { teamId, name: id, overrides: before });
    const issues = [
      ...(body.ok ? [] : body.error),
      ...(ref
        ? []
        : [{ path: 'provider', message: `no connection of the team has ${id}: whose model is it?` }]),
    ];
    if (!body.ok || !ref) throw new Refused({ reason: 'invalid', issues });
    const atIso = new Date(now()).toISOString();
    const set = await savePrice(services, byCaller(c), {
      price: { ...ref, effectiveFrom: effectiveFrom ?? atIso, body: body.value },
      before: prices.lookup(ref.provider, ref.model, atIso, before),
    });
    const inForce = prices.lookup(ref.provider, ref.model, atIso, await overridesOf(services, teamId));
    const info = prices.info(ref.provider, ref.model) ?? unknownModel(ref);
    return c.json(
      {
        ...shown(info, inForce, connected.includes(ref.provider)),
        set: { priceId: set.id, effectiveFrom: set.effectiveFrom },
      },
      200,
    );
  });

function shown(info: ModelInfo, price: Price | null, connected: boolean): z.infer<typeof modelSchema> {
  const { model: id, ...known } = info;
  return {
    id,
    ...known,
    prices: price && pricesOf(price),
    priceId: price?.id ?? null,
    effectiveFrom: price?.effectiveFrom ?? null,
    source: price?.source ?? null,
    connected,
  };
}

const pricesOf = ({ rates, ...price }: Price) => {
  const { id: _, provider: __, model: ___, effectiveFrom: ____, source: _____, ...more } = price;
  return { ...rates, ...more };
};

const unknownModel = ({ provider, model }: ModelRef): ModelInfo => ({
  provider,
  model,
  name: model,
  contextWindow: null,
  maxOutputTokens: null,
});

/** Models that only the team knows of: listed by a connection but not in the data, or given a price of their own. */
function unlisted(
  prices: PriceTable,
  connections: readonly Pick<ShownConnection, 'sells' | 'models'>[],
  overrides: readonly Price[],
): ModelInfo[] {
  const refs = [
    ...connections.flatMap(({ sells, models }) => models.map((model) => ({ provider: sells, model }))),
    ...overrides.filter(({ model }) => model !== ANY_MODEL),
  ];
  const known = new Map<string, ModelInfo>();
  for (const ref of refs)
    if (!prices.info(ref.provider, ref.model)) known.set(`${ref.provider}/${ref.model}`, unknownModel(ref));
  return [...known.values()];
}
