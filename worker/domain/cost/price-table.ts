/** Which price is in force for a model at an instant: team over deployment over sandbox and shipped; never a guess. */
import type { ModelInfo, Price } from './price.ts';
import { SANDBOX, SANDBOX_MODELS, SANDBOX_PRICES } from './sandbox-prices.ts';
import { inheriting, servicePriceOf, withServicePrice } from './service-prices.ts';
import {
  matches,
  servesAt,
  type ShippedModel,
  type ShippedPrices,
  type ShippedProvider,
  type ShippedRow,
} from './shipped.ts';

export interface ModelRef {
  provider: string;
  model: string;
}

export interface PriceTable {
  /** The price in force at an ISO instant; null = the model has no price. `overrides` are rows with source 'team' or 'deployment'. */
  lookup(provider: string, model: string, atIso: string, overrides?: readonly Price[]): Price | null;
  /** What is known of a model ("gpt-4o-2024-08-06" is found under gpt-4o, keeping the name asked for); null = nothing. */
  info(provider: string, model: string): ModelInfo | null;
  /**
   * What a caller's name means: "sandbox-small", "gpt-4o" or "<provider>/<model>". `connected` are the providers that the team
   * can reach: they win where several could be meant. What the data does not know is looked for in `overrides`. Null = no provider
   * of ours has such a model.
   */
  resolve(name: string, connected?: readonly string[], overrides?: readonly Price[]): ModelRef | null;
  /** Every known model once, sandbox first, in the data's order. */
  models(): readonly ModelInfo[];
  /** Whose server a base URL is, by our name; null = nobody's that the data knows. */
  providerAt(baseUrl: string): string | null;
  /** Every shipped price once, whenever it holds. */
  prices(): readonly Price[];
}

/** ISO instant of rows that held from the beginning. */
export const ALWAYS = '1970-01-01T00:00:00.000Z';

/** Our name of a provider where the shipped data has another; lookups take both, answers have ours. */
const OUR_NAMES: Record<string, string> = { google: 'gemini', cloudflare: 'workers-ai' };
const ourName = (id: string): string => OUR_NAMES[id] ?? id;
const theirName = (id: string): string =>
  Object.keys(OUR_NAMES).find((theirs) => OUR_NAMES[theirs] === id) ?? id;

/** Servers that nobody publishes prices of: what they cost is what the team says. Named connections have prices of their own. */
export const COMPATIBLE = 'openai-compatible';
const isCompatible = (id: string) => id === COMPATIBLE || id.startsWith(`${COMPATIBLE}:`);

/** Stands for every model of a provider that has no price of its own there. */
export const ANY_MODEL = '*';

