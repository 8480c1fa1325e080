/** A price as people write it: decimal text in USD per million tokens, or whole pico-USD per token; for a team's own prices and PRICE_OVERRIDES. */
import { z } from 'zod';
import { parseUsdPerMillionTokens } from '../money.ts';
import type { Issue } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { perMille, PRICED_TIERS, type Price, type Rates, type TierPrice } from './price.ts';
import { TOOL_KINDS, type ServiceTier } from './usage.ts';

/** $1 per token: dearer is a slip of the unit. */
export const DEAREST_PICO_USD = 1_000_000_000_000;

const KINDS = [
  'input',
  'output',
  'cacheRead',
  'cacheWrite',
  'cacheWrite1h',
  'inputAudio',
  'outputAudio',
] as const satisfies (keyof Rates)[];
type Kind = (typeof KINDS)[number];
const usd = (kind: Kind) => `${kind}UsdPerMillionTokens` as const;
const pico = (kind: Kind) => `${kind}PicoUsdPerToken` as const;

const pricePerMillion = z.string().max(40);
const wholePico = z.int().min(0).max(DEAREST_PICO_USD);

/** Each kind of token in one of two units; 0 = free on purpose. */
const rateFields = {
  inputUsdPerMillionTokens: pricePerMillion.optional(),
  outputUsdPerMillionTokens: pricePerMillion.optional(),
  cacheReadUsdPerMillionTokens: pricePerMillion.optional(),
  cacheWriteUsdPerMillionTokens: pricePerMillion.optional(),
  cacheWrite1hUsdPerMillionTokens: pricePerMillion.optional(),
  inputAudioUsdPerMillionTokens: pricePerMillion.optional(),
  outputAudioUsdPerMillionTokens: pricePerMillion.optional(),
  inputPicoUsdPerToken: wholePico.optional(),
  outputPicoUsdPerToken: wholePico.optional(),
  cacheReadPicoUsdPerToken: wholePico.optional(),
  cacheWritePicoUsdPerToken: wholePico.optional(),
  cacheWrite1hPicoUsdPerToken: wholePico.optional(),
  inputAudioPicoUsdPerToken: wholePico.optional(),
  outputAudioPicoUsdPerToken: wholePico.optional(),
};
type RateInput = z.infer<z.ZodObject<typeof rateFields>>;

export const priceInputFields = {
  ...rateFields,
  /** above so many input tokens the WHOLE request has these rates */
  tiers: z
    .array(z.strictObject({ aboveInputTokens: z.int().min(1).max(100_000_000), ...rateFields }))
    .max(10)
    .optional(),
  /** what the model costs under another service tier: a multiple of the rates above in thousandths, or rates of its own */
  serviceTiers: z
    .array(z.strictObject({ tier: z.enum(PRICED_TIERS), perMille: perMille.optional(), ...rateFields }))
    .max(PRICED_TIERS.length)
    .optional(),
  /** multiplies every token rate, in thousandths, when served in a region with a surcharge */
  regionalPerMille: perMille.optional(),
  picoUsdPerWebSearch: wholePico.optional(),
  picoUsdPerRequest: wholePico.optional(),
  /** for a request that searched the web at all, however often */
  picoUsdPerGroundedRequest: wholePico.optional(),
  picoUsdPerToolCall: z.partialRecord(z.enum(TOOL_KINDS), wholePico).optional(),
};
export type PriceInput = z.infer<z.ZodObject<typeof priceInputFields>>;
export type PriceBody = Omit<Price, 'id' | 'provider' | 'model' | 'effectiveFrom' | 'source'>;

/** What a price says in our integers, or every fault under its field's name. */
export function priceBodyOf(input: PriceInput): Result<PriceBody, Issue[]> {
  const issues: Issue[] = [];
  const rates = ratesOf(input, '', issues);
  const tiers = (input.tiers ?? []).map(({ aboveInputTokens, ...tier }, index) => ({
    aboveInputTokens,
    rates: ratesOf(tier, `tiers.${index}.`, issues),
  }));
  tiers.forEach(({ aboveInputTokens }, index) => {
    if (index > 0 && aboveInputTokens <= tiers[index - 1]!.aboveInputTokens)
      issues.push({ path: `tiers.${index}.aboveInputTokens`, message: 'tiers must ascend' });
  });
  const serviceTiers = serviceTiersOf(input.serviceTiers ?? [], issues);
  if (issues.length > 0) return err(issues);
  const stated = FEES.filter((fee) => input[fee] !== undefined).map((fee) => [fee, input[fee]]);
  return ok({
    rates,
    tiers,
    ...(input.serviceTiers ? { serviceTiers } : {}),
    ...(Object.fromEntries(stated) as Pick<PriceBody, (typeof FEES)[number]>),
  });
}

