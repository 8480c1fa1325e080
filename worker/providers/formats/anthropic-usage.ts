/** Anthropic's usage object as ours: counts, rounds on other models, and what makes a call cost something else than its list price. */
import type { ReportedUsage } from '../../domain/contracts/provider.ts';
import { NO_USAGE, type Round, type ServiceTier } from '../../domain/cost/usage.ts';
import { isObject, objects, tokens, type Json } from './json.ts';

/** What one usage object (or one of its iterations) counts; the kinds do not overlap. */
interface Counts {
  uncached: number;
  cacheRead: number;
  write5m: number;
  write1h: number;
  output: number;
}

const COUNTS = ['uncached', 'cacheRead', 'write5m', 'write1h', 'output'] as const;

/** Cache writes by lifetime; what the flat total holds beyond the named parts goes to the dearer of the kinds in use. */
function writesOf(raw: Json): { write5m: number; write1h: number } {
  const flat = tokens(raw.cache_creation_input_tokens);
  const parts = isObject(raw.cache_creation) ? raw.cache_creation : {};
  const short = tokens(parts.ephemeral_5m_input_tokens) ?? 0;
  const long = tokens(parts.ephemeral_1h_input_tokens) ?? 0;
  if (flat === null || flat <= short + long) return { write5m: short, write1h: long };
  return long === 0 ? { write5m: flat, write1h: 0 } : { write5m: short, write1h: flat - short };
}

/** Null when a total is missing or not a count. */
function countsOf(raw: Json): Counts | null {
  const uncached = tokens(raw.input_tokens);
  const output = tokens(raw.output_tokens);
  if (uncached === null || output === null) return null;
  return { uncached, cacheRead: tokens(raw.cache_read_input_tokens) ?? 0, ...writesOf(raw), output };
}

/**
 * Compaction, fallback and advisor rounds are billed beside what the top level shows: the larger of the top level and the sum of
 * the iterations is charged, kind by kind.
 */
function withIterations(top: Counts, iterations: readonly Counts[]): Counts {
  const sum = (kind: keyof Counts) => iterations.reduce((total, counts) => total + counts[kind], 0);
  return Object.fromEntries(
    COUNTS.map((kind) => [kind, Math.max(top[kind], sum(kind))]),
  ) as unknown as Counts;
}

/** What stands beside the usage object and is billed. */
interface Beside {
  /** the model that answered */
  model?: unknown;
  /** a container ran code for it */
  ranCode?: boolean;
}

export const isRegional = (geo: unknown): boolean =>
  typeof geo === 'string' && geo !== 'global' && geo !== 'not_available';

/** Fast mode is a price of its own; tiers that are bought ahead (priority) or sent in batches are told apart by name. */
function tierOf(raw: Json): ServiceTier | null {
  if (raw.speed === 'fast') return 'fast';
  const tier = raw.service_tier;
  return tier === 'standard' || tier === 'priority' || tier === 'batch' ? tier : null;
}

/** What makes a call cost something else than its model's list price, by name. */
function flagsOf(raw: Json, model: unknown): string[] {
  const tier = tierOf(raw);
  const iterations = objects(raw.iterations);
  const models = [model, ...iterations.map((iteration) => iteration.model)].filter(
    (name) => typeof name === 'string',
  );
  const elsewhere = iterations.some(({ type }) => type === 'advisor_message' || type === 'fallback_message');
  return [
    ...(elsewhere || new Set(models).size > 1 ? ['other_models'] : []),
    ...(tier === 'fast' ? ['fast_mode'] : []),
    ...(tier === 'batch' || tier === 'priority' ? [`service_tier:${tier}`] : []),
    ...(isRegional(raw.inference_geo) ? ['regional_inference'] : []),
  ];
}

/** A round on a model that it names is priced as that model. */
function roundOf(counts: Counts, model: string): Round {
  return {
    model,
    inputTokens: counts.uncached + counts.cacheRead + counts.write5m + counts.write1h,
    cacheReadTokens: counts.cacheRead,
    cacheWriteTokens: counts.write5m,
    cacheWrite1hTokens: counts.write1h,
    outputTokens: counts.output,
  };
}

/** Anthropic's usage object as ours; null when it makes no sense. */
export function anthropicUsage(raw: unknown, { model, ranCode = false }: Beside = {}): ReportedUsage | null {
  if (!isObject(raw)) return null;
  const top = countsOf(raw);
  if (!top) return null;
  const iterations = objects(raw.iterations).flatMap((iteration) => {
    const each = countsOf(iteration);
    return each ? [{ counts: each, model: iteration.model }] : [];
  });
  const counts = withIterations(
    top,
    iterations.map((iteration) => iteration.counts),
  );
  const inputTokens = counts.uncached + counts.cacheRead + counts.write5m + counts.write1h;
  if (tokens(inputTokens) === null || tokens(counts.output) === null) return null;
  const details = isObject(raw.output_tokens_details) ? raw.output_tokens_details : {};
  const tools = isObject(raw.server_tool_use) ? raw.server_tool_use : {};
  return {
    usage: {
      ...NO_USAGE,
      inputTokens,
      cacheReadTokens: counts.cacheRead,
      cacheWriteTokens: counts.write5m,
      cacheWrite1hTokens: counts.write1h,
      outputTokens: counts.output,
      reasoningTokens: Math.min(tokens(details.thinking_tokens) ?? 0, counts.output),
      webSearches: tokens(tools.web_search_requests) ?? 0,
      // Containers that the web tools use are free.
      toolCalls:
        ranCode && !tools.web_search_requests && !tools.web_fetch_requests ? { codeExecution: 1 } : {},
      serviceTier: tierOf(raw),
      regional: isRegional(raw.inference_geo),
      rounds: iterations.flatMap((iteration) =>
        typeof iteration.model === 'string' ? [roundOf(iteration.counts, iteration.model)] : [],
      ),
    },
    raw: JSON.stringify(raw),
    flags: flagsOf(raw, model),
  };
}

/**
 * The usage of a stream as its events tell it: later values override, nulls never do, nothing is added up (B12). A later flat count of cache writes without its parts corrects
 * the parts too: those of message_start would otherwise outlive the correction.
 */
export function withLater(earlier: Json, later: Json): Json {
  const all: Json = { ...earlier };
  for (const [name, value] of Object.entries(later)) {
    if (value !== null && value !== undefined) all[name] = value;
  }
  const flat = tokens(later.cache_creation_input_tokens);
  if (flat !== null && !isObject(later.cache_creation) && isObject(all.cache_creation)) {
    const short = tokens(all.cache_creation.ephemeral_5m_input_tokens) ?? 0;
    const long = tokens(all.cache_creation.ephemeral_1h_input_tokens) ?? 0;
    const short5m = long === 0 ? flat : Math.min(short, flat);
    all.cache_creation = {
      ...all.cache_creation,
      ephemeral_5m_input_tokens: short5m,
      ephemeral_1h_input_tokens: flat - short5m,
    };
  }
  return all;
}