export function createPriceTable(shipped: ShippedPrices): PriceTable {
  const providers = new Map(shipped.providers.map((provider) => [provider.id, provider]));
  const found = new Map<string, { model: ShippedModel; owner: string } | null>();
  /** each row's price is made once */
  const priced = new Map<ShippedRow, Price>();
  const natives = new Map<string, ShippedProvider | null>();
  let all: readonly ModelInfo[] | undefined;

  function providerOf(name: string): ShippedProvider | null {
    const id = theirName(name.toLowerCase());
    // "openai-compatible" is not OpenAI.
    if (isCompatible(id)) return null;
    return providers.get(id) ?? shipped.providers.find(({ match }) => match && matches(match, id)) ?? null;
  }

  const ourNameOf = (provider: ShippedProvider | null) => provider && ourName(provider.id);

  function modelOf(providerName: string, model: string): { model: ShippedModel; owner: string } | null {
    const key = `${providerName}/${model}`;
    let hit = found.get(key);
    if (hit === undefined) {
      const provider = providerOf(providerName);
      const name = model.toLowerCase().trim();
      hit = provider ? (findModel(provider, name) ?? findModel(provider, withDashedDate(name))) : null;
      if (found.size > 5_000) found.clear();
      found.set(key, hit);
    }
    return hit;
  }

  function findModel(provider: ShippedProvider, name: string): { model: ShippedModel; owner: string } | null {
    const model = provider.models.find(({ match }) => matches(match, name));
    if (model) return { model, owner: provider.id };
    for (const id of provider.fallbacks ?? []) {
      const sold = providers.get(id)?.models.find(({ match }) => matches(match, name));
      if (sold) return { model: sold, owner: id };
    }
    return null;
  }

  function lookup(
    provider: string,
    model: string,
    atIso: string,
    overrides: readonly Price[] = [],
  ): Price | null {
    const own = overridden({ provider, model, alias: modelOf(provider, model)?.model.id }, atIso, overrides);
    const shippedPrice = shippedAt(provider, model, atIso);
    return own ? inheriting(own, shippedPrice) : shippedPrice;
  }

  function shippedAt(provider: string, model: string, atIso: string): Price | null {
    if (provider === SANDBOX) return SANDBOX_PRICES.find((price) => price.model === model) ?? null;
    const hit = modelOf(provider, model);
    const row = hit?.model.rows.findLast((candidate) => holds(candidate, atIso));
    // As in the data's own library: before the first dated row, the first row.
    const inForce = row ?? hit?.model.rows[0];
    if (!hit || !inForce) return null;
    return priceOfRow(hit.owner, hit.model.id, inForce);
  }

  function priceOfRow(provider: string, model: string, row: ShippedRow): Price {
    let price = priced.get(row);
    if (!price) priced.set(row, (price = priceOf(shipped.source, provider, model, row)));
    return price;
  }

  function info(provider: string, model: string): ModelInfo | null {
    if (provider === SANDBOX) return SANDBOX_MODELS.find((known) => known.model === model) ?? null;
    const hit = modelOf(provider, model);
    return hit && { ...infoOf(provider, hit.model), model };
  }

  /** Whose model is this by its name? Every provider's pattern is tried, so the answer is kept. */
  function nativeOf(name: string): ShippedProvider | null {
    let native = natives.get(name);
    if (native === undefined) {
      const text = name.toLowerCase();
      native = shipped.providers.find(({ modelMatch }) => modelMatch && matches(modelMatch, text)) ?? null;
      if (natives.size > 5_000) natives.clear();
      natives.set(name, native);
    }
    return native;
  }

  function resolve(
    name: string,
    connected: readonly string[] = [],
    overrides: readonly Price[] = [],
  ): ModelRef | null {
    if (SANDBOX_MODELS.some(({ model }) => model === name)) return { provider: SANDBOX, model: name };
    const slash = name.indexOf('/');
    if (slash > 0) {
      const [provider, model] = [name.slice(0, slash), name.slice(slash + 1)];
      const named =
        connected.find((id) => id === provider) ??
        (provider === SANDBOX ? SANDBOX : ourNameOf(providerOf(provider)));
      if (named && info(named, model)) return { provider: named, model };
    }
    const native = nativeOf(name);
    const candidates = [
      ...connected.filter((id) => providerOf(id)?.id === native?.id),
      ...connected,
      ...(native ? [ourName(native.id)] : []),
    ];
    const provider = candidates.find((id) => info(id, name));
    if (provider) return { provider, model: name };
    const priced = overrides
      .filter((row) => row.model !== ANY_MODEL)
      .filter((row) => row.model === name || `${row.provider}/${row.model}` === name);
    const row = priced.find((candidate) => connected.includes(candidate.provider)) ?? priced[0];
    return row ? { provider: row.provider, model: row.model } : null;
  }

  return {
    lookup,
    info,
    resolve,
    providerAt(baseUrl) {
      const provider = shipped.providers.find((candidate) => servesAt(candidate, baseUrl));
      return ourNameOf(provider ?? null);
    },
    models: () =>
      (all ??= [
        ...SANDBOX_MODELS,
        ...shipped.providers.flatMap((provider) =>
          provider.models.map((model) => infoOf(ourName(provider.id), model)),
        ),
      ]),
    prices: () => [
      ...SANDBOX_PRICES,
      ...shipped.providers.flatMap(({ id, models }) =>
        models.flatMap((model) => model.rows.map((row) => priceOfRow(id, model.id, row))),
      ),
    ],
  };
}

/** A price set for "gpt-4o" also holds for the dated names that the data knows as gpt-4o, unless one was set for that very name. */
function overridden(
  { provider, model, alias }: ModelRef & { alias: string | undefined },
  atIso: string,
  overrides: readonly Price[],
): Price | null {
  if (overrides.length === 0) return null;
  for (const source of ['team', 'deployment'])
    for (const name of [...new Set([model, alias, ANY_MODEL])]) {
      const inForce = overrides
        .filter((row) => row.source === source && row.provider === provider && row.model === name)
        .filter((row) => Date.parse(row.effectiveFrom) <= Date.parse(atIso))
        .sort((a, b) => Date.parse(a.effectiveFrom) - Date.parse(b.effectiveFrom))
        .at(-1);
      if (inForce) return inForce;
    }
  return null;
}

function holds(row: ShippedRow, atIso: string): boolean {
  const at = new Date(atIso);
  if (row.from && at < new Date(row.from)) return false;
  if (!row.daily) return true;
  const time = at.toISOString().slice(11, 19);
  const { from, to } = row.daily;
  return to < from ? time >= from || time < to : time >= from && time < to;
}

function priceOf(source: string, provider: string, model: string, row: ShippedRow): Price {
  const since = row.from ?? ALWAYS.slice(0, 10);
  const price: Price = {
    id: `${source}:${provider}/${model}@${since}${row.daily ? `T${row.daily.from}/${row.daily.to}` : ''}`,
    provider,
    model,
    effectiveFrom: `${since}T00:00:00.000Z`,
    source,
    rates: row.rates,
    tiers: row.tiers ?? [],
    picoUsdPerWebSearch: row.picoUsdPerWebSearch,
    picoUsdPerRequest: row.picoUsdPerRequest,
  };
  return withServicePrice(price, servicePriceOf(provider, model));
}

const infoOf = (provider: string, model: ShippedModel): ModelInfo => ({
  provider,
  model: model.id,
  name: model.name ?? model.id,
  contextWindow: model.contextWindow ?? null,
  maxOutputTokens: model.maxOutputTokens ?? null,
});

/** "x-20250929" is also written "x-2025-09-29". */
const withDashedDate = (model: string): string =>
  model.replace(/(-)(20\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(?=-|:|$)/g, '$1$2-$3-$4');
