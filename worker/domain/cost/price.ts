/** Prices as data: whole pico-USD per token, with tiers, a date they hold from, and a source. */
import { z } from 'zod';

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
  tiers: z.array(z.object({ aboveInputTokens: z.int().min(0), rates: ratesSchema })).default([]),
  /** pico-USD for one web search, where the provider bills them */
  picoUsdPerWebSearch: z.int().min(0).optional(),
  /** pico-USD for each request, on top of its tokens, where the provider bills one */
  picoUsdPerRequest: z.int().min(0).optional(),
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
