/** Usage x price = cost: every token is charged once, at the rate of the part it belongs to, and the sum is rounded up once. */
import { costOfLines, type CostLine, type NanoUsd } from '../money.ts';
import type { Price, Rates } from './price.ts';
import { variantOf, type Serving } from './service-tier.ts';
import { TOOL_KINDS, type Round, type ToolKind, type Usage } from './usage.ts';

/** Every rate filled in: what has no price of its own takes the dearer sensible one, so that a gap never makes a call cheaper. */
export type FullRates = Required<Rates> & { cachedAudio: number };

export type CostKind =
  | 'input'
  | 'cacheRead'
  | 'cacheWrite'
  | 'cacheWrite1h'
  | 'inputAudio'
  | 'cachedAudio'
  | 'output'
  | 'outputAudio'
  | 'webSearch'
  | 'groundedRequest'
  | ToolKind
  | 'request';

/** One line of the bill, for display: `units` are tokens, searches, calls or requests. */
export interface LabelledCostLine extends CostLine {
  kind: CostKind;
}

/** The price of another model of the same provider, for rounds that ran there; null = it has none. */
export type PriceOfModel = (model: string) => Price | null;

const STANDARD_SERVING: Serving = { serviceTier: null, regional: false };

/** The rates of the tier that a request of so many input tokens falls into; the tier prices the WHOLE request (B29). */
export function ratesFor(price: Price, inputTokens: number, serving: Serving = STANDARD_SERVING): FullRates {
  const variant = variantOf(price, serving);
  let { rates } = variant;
  for (const tier of variant.tiers) if (inputTokens > tier.aboveInputTokens) rates = tier.rates;
  return fullRates(rates);
}

/** Cache reads without a price cost what input costs; 5-minute writes at least that; 1-hour writes 2x input where writes cost extra. */
export function fullRates(rates: Rates): FullRates {
  const { input, output } = rates;
  const cacheWrite = rates.cacheWrite ?? input;
  const inputAudio = rates.inputAudio ?? input;
  const cacheRead = rates.cacheRead ?? input;
  return {
    input,
    output,
    cacheRead,
    cacheWrite,
    cacheWrite1h: rates.cacheWrite1h ?? (cacheWrite > input ? Math.max(cacheWrite, 2 * input) : cacheWrite),
    inputAudio,
    outputAudio: rates.outputAudio ?? output,
    cachedAudio: Math.max(inputAudio, cacheRead),
  };
}

/** True when the parts are larger than the total (a provider's slip): the row is flagged and the larger reading is charged. */
export const isContradictory = (usage: Usage): boolean =>
  cachedTokens(usage) > usage.inputTokens ||
  usage.inputAudioTokens > usage.inputTokens ||
  usage.outputAudioTokens > usage.outputTokens;

const cachedTokens = (usage: Round | Usage): number =>
  usage.cacheReadTokens + usage.cacheWriteTokens + usage.cacheWrite1hTokens;

/**
 * The bill, line by line, without empty lines. A reading whose parts exceed its total is charged by its parts. Rounds on a model that
 * the provider names are charged at that model's price, or at the call's own where that model has none.
 */
export function costLines(
  usage: Usage,
  price: Price,
  priceOfModel: PriceOfModel = () => null,
): LabelledCostLine[] {
  const rounds = usage.rounds.flatMap(({ model, ...tokens }) =>
    tokenLines({ ...usage, ...NO_AUDIO, ...tokens }, priceOfModel(model) ?? price),
  );
  return [...tokenLines(withoutRounds(usage), price), ...rounds, ...feeLines(usage, price)].filter(
    (line) => line.units > 0 && line.picoUsdPerUnit > 0,
  );
}

/** No round says what of it was audio; that stays with the call's own share. */
const NO_AUDIO = { inputAudioTokens: 0, outputAudioTokens: 0 };

const ROUND_COUNTS = [
  'inputTokens',
  'cacheReadTokens',
  'cacheWriteTokens',
  'cacheWrite1hTokens',
  'outputTokens',
] as const;

/** What is left for the call's own model when the named rounds are taken out of the totals. */
function withoutRounds(usage: Usage): Usage {
  if (usage.rounds.length === 0) return usage;
  const own = { ...usage };
  for (const count of ROUND_COUNTS)
    own[count] = Math.max(0, usage[count] - usage.rounds.reduce((sum, round) => sum + round[count], 0));
  return own;
}

function tokenLines(usage: Usage, price: Price): LabelledCostLine[] {
  const cached = cachedTokens(usage);
  const inputTokens = Math.max(usage.inputTokens, cached, usage.inputAudioTokens);
  const outputTokens = Math.max(usage.outputTokens, usage.outputAudioTokens);
  const rates = ratesFor(price, inputTokens, usage);
  const uncached = inputTokens - cached;
  const audio = Math.min(usage.inputAudioTokens, uncached);
  // Audio that does not fit into the uncached part must have been cached: it is taken from the reads first.
  const cachedAudio = Math.min(usage.inputAudioTokens - audio, usage.cacheReadTokens);
  return [
    { kind: 'input', units: uncached - audio, picoUsdPerUnit: rates.input },
    { kind: 'inputAudio', units: audio, picoUsdPerUnit: rates.inputAudio },
    { kind: 'cacheRead', units: usage.cacheReadTokens - cachedAudio, picoUsdPerUnit: rates.cacheRead },
    { kind: 'cachedAudio', units: cachedAudio, picoUsdPerUnit: rates.cachedAudio },
    { kind: 'cacheWrite', units: usage.cacheWriteTokens, picoUsdPerUnit: rates.cacheWrite },
    { kind: 'cacheWrite1h', units: usage.cacheWrite1hTokens, picoUsdPerUnit: rates.cacheWrite1h },
    { kind: 'output', units: outputTokens - usage.outputAudioTokens, picoUsdPerUnit: rates.output },
    { kind: 'outputAudio', units: usage.outputAudioTokens, picoUsdPerUnit: rates.outputAudio },
  ];
}

/** What is billed by the piece; service tiers and regions do not change it. */
export function feeLines(usage: Pick<Usage, 'webSearches' | 'toolCalls'>, price: Price): LabelledCostLine[] {
  return [
    { kind: 'webSearch', units: usage.webSearches, picoUsdPerUnit: price.picoUsdPerWebSearch ?? 0 },
    {
      kind: 'groundedRequest',
      units: usage.webSearches > 0 ? 1 : 0,
      picoUsdPerUnit: price.picoUsdPerGroundedRequest ?? 0,
    },
    ...TOOL_KINDS.map((kind) => ({
      kind,
      units: usage.toolCalls[kind] ?? 0,
      picoUsdPerUnit: price.picoUsdPerToolCall?.[kind] ?? 0,
    })),
    { kind: 'request', units: 1, picoUsdPerUnit: price.picoUsdPerRequest ?? 0 },
  ];
}

/** The exact cost of one run, rounded up once. */
export const costOf = (usage: Usage, price: Price, priceOfModel?: PriceOfModel): NanoUsd =>
  costOfLines(costLines(usage, price, priceOfModel));
