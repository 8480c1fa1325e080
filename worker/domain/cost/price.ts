/** Prices as data: whole pico-USD per token, with tiers, a date they hold from, and a source. */
import { z } from 'zod';
import { SERVICE_TIERS, TOOL_KINDS } from './usage.ts';

const rate = z.int().min(0);

/** A rate, or a rate with long-context tiers: the tier whose `fromInputTokens` the request EXCEEDS prices the WHOLE request. */
export const ratesSchema = z.object({
  input: rate,
  output: rate,
  cacheRead: rate.optional(),
  cacheWrite: rate.optional(),
  cacheWrite1h: rate.optional(),
  inputAudio: rate.optional(),
  outputAudio: rate.optional(),
});
export type Rates = z.infer<typeof ratesSchema>;

export const contextTierSchema = z.object({ aboveInputTokens: z.int().min(0), rates: ratesSchema });

/** A multiplier on every token rate, in thousandths; dearer than 100 times is a slip. */
export const perMille = z.int().min(0).max(100_000);

/** What another service tier costs: a multiple of the standard rates, or rates of its own. */
export const tierPriceSchema = z.union([
  z.strictObject({ perMille }),
  z.strictObject({ rates: ratesSchema, tiers: z.array(contextTierSchema).default([]) }),
]);
export type TierPrice = z.infer<typeof tierPriceSchema>;

/** Those with a price of their own. */
export const PRICED_TIERS = SERVICE_TIERS.filter((tier) => tier !== 'standard');

export const priceSchema = z.object({
  /** stands on the ledger row: `<source>:<provider>/<model>@<effectiveFrom>` */
  id: z.string(),
  provider: z.string(),
  model: z.string(),
  /** ISO date-time from which it holds */
  effectiveFrom: z.string(),
  /** 'genai-prices@0.1.8', 'sandbox', 'team', 'deployment' */
  source: z.string(),
  rates: ratesSchema,
  /** dearer whole-request rates above a number of input tokens, ascending */
  tiers: z.array(contextTierSchema).default([]),
  /** what the model costs when it is not served under the standard tier; what is absent is read at its dearer sense (service-tier.ts) */
  serviceTiers: z.partialRecord(z.enum(PRICED_TIERS), tierPriceSchema).optional(),
  /** multiplies every token rate when served in a region with a surcharge */
  regionalPerMille: perMille.optional(),
  /** pico-USD for one web search, where the provider bills them */
  picoUsdPerWebSearch: z.int().min(0).optional(),
  /** pico-USD for each request, on top of its tokens, where the provider bills one */
  picoUsdPerRequest: z.int().min(0).optional(),
  /** pico-USD for a request that searched the web at all, however often, where the provider bills it so */
  picoUsdPerGroundedRequest: z.int().min(0).optional(),
  /** pico-USD for each other thing it bills by the piece */
  picoUsdPerToolCall: z.partialRecord(z.enum(TOOL_KINDS), z.int().min(0)).optional(),
});
export type Price = z.infer<typeof priceSchema>;

/** What is known of a model beside its price. */
export interface ModelInfo {
  provider: string;
  model: string;
  name: string;
  contextWindow: number | null;
  maxOutputTokens: number | null;
}
