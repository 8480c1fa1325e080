/**
 * What the price package does not know: service tiers, regional surcharges and fees by the piece. Each entry says where it was read
 * and when; of the entries that match a model, the first that states a thing holds. What no entry states is read dearer, never
 * cheaper (service-tier.ts). Free allowances (1,500 grounded prompts a day, 1,550 container hours a month) are never assumed.
 */
import type { Price } from './price.ts';

export type ServicePrice = Pick<
  Price,
  | 'serviceTiers'
  | 'regionalPerMille'
  | 'picoUsdPerWebSearch'
  | 'picoUsdPerGroundedRequest'
  | 'picoUsdPerToolCall'
>;

interface SourcedServicePrice extends ServicePrice {
  /** as in the price data: 'google', not 'gemini' */
  provider: string;
  /** the data's own model ids */
  models: RegExp;
  source: string;
  readOn: string;
}

const USD = 1_000_000_000_000;
const usdPerThousand = (usd: number) => (usd * USD) / 1_000;

const OPENAI_FAST = 'https://openai.com/api-fast-mode/';
const OPENAI_PRIORITY = 'https://openai.com/api-priority-processing/';
const OPENAI_PRICING = 'https://developers.openai.com/api/docs/pricing';
const CLAUDE_PRICING = 'https://platform.claude.com/docs/en/about-claude/pricing';
const CLAUDE_FAST = 'https://platform.claude.com/docs/en/build-with-claude/fast-mode';
const GEMINI_TIERS = 'https://ai.google.dev/gemini-api/docs/optimization';
const GEMINI_PRICING = 'https://ai.google.dev/gemini-api/docs/pricing';
const readOn = '2026-11-27';

const priority = (perMille: number) => ({ serviceTiers: { priority: { perMille } } });
const priorityRates = (input: number, cacheRead: number | null, output: number) => ({
  serviceTiers: {
    priority: { rates: { input, output, ...(cacheRead === null ? {} : { cacheRead }) }, tiers: [] },
  },
});

export const SERVICE_PRICES: readonly SourcedServicePrice[] = [
  // OpenAI calls priority processing Fast mode since July 2026; its answers still say `priority`.
  { provider: 'openai', models: /^gpt-5\.5$/, source: OPENAI_FAST, readOn, ...priority(2_500) },
  { provider: 'openai', models: /^gpt-5-mini$/, source: OPENAI_FAST, readOn, ...priority(1_800) },
  {
    provider: 'openai',
    models: /^gpt-5(\.[1246])?(-sol|-terra|-luna)?$|^gpt-5\.4-mini$|^gpt-5\.3-codex$/,
    source: OPENAI_FAST,
    readOn,
    ...priority(2_000),
  },
  {
    provider: 'openai',
    models: /^(gpt-4\.1(-mini)?|o3|gpt-4o-2024-05-13)$/,
    source: OPENAI_PRIORITY,
    readOn,
    ...priority(1_750),
  },
  { provider: 'openai', models: /^gpt-4\.1-nano$/, source: OPENAI_PRIORITY, readOn, ...priority(2_000) },
  { provider: 'openai', models: /^gpt-4o$/, source: OPENAI_PRIORITY, readOn, ...priority(1_700) },
  {
    provider: 'openai',
    models: /^gpt-4o-mini$/,
    source: OPENAI_PRIORITY,
    readOn,
    ...priorityRates(250_000, 125_000, 1_000_000),
  },
  {
    provider: 'openai',
    models: /^o4-mini$/,
    source: OPENAI_PRIORITY,
    readOn,
    ...priorityRates(2_000_000, 500_000, 8_000_000),
  },
  // The Batch API is half price for every model that it takes; flex processing is priced at its rates.
  {
    provider: 'openai',
    models: /./,
    source: OPENAI_PRICING,
    readOn,
    serviceTiers: { batch: { perMille: 500 }, flex: { perMille: 500 } },
  },
  // The search models of chat completions search once per request. Without reasoning, what they found is not billed as input.
  {
    provider: 'openai',
    models: /^gpt-4o(-mini)?-search-preview/,
    source: OPENAI_PRICING,
    readOn,
    picoUsdPerWebSearch: usdPerThousand(25),
  },
  // The older search tool costs less on models that reason, whose found text is billed as input.
  {
    provider: 'openai',
    models: /^(gpt-[5-9]|o\d)/,
    source: OPENAI_PRICING,
    readOn,
    picoUsdPerToolCall: { webSearchPreview: usdPerThousand(10) },
  },
  {
    provider: 'openai',
    models: /./,
    source: OPENAI_PRICING,
    readOn,
    picoUsdPerWebSearch: usdPerThousand(10),
    picoUsdPerToolCall: {
      fileSearch: usdPerThousand(2.5),
      webSearchPreview: usdPerThousand(25),
      // $0.03, $0.12, $0.48, $1.92 for 1, 4, 16 and 64 GB
      codeContainerGb: usdPerThousand(30),
    },
  },

  {
    provider: 'anthropic',
    models: /^claude-opus-4-[67]$/,
    source: CLAUDE_FAST,
    readOn,
    serviceTiers: { fast: { perMille: 6_000 } },
  },
  {
    provider: 'anthropic',
    models: /^claude-opus-(4-8|5)$/,
    source: CLAUDE_FAST,
    readOn,
    serviceTiers: { fast: { perMille: 2_000 } },
  },
  {
    provider: 'anthropic',
    models: /./,
    source: CLAUDE_PRICING,
    readOn,
    // Priority tokens are bought ahead at a discount: at list price they are not too cheap.
    serviceTiers: { batch: { perMille: 500 }, priority: { perMille: 1_000 } },
    regionalPerMille: 1_100,
    picoUsdPerWebSearch: usdPerThousand(10),
    // $0.05 an hour of a container: the ten minutes that a call may last at most
    picoUsdPerToolCall: { codeExecution: Math.ceil((0.05 * USD) / 6) },
  },

  {
    provider: 'google',
    models: /^gemini/,
    source: GEMINI_TIERS,
    readOn,
    // "75% to 100% more than standard"
    serviceTiers: { batch: { perMille: 500 }, flex: { perMille: 500 }, priority: { perMille: 2_000 } },
  },
  // From Gemini 3 on each search query is billed, before it each prompt that was grounded.
  {
    provider: 'google',
    models: /^gemini-([3-9]|omni|embedding-2)/,
    source: GEMINI_PRICING,
    readOn,
    picoUsdPerWebSearch: usdPerThousand(14),
  },
  {
    provider: 'google',
    models: /^gemini-(?!3|omni)/,
    source: GEMINI_PRICING,
    readOn,
    picoUsdPerGroundedRequest: usdPerThousand(35),
  },
  {
    provider: 'google',
    models: /^gemini/,
    source: GEMINI_PRICING,
    readOn,
    picoUsdPerToolCall: { mapsGrounding: usdPerThousand(25) },
  },
];

