/** Prices that people set over the shipped ones: a team's own (append-only rows) and the deployment's. */
import { and, asc, eq, isNotNull, sql } from 'drizzle-orm';
import { overrideId, type PriceBody } from '../domain/cost/price-input.ts';
import { recent } from '../domain/recent.ts';
import { ANY_MODEL } from '../domain/cost/price-table.ts';
import type { Price } from '../domain/cost/price.ts';
import type { CoreServices } from '../services.ts';
import { audit, type AuditEntry } from './audit.ts';
import { soldBy } from './connections.ts';
import { priceOverride, providerConnection } from './schema.ts';

/** Other isolates see a new price after this long. */
export const PRICES_CACHE_MS = 3_000;
const known = recent<readonly Price[]>({ forMs: PRICES_CACHE_MS, size: 500 });

type Row = typeof priceOverride.$inferSelect;
const priceOf = ({ provider, model, effectiveFrom, version, rates }: Row): Price => ({
  id: overrideId({ source: 'team', provider, model, effectiveFrom, version }),
  provider,
  model,
  effectiveFrom,
  source: 'team',
  ...rates,
});

type FreeConnection = Pick<
  typeof providerConnection.$inferSelect,
  'provider' | 'name' | 'baseUrl' | 'freeSince'
>;

/** A connection that the team says is free: each of its models that has no price of its own costs nothing. */
function freePrice(prices: CoreServices['prices'], connection: FreeConnection): Price {
  const effectiveFrom = connection.freeSince!;
  const of = { provider: soldBy(prices, connection), model: ANY_MODEL, effectiveFrom };
  return {
    ...of,
    id: overrideId({ source: 'team', ...of }),
    source: 'team',
    rates: { input: 0, output: 0 },
    tiers: [],
  };
}

/** What PriceTable.lookup wants as `overrides`: the team's rows, oldest version first, and the deployment's. */
export async function overridesOf(
  services: Pick<CoreServices, 'db' | 'vars' | 'now' | 'prices'>,
  teamId: string,
): Promise<readonly Price[]> {
  const { PRICE_OVERRIDES } = services.vars;
  const own = await known.get(teamId, services.now, () => readPrices(services, teamId));
  return PRICE_OVERRIDES ? [...own, ...PRICE_OVERRIDES] : own;
}

async function readPrices(
  { db, prices }: Pick<CoreServices, 'db' | 'prices'>,
  teamId: string,
): Promise<Price[]> {
  const [rows, free] = await db.batch([
    db
      .select()
      .from(priceOverride)
      .where(eq(priceOverride.teamId, teamId))
      .orderBy(asc(priceOverride.version)),
    db
      .select()
      .from(providerConnection)
      .where(and(eq(providerConnection.teamId, teamId), isNotNull(providerConnection.freeSince))),
  ]);
  return [...rows.map(priceOf), ...free.map((connection) => freePrice(prices, connection))];
}

/** A connection of the team changed, and may now be free or no more. */
export const forgetPrices = (teamId: string): void => known.forget(teamId);

export interface NewPrice {
  provider: string;
  model: string;
  /** ISO with milliseconds; may lie in the future */
  effectiveFrom: string;
  body: PriceBody;
}

/** Appends a row, its version one above the newest of this model, together with its audit row; never changes one. */
export async function savePrice(
  services: Pick<CoreServices, 'db' | 'now' | 'newId'>,
  by: Pick<AuditEntry, 'teamId' | 'actor' | 'ip'>,
  { price, before }: { price: NewPrice; before: Price | null },
): Promise<Price> {
  const { db, now } = services;
  const { teamId } = by;
  const { provider, model, effectiveFrom, body } = price;
  const ofModel = and(
    eq(priceOverride.teamId, teamId),
    eq(priceOverride.provider, provider),
    eq(priceOverride.model, model),
  );
  const [rows] = await db.batch([
    db
      .insert(priceOverride)
      .values({
        teamId,
        provider,
        model,
        effectiveFrom,
        rates: body,
        version: sql`(SELECT coalesce(max(version), 0) + 1 FROM price_override WHERE ${ofModel})`,
        createdBy: by.actor,
        createdAt: new Date(now()).toISOString(),
      })
      .returning(),
    audit(services, {
      ...by,
      action: 'price.set',
      target: `${provider}/${model}`,
      before,
      after: { effectiveFrom, ...body },
    }),
  ]);
  known.forget(teamId);
  return priceOf(rows[0]!);
}
