/** GET /api/models: every model we know, with the price in force and whether the team can reach it. */
import { createRoute, z } from '@hono/zod-openapi';
import { ratesSchema } from '../domain/cost/price.ts';
import { connectedProviders } from '../store/connected-providers.ts';
import { answers, newRoutes, pageOf, pageQuery } from './routes.ts';
import { Refused } from './errors.ts';

const modelSchema = z
  .object({
    id: z.string(),
    provider: z.string(),
    name: z.string(),
    contextWindow: z.int().nullable(),
    maxOutputTokens: z.int().nullable(),
    /** whole pico-USD per token (micro-USD per million tokens); null = no price */
    prices: ratesSchema
      .extend({
        picoUsdPerWebSearch: z.int().optional(),
        picoUsdPerRequest: z.int().optional(),
        /** above so many input tokens the WHOLE request has these rates */
        tiers: z.array(z.object({ aboveInputTokens: z.int(), rates: ratesSchema })),
      })
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

export const models = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/models',
    summary: 'Models with the prices in force',
    request: { query },
    responses: answers(200, 'Connected models first.', pageOf(modelSchema)),
  }),
  async (c) => {
    const { db, vars, prices, now } = c.get('services');
    const { limit, cursor, connected: wanted, provider, q } = c.req.valid('query');
    const reachable = new Set(await connectedProviders(db, vars, c.get('actor').teamId));
    const needle = q?.toLowerCase();
    const found = prices
      .models()
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
    const data = found.slice(start, start + limit).map(({ info, connected }) => {
      const price = prices.lookup(info.provider, info.model, atIso);
      const { model: id, ...known } = info;
      return {
        id,
        ...known,
        prices: price && {
          ...price.rates,
          tiers: price.tiers,
          picoUsdPerWebSearch: price.picoUsdPerWebSearch,
          picoUsdPerRequest: price.picoUsdPerRequest,
        },
        priceId: price?.id ?? null,
        effectiveFrom: price?.effectiveFrom ?? null,
        source: price?.source ?? null,
        connected,
      };
    });
    return c.json({ data, nextCursor: start + limit < found.length ? String(start + limit) : null }, 200);
  },
);