/** Everything that the entries state of a model, the first statement of each thing holding. */
export function servicePriceOf(provider: string, model: string): ServicePrice {
  return SERVICE_PRICES.filter(
    (entry) => entry.provider === provider && entry.models.test(model),
  ).reduceRight((stated: ServicePrice, { provider: _, models: __, source: ___, readOn: ____, ...entry }) => {
    const serviceTiers = { ...stated.serviceTiers, ...entry.serviceTiers };
    const picoUsdPerToolCall = { ...stated.picoUsdPerToolCall, ...entry.picoUsdPerToolCall };
    return { ...stated, ...entry, serviceTiers, picoUsdPerToolCall };
  }, {});
}

/** A shipped row with what it does not state itself; its own fees win. */
export const withServicePrice = (row: Price, stated: ServicePrice): Price =>
  ({
    ...stated,
    ...Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)),
  }) as Price;

/**
 * A price that people set, with what they left unsaid as the shipped price of the model has it: fees, and tiers that are not cheaper
 * than what they set. A price of nothing is free whatever else it leaves unsaid.
 */
export function inheriting(own: Price, shipped: Price | null): Price {
  if (!shipped || (own.rates.input === 0 && own.rates.output === 0)) return own;
  const dearer = Object.entries(shipped.serviceTiers ?? {}).filter(
    ([, tier]) => 'perMille' in tier && tier.perMille >= 1_000,
  );
  return {
    ...own,
    serviceTiers: { ...Object.fromEntries(dearer), ...own.serviceTiers },
    ...unsaid('regionalPerMille'),
    ...unsaid('picoUsdPerWebSearch'),
    ...unsaid('picoUsdPerRequest'),
    ...unsaid('picoUsdPerGroundedRequest'),
    picoUsdPerToolCall: { ...shipped.picoUsdPerToolCall, ...own.picoUsdPerToolCall },
  };

  function unsaid<K extends keyof Price>(name: K): Partial<Price> {
    return own[name] === undefined && shipped![name] !== undefined ? { [name]: shipped![name] } : {};
  }
}
