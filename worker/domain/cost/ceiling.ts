/** The worst case of a call: no usage within these bounds can cost more. A reservation holds it, an estimate shows it as `max`. */
import { costOfLines, exactCost, type CostLine, type NanoUsd } from '../money.ts';
import { feeLines, fullRates, type FullRates } from './cost.ts';
import type { ModelInfo, Price } from './price.ts';
import { variantOf } from './service-tier.ts';
import type { ServiceTier, ToolKind } from './usage.ts';

export interface CallBounds {
  /** upper bound of all input tokens (Count.ceilingTokens) */
  inputTokens: number;
  /** what the provider may at most write (maxOutputOf) */
  maxOutputTokens: number;
  /** how many web searches the call may make; default 0 */
  webSearches?: number;
  /** how many other billed things it may use; default none */
  toolCalls?: Partial<Record<ToolKind, number>>;
  /** every service tier that it may be served under; default standard only */
  serviceTiers?: readonly ServiceTier[];
  /** true = it may be served in a region with a surcharge; default false */
  regional?: boolean;
  /** further rounds that the provider may run beside the answer, each with the whole input again; default none */
  rounds?: readonly RoundBounds[];
  /** false = the caller knows that no audio goes in or comes out; default true */
  audio?: boolean;
  /** false = the caller knows that the request asks for no cache writes (Anthropic's cache_control); default true */
  cacheWrites?: boolean;
}

/** A round on another model (a fallback), or once more on the same (compaction). */
export interface RoundBounds {
  price: Price;
  /** null = as much as the answer itself may have */
  maxOutputTokens: number | null;
}

/** Above this no known model answers; stands in where neither max output nor context window is known. */
export const UNKNOWN_MAX_OUTPUT_TOKENS = 128_000;

/** $100,000: no call is worth more, and what many of them hold together still is a safe number. */
export const MOST_PER_CALL_NANO_USD = 100_000_000_000_000;

/** The ceiling of a whole call in nano-USD: every rate of every reachable tier at its dearest. Throws RangeError beyond what numbers hold. */
export const ceilingOf = (bounds: CallBounds, price: Price): NanoUsd => costOfLines(linesOf(bounds, price));

/** False = its worst case is so dear that it is refused before it is counted: absurd prices and limits meet in it. */
export const isCountable = (bounds: CallBounds, price: Price): boolean =>
  exactCost(linesOf(bounds, price)) <= BigInt(MOST_PER_CALL_NANO_USD);

function linesOf(bounds: CallBounds, price: Price): CostLine[] {
  const { fixed, perOutputToken } = worstOf(bounds, price);
  return [...fixed, { units: bounds.maxOutputTokens, picoUsdPerUnit: perOutputToken }];
}

/** The part of the ceiling that the input alone costs (ReserveRequest.inputNanoUsd). */
export const inputCeilingOf = (bounds: CallBounds, price: Price): NanoUsd =>
  ceilingOf({ ...bounds, maxOutputTokens: 0 }, price);

/** How many output tokens fit into an amount beside the input; 0 when not even the input does. For clamping (B04). */
export function outputTokensThatFit(bounds: CallBounds, price: Price, amountNanoUsd: number): number {
  const { perOutputToken } = worstOf(bounds, price);
  const leftNanoUsd = amountNanoUsd - inputCeilingOf(bounds, price);
  if (leftNanoUsd < 0) return 0;
  if (perOutputToken === 0) return bounds.maxOutputTokens;
  return Number(
    [BigInt(bounds.maxOutputTokens), (BigInt(leftNanoUsd) * 1000n) / BigInt(perOutputToken)].reduce((a, b) =>
      a < b ? a : b,
    ),
  );
}

/** What the model may at most write: what was asked, else its own limit, else the room its context window leaves. */
export function maxOutputOf(info: ModelInfo | null, inputTokens: number, asked?: number | null): number {
  if (asked !== undefined && asked !== null) return asked;
  if (info?.maxOutputTokens) return info.maxOutputTokens;
  if (info?.contextWindow) return Math.max(1, info.contextWindow - inputTokens);
  return UNKNOWN_MAX_OUTPUT_TOKENS;
}

/** What is due whatever is written, and what each token written costs at most, all rounds together. */
function worstOf(bounds: CallBounds, price: Price) {
  const { input, output } = dearestRates(bounds, price);
  const fixed: CostLine[] = [
    { units: bounds.inputTokens, picoUsdPerUnit: input },
    ...feeLines({ webSearches: bounds.webSearches ?? 0, toolCalls: bounds.toolCalls ?? {} }, price),
  ];
  let perOutputToken = output;
  for (const round of bounds.rounds ?? []) {
    const rates = dearestRates(bounds, round.price);
    fixed.push({ units: bounds.inputTokens, picoUsdPerUnit: rates.input });
    if (round.maxOutputTokens === null) perOutputToken += rates.output;
    else fixed.push({ units: round.maxOutputTokens, picoUsdPerUnit: rates.output });
  }
  return { fixed, perOutputToken };
}

/** Real input may be smaller than its bound and so fall into a cheaper or (never trust data) dearer tier: the maximum of all reachable ones. */
function dearestRates(bounds: CallBounds, price: Price): { input: number; output: number } {
  const regions = bounds.regional ? [false, true] : [false];
  const reachable = (bounds.serviceTiers ?? ['standard' as const])
    .flatMap((serviceTier) => regions.map((regional) => variantOf(price, { serviceTier, regional })))
    .flatMap(({ rates, tiers }) => [
      rates,
      ...tiers.filter((tier) => bounds.inputTokens > tier.aboveInputTokens).map((tier) => tier.rates),
    ])
    .map(fullRates);
  const inputKinds: (keyof FullRates)[] = ['input', 'cacheRead'];
  if (bounds.cacheWrites ?? true) inputKinds.push('cacheWrite', 'cacheWrite1h');
  if (bounds.audio ?? true) inputKinds.push('inputAudio', 'cachedAudio');
  const outputKinds: (keyof FullRates)[] = (bounds.audio ?? true) ? ['output', 'outputAudio'] : ['output'];
  const dearest = (kinds: (keyof FullRates)[]) =>
    Math.max(...reachable.flatMap((rates) => kinds.map((kind) => rates[kind])));
  return { input: dearest(inputKinds), output: dearest(outputKinds) };
}
