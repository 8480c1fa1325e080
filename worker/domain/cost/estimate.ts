/** What will a call cost? An honest range: `max` is the ceiling that a reservation would hold, the rest comes from past runs. */
import type { Usage } from './usage.ts';
import { NO_USAGE } from './usage.ts';
import { ceilingOf, type CallBounds } from './ceiling.ts';
import { costOf } from './cost.ts';
import { FOREIGN_BAND, type Count } from './count.ts';
import type { ModelInfo, Price } from './price.ts';

export interface Range {
  low: number;
  expected: number;
  high: number;
  max: number;
}

export type Confidence = 'exact' | 'good' | 'fair' | 'rough';

export interface Alternative {
  provider: string;
  model: string;
  /** expected cost of the same call there */
  costNanoUsd: number;
  /** whole percent, at least MIN_SAVINGS_PERCENT */
  savingsPercent: number;
}

export interface Estimate {
  inputTokens: number;
  exact: boolean;
  outputTokens: Range;
  /** null = the model has no price */
  costNanoUsd: Range | null;
  basis: { kind: 'exact' | 'runs' | 'rough'; runs: number; confidence: Confidence };
  alternatives: Alternative[];
}

export interface EstimateInput {
  count: Count;
  maxOutputTokens: number;
  price: Price | null;
  /** output tokens of past runs of this team and model, in any order */
  history: readonly number[];
  /** what the request may hold beside text */
  bounds?: Pick<CallBounds, 'webSearches' | 'audio'>;
  candidates?: readonly Candidate[];
}

/** A model the call could go to instead, with its price in force. */
export interface Candidate {
  info: ModelInfo;
  price: Price;
}

/** From so many runs on the range is p10 to p90; below it is the smallest to the largest. */
export const GOOD_RUNS = 20;
/** Below so many runs the past says nothing: only the ceiling is known. */
export const FEWEST_RUNS = 5;
export const MIN_SAVINGS_PERCENT = 20;
const MOST_ALTERNATIVES = 5;

/** The same numbers that a reservation is made of; `max` is `ceilingOf` the same bounds. */
export function estimateOf(input: EstimateInput): Estimate {
  const { count, price, maxOutputTokens, history } = input;
  const outputTokens = outputRange(history, maxOutputTokens);
  const cost = price && costRange(input, price, outputTokens);
  const certain = count.exact && maxOutputTokens === 0;
  const confidence: Confidence = certain ? 'exact' : confidenceOf(history.length);
  return {
    inputTokens: count.tokens,
    exact: count.exact,
    outputTokens,
    costNanoUsd: cost,
    basis: {
      kind: certain ? 'exact' : history.length >= FEWEST_RUNS ? 'runs' : 'rough',
      runs: history.length,
      confidence,
    },
    alternatives: cost ? alternativesOf(input, outputTokens, cost.expected) : [],
  };
}

const confidenceOf = (runs: number): Confidence =>
  runs >= GOOD_RUNS ? 'good' : runs >= FEWEST_RUNS ? 'fair' : 'rough';

/** Without enough runs the range is everything from nothing to the maximum, and the maximum is what is expected. */
function outputRange(history: readonly number[], max: number): Range {
  if (history.length < FEWEST_RUNS) return { low: 0, expected: max, high: max, max };
  const sorted = history.map((tokens) => Math.min(tokens, max)).sort((a, b) => a - b);
  const enough = sorted.length >= GOOD_RUNS;
  const low = enough ? quantile(sorted, 0.1) : sorted[0]!;
  const high = enough ? quantile(sorted, 0.9) : sorted.at(-1)!;
  const mean = Math.round(sorted.reduce((sum, tokens) => sum + tokens, 0) / sorted.length);
  return { low, expected: Math.min(Math.max(mean, low), high), high, max };
}

/** Nearest rank: a number that was really seen. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))]!;

function costRange(input: EstimateInput, price: Price, output: Range): Range {
  const { count, maxOutputTokens, bounds } = input;
  const band = count.exact ? 0 : FOREIGN_BAND;
  const max = ceilingOf({ ...bounds, inputTokens: count.ceilingTokens, maxOutputTokens }, price);
  const low = costAt(price, Math.floor(count.tokens * (1 - band)), output.low);
  const expected = costAt(price, count.tokens, output.expected);
  const high = costAt(price, Math.ceil(count.tokens * (1 + band)), output.high);
  return {
    low,
    expected: Math.min(expected, max),
    high: Math.min(Math.max(high, expected), max),
    max,
  };
}

const costAt = (price: Price, inputTokens: number, outputTokens: number): number =>
  costOf({ ...NO_USAGE, inputTokens, outputTokens } satisfies Usage, price);

/** Models that are billed by the token but do not answer a chat. */
const NOT_CHAT =
  /embed|tts|transcribe|whisper|image|audio|realtime|live|moderation|search|guard|ocr|rerank|instruct|babbage|davinci|codex|computer-use/;

function alternativesOf(input: EstimateInput, output: Range, expectedNanoUsd: number): Alternative[] {
  const needed = input.count.tokens + output.expected;
  return (input.candidates ?? [])
    .filter(({ info, price }) => price.rates.output > 0 && !NOT_CHAT.test(info.model))
    .filter(({ info }) => info.contextWindow === null || info.contextWindow >= needed)
    .map(({ info, price }) => {
      const costNanoUsd = costAt(price, input.count.tokens, output.expected);
      const savingsPercent =
        expectedNanoUsd > 0 ? Math.floor(((expectedNanoUsd - costNanoUsd) * 100) / expectedNanoUsd) : 0;
      return { provider: info.provider, model: info.model, costNanoUsd, savingsPercent };
    })
    .filter(({ savingsPercent }) => savingsPercent >= MIN_SAVINGS_PERCENT)
    .sort((a, b) => a.costNanoUsd - b.costNanoUsd || (a.model < b.model ? -1 : 1))
    .slice(0, MOST_ALTERNATIVES);
}
