/** The price dialog's texts: out of the price in force, and into what PUT /api/models/:id/price takes. Decimals stay text; no float. */
import type { Model } from '$lib/shapes.ts';

/** 3750000 -> "3.75": whole pico-USD per token are micro-USD per million tokens */
export const decimal = (pico: number | undefined): string =>
  pico === undefined
    ? ''
    : `${Math.floor(pico / 1e6)}.${String(pico % 1e6).padStart(6, '0')}`.replace(/\.?0+$/, '');

export const RATES = [
  { kind: 'input', label: 'Input', optional: false, common: true },
  { kind: 'output', label: 'Output', optional: false, common: true },
  { kind: 'cacheRead', label: 'Cache reads', optional: true, common: true },
  { kind: 'cacheWrite', label: 'Cache writes', optional: true, common: true },
  { kind: 'cacheWrite1h', label: 'Cache writes, 1 hour', optional: true, common: false },
  { kind: 'inputAudio', label: 'Audio input', optional: true, common: false },
  { kind: 'outputAudio', label: 'Audio output', optional: true, common: false },
] as const;
export type RateKind = (typeof RATES)[number]['kind'];
export const fieldOf = (kind: RateKind) => `${kind}UsdPerMillionTokens` as const;

export const SERVICE_TIERS = ['batch', 'flex', 'priority', 'fast'] as const;
export type TierName = (typeof SERVICE_TIERS)[number];

/** In USD per 1,000 pieces: billions of pico-USD each. */
export const FEES = [
  { name: 'picoUsdPerWebSearch', label: 'Web searches' },
  { name: 'picoUsdPerRequest', label: 'Requests' },
] as const;
export type FeeName = (typeof FEES)[number]['name'];

export interface LengthTier {
  above: string;
  input: string;
  output: string;
  cacheRead: string;
}

export interface PriceForm {
  free: boolean;
  rates: Record<RateKind, string>;
  from: string;
  lengthTiers: LengthTier[];
  /** "2" = twice the price above */
  multiples: Record<TierName, string>;
  fees: Record<FeeName, string>;
}

const each = <K extends string>(names: readonly K[], textOf: (name: K) => string) =>
  Object.fromEntries(names.map((name) => [name, textOf(name)])) as Record<K, string>;

/**
 * The common rates begin as they are in force. What lies under "advanced" begins empty, and so as the list price has it, unless the
 * price in force is the team's own.
 */
export function formOf({ prices, source }: Model): PriceForm {
  const own = source === 'team' ? prices : null;
  return {
    free: prices !== null && prices.input === 0 && prices.output === 0,
    rates: each(
      RATES.map(({ kind }) => kind),
      (kind) => decimal(prices?.[kind]),
    ),
    from: '',
    lengthTiers: (own?.tiers ?? []).map(({ aboveInputTokens, rates }) => ({
      above: String(aboveInputTokens),
      input: decimal(rates.input),
      output: decimal(rates.output),
      cacheRead: decimal(rates.cacheRead),
    })),
    multiples: each(SERVICE_TIERS, (tier) => {
      const price = own?.serviceTiers?.[tier];
      return price && 'perMille' in price ? decimal(price.perMille * 1_000) : '';
    }),
    fees: each(
      FEES.map(({ name }) => name),
      (name) => (own?.[name] === undefined ? '' : decimal(own[name] / 1_000)),
    ),
  };
}

/** A text of the form that is no number of the kind that its field wants, by the name of the field. */
export type FormFaults = Record<string, string>;

/** The decimal as a whole number of 10^-places; null when it is none or finer. */
function scaled(text: string, places: number): number | null {
  const match = /^(\d{1,9})(?:\.(\d+))?$/.exec(text.trim());
  const fraction = (match?.[2] ?? '').replace(/0+$/, '');
  if (!match || fraction.length > places) return null;
  return Number(match[1] + fraction.padEnd(places, '0'));
}

/** The body of the request, or what is wrong with the texts that the server would not see as typed. */
export function bodyOf(form: PriceForm): { body: Record<string, unknown> } | { faults: FormFaults } {
  const from = form.from ? { effectiveFrom: form.from } : {};
  if (form.free) return { body: { inputUsdPerMillionTokens: '0', outputUsdPerMillionTokens: '0', ...from } };
  const faults: FormFaults = {};
  const whole = (name: string, text: string, places: number, what: string) => {
    const value = scaled(text, places);
    if (value === null) faults[name] = what;
    return value ?? 0;
  };
  const rates = RATES.filter(({ kind }) => form.rates[kind].trim() !== '').map(({ kind }) => [
    fieldOf(kind),
    form.rates[kind].trim(),
  ]);
  const tiers = form.lengthTiers.map(({ above, input, output, cacheRead }, index) => ({
    aboveInputTokens: whole(`tiers.${index}.aboveInputTokens`, above, 0, 'a whole number of tokens'),
    inputUsdPerMillionTokens: input.trim(),
    outputUsdPerMillionTokens: output.trim(),
    ...(cacheRead.trim() ? { cacheReadUsdPerMillionTokens: cacheRead.trim() } : {}),
  }));
  const serviceTiers = SERVICE_TIERS.filter((tier) => form.multiples[tier].trim() !== '').map((tier) => ({
    tier,
    perMille: whole(`multiple.${tier}`, form.multiples[tier], 3, 'a number such as 0.5 or 2'),
  }));
  const fees = FEES.filter(({ name }) => form.fees[name].trim() !== '').map(({ name }) => [
    name,
    // USD per 1,000 = thousand-millionths of a pico-USD each
    whole(name, form.fees[name], 9, 'a decimal such as "10"'),
  ]);
  if (Object.keys(faults).length > 0) return { faults };
  return {
    body: {
      ...Object.fromEntries(rates),
      ...from,
      ...(tiers.length > 0 ? { tiers } : {}),
      ...(serviceTiers.length > 0 ? { serviceTiers } : {}),
      ...Object.fromEntries(fees),
    },
  };
}

/** What else the price in force says, in few words: "priority ×2", "web search $10 / 1K". */
export function alsoOf({ prices }: Model): string[] {
  if (!prices) return [];
  // Batches are not sent through us.
  const tiers = SERVICE_TIERS.filter((tier) => tier !== 'batch').flatMap((tier) => {
    const price = prices.serviceTiers?.[tier];
    return price && 'perMille' in price
      ? [`${tier} ×${decimal(price.perMille * 1_000)}`]
      : price
        ? [tier]
        : [];
  });
  return [
    ...prices.tiers
      .slice(0, 1)
      .map(({ aboveInputTokens }) => `dearer above ${thousands(aboveInputTokens)} tokens`),
    ...tiers,
    ...(prices.picoUsdPerWebSearch
      ? [`web search $${decimal(prices.picoUsdPerWebSearch / 1_000)} / 1K`]
      : []),
  ];
}

const thousands = (tokens: number) => (tokens >= 1_000 ? `${Math.round(tokens / 1_000)}K` : String(tokens));
