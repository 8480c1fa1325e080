/** Usage x price = cost: every token is charged once, at the rate of the part it belongs to, and the sum is rounded up once. */
import { costOfLines, type CostLine, type NanoUsd } from '../money.ts';
import type { Price, Rates } from './price.ts';
import type { Usage } from './usage.ts';

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
  | 'request';

/** One line of the bill, for display: `units` are tokens, searches or requests. */
export interface LabelledCostLine extends CostLine {
  kind: CostKind;
}

/** The rates of the tier that a request of so many input tokens falls into; the tier prices the WHOLE request (B29). */
export function ratesFor(price: Price, inputTokens: number): FullRates {
  let rates = price.rates;
  for (const tier of price.tiers) if (inputTokens > tier.aboveInputTokens) rates = tier.rates;
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

const cachedTokens = (usage: Usage): number =>
  usage.cacheReadTokens + usage.cacheWriteTokens + usage.cacheWrite1hTokens;

/** The bill, line by line, without empty lines. A reading whose parts exceed its total is charged by its parts. */
export function costLines(usage: Usage, price: Price): LabelledCostLine[] {
  const cached = cachedTokens(usage);
  const inputTokens = Math.max(usage.inputTokens, cached, usage.inputAudioTokens);
  const outputTokens = Math.max(usage.outputTokens, usage.outputAudioTokens);
  const rates = ratesFor(price, inputTokens);
  const uncached = inputTokens - cached;
  const audio = Math.min(usage.inputAudioTokens, uncached);
  // Audio that does not fit into the uncached part must have been cached: it is taken from the reads first.
  const cachedAudio = Math.min(usage.inputAudioTokens - audio, usage.cacheReadTokens);
  const lines: LabelledCostLine[] = [
    { kind: 'input', units: uncached - audio, picoUsdPerUnit: rates.input },
    { kind: 'inputAudio', units: audio, picoUsdPerUnit: rates.inputAudio },
    { kind: 'cacheRead', units: usage.cacheReadTokens - cachedAudio, picoUsdPerUnit: rates.cacheRead },
    { kind: 'cachedAudio', units: cachedAudio, picoUsdPerUnit: rates.cachedAudio },
    { kind: 'cacheWrite', units: usage.cacheWriteTokens, picoUsdPerUnit: rates.cacheWrite },
    { kind: 'cacheWrite1h', units: usage.cacheWrite1hTokens, picoUsdPerUnit: rates.cacheWrite1h },
    { kind: 'output', units: outputTokens - usage.outputAudioTokens, picoUsdPerUnit: rates.output },
    { kind: 'outputAudio', units: usage.outputAudioTokens, picoUsdPerUnit: rates.outputAudio },
    { kind: 'webSearch', units: usage.webSearches, picoUsdPerUnit: price.picoUsdPerWebSearch ?? 0 },
    { kind: 'request', units: 1, picoUsdPerUnit: price.picoUsdPerRequest ?? 0 },
  ];
  return lines.filter((line) => line.units > 0 && line.picoUsdPerUnit > 0);
}

/** The exact cost of one run, rounded up once. */
export const costOf = (usage: Usage, price: Price): NanoUsd => costOfLines(costLines(usage, price));
