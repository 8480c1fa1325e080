/** Which of a price's variants a call was served under, and what that variant costs. The one place that decides it. */
import type { Price, Rates, TierPrice } from './price.ts';
import type { ServiceTier, Usage } from './usage.ts';

/** How a request was, or may be, served. */
export interface Serving {
  serviceTier: ServiceTier | null;
  regional: boolean;
}

/** What a request asks for. `reachable`: every tier it may be served under, for the ceiling. */
export interface TierAsk {
  asked: ServiceTier;
  /** never empty */
  reachable: readonly ServiceTier[];
}

export const STANDARD: TierAsk = { asked: 'standard', reachable: ['standard'] };

export interface PriceVariant {
  /** '' for the standard price, else what the ledger's price id ends with: '+priority', '+fast+regional' */
  suffix: string;
  rates: Rates;
  tiers: Price['tiers'];
  /** true = no source states this variant's price: it is the dearer sensible reading, to be checked against the bill */
  assumed: boolean;
}

/**
 * Where a price does not say what a tier costs: cheaper tiers cost the standard price, dearer ones the dearest multiple that any
 * provider publishes for such a tier (OpenAI's GPT-5.5 priority 2.5x, Anthropic's Opus 4.6 fast mode 6x; service-prices.ts).
 */
export const ASSUMED_PER_MILLE: Record<ServiceTier, number> = {
  standard: 1_000,
  batch: 1_000,
  flex: 1_000,
  priority: 2_500,
  fast: 6_000,
};
/** Anthropic's surcharge, the only one published. */
export const ASSUMED_REGIONAL_PER_MILLE = 1_100;

/** The rates that hold for a way of serving. */
export function variantOf(price: Price, { serviceTier, regional }: Serving): PriceVariant {
  const tier = serviceTier ?? 'standard';
  let variant: PriceVariant = { suffix: '', rates: price.rates, tiers: price.tiers, assumed: false };
  if (tier !== 'standard') {
    const stated = price.serviceTiers?.[tier];
    variant = {
      ...tierRates(variant, stated ?? { perMille: ASSUMED_PER_MILLE[tier] }),
      suffix: `+${tier}`,
      assumed: stated === undefined,
    };
  }
  if (regional) {
    const times = price.regionalPerMille ?? ASSUMED_REGIONAL_PER_MILLE;
    variant = {
      ...tierRates(variant, { perMille: times }),
      suffix: `${variant.suffix}+regional`,
      assumed: variant.assumed || price.regionalPerMille === undefined,
    };
  }
  return variant;
}

const tierRates = (standard: Pick<PriceVariant, 'rates' | 'tiers'>, price: TierPrice) =>
  'rates' in price
    ? { rates: price.rates, tiers: price.tiers }
    : {
        rates: times(standard.rates, price.perMille),
        tiers: standard.tiers.map(({ aboveInputTokens, rates }) => ({
          aboveInputTokens,
          rates: times(rates, price.perMille),
        })),
      };

/** Rounded up to a whole pico-USD, so that rounding never makes a call cheaper. */
const times = (rates: Rates, perMille: number): Rates =>
  Object.fromEntries(
    Object.entries(rates).map(([kind, rate]) => [
      kind,
      Number((BigInt(rate) * BigInt(perMille) + 999n) / 1_000n),
    ]),
  ) as Rates;

/** The name that a ledger row keeps of its price: the row of the table, and the variant of it that was served. */
export const priceIdOf = (price: Price, usage: Serving): string => price.id + variantOf(price, usage).suffix;

/** What the provider says it served wins; where it says nothing, what was asked for. Null = standard, and nobody said otherwise. */
export const servedTier = (reported: Usage['serviceTier'], { asked }: TierAsk): Usage['serviceTier'] =>
  reported ?? (asked === 'standard' ? null : asked);

/** The tier within reach that is dearest for this price, the first of equals: what holds where no usage came at all. Null = standard. */
export function dearestTier(price: Price | null, { asked, reachable }: TierAsk): Usage['serviceTier'] {
  if (!price) return servedTier(null, { asked, reachable });
  const weight = (tier: ServiceTier) => {
    const { rates, tiers } = variantOf(price, { serviceTier: tier, regional: false });
    return Math.max(
      ...[rates, ...tiers.map((each) => each.rates)].map(({ input, output }) => input + output),
    );
  };
  const dearest = reachable.reduce((a, b) => (weight(b) > weight(a) ? b : a));
  return dearest === 'standard' ? null : dearest;
}

/** Rows from before usage kept its tier say it in their flags. */
export function withFlaggedServing(usage: Usage, flags: readonly string[]): Usage {
  const tier = flags.map((flag) => /^service_tier:(batch|flex|priority)$/.exec(flag)?.[1]).find(Boolean);
  return {
    ...usage,
    serviceTier:
      usage.serviceTier ?? (flags.includes('fast_mode') ? 'fast' : ((tier ?? null) as ServiceTier | null)),
    regional: usage.regional || flags.includes('regional_inference'),
  };
}