const FEES = [
  'regionalPerMille',
  'picoUsdPerWebSearch',
  'picoUsdPerRequest',
  'picoUsdPerGroundedRequest',
  'picoUsdPerToolCall',
] as const;

function serviceTiersOf(
  given: NonNullable<PriceInput['serviceTiers']>,
  issues: Issue[],
): Partial<Record<Exclude<ServiceTier, 'standard'>, TierPrice>> {
  const tiers: Partial<Record<Exclude<ServiceTier, 'standard'>, TierPrice>> = {};
  given.forEach(({ tier, perMille: multiple, ...rates }, index) => {
    const at = `serviceTiers.${index}`;
    if (tiers[tier]) issues.push({ path: `${at}.tier`, message: 'is given twice' });
    if (multiple === undefined) tiers[tier] = { rates: ratesOf(rates, `${at}.`, issues), tiers: [] };
    else if (Object.keys(rates).length > 0)
      issues.push({ path: `${at}.perMille`, message: 'is a multiple: give it or rates, not both' });
    else tiers[tier] = { perMille: multiple };
  });
  return tiers;
}

function ratesOf(input: RateInput, at: string, issues: Issue[]): Rates {
  const rates: Partial<Rates> = {};
  for (const kind of KINDS) {
    const [text, whole] = [input[usd(kind)], input[pico(kind)]];
    if (text !== undefined && whole !== undefined)
      issues.push({ path: `${at}${pico(kind)}`, message: `is given twice: also as ${usd(kind)}` });
    const rate = text === undefined ? whole : parseUsdPerMillionTokens(text);
    if (rate === null || (rate !== undefined && rate > DEAREST_PICO_USD))
      issues.push({
        path: `${at}${usd(kind)}`,
        message: 'must be a decimal such as "3.75" with at most 6 digits after the point, up to 1000000',
      });
    else if (rate !== undefined) rates[kind] = rate;
    else if ((kind === 'input' || kind === 'output') && text === undefined)
      issues.push({ path: `${at}${usd(kind)}`, message: 'is missing; "0" means free' });
  }
  // A cache hit is never dearer than the miss (B26).
  if (rates.cacheRead !== undefined && rates.input !== undefined && rates.cacheRead > rates.input)
    issues.push({
      path: `${at}${input.cacheReadUsdPerMillionTokens === undefined ? pico('cacheRead') : usd('cacheRead')}`,
      message: 'is more than the price of uncached input',
    });
  return { input: 0, output: 0, ...rates };
}

/** One entry of PRICE_OVERRIDES. */
export const deploymentPriceSchema = z
  .strictObject({
    provider: z.string().min(1).max(100),
    model: z.string().min(1).max(200),
    effectiveFrom: z
      .union([z.iso.datetime({ offset: true }), z.iso.date()])
      .default('1970-01-01')
      .transform((text) => new Date(text).toISOString()),
    ...priceInputFields,
  })
  .transform(({ provider, model, effectiveFrom, ...input }, context): Price => {
    const body = priceBodyOf(input);
    if (!body.ok) {
      for (const { path, message } of body.error)
        context.issues.push({ code: 'custom', path: path.split('.'), message, input });
      return z.NEVER;
    }
    const id = overrideId({ source: 'deployment', provider, model, effectiveFrom });
    return { id, provider, model, effectiveFrom, source: 'deployment', ...body.value };
  });

/** The name a ledger row keeps; `version` tells apart what was set for the same instant. */
export const overrideId = (of: {
  source: 'team' | 'deployment';
  provider: string;
  model: string;
  effectiveFrom: string;
  version?: number;
}): string =>
  `${of.source}:${of.provider}/${of.model}@${of.effectiveFrom}${of.version === undefined ? '' : `#${of.version}`}`;
