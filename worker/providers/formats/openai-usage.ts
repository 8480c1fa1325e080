/** The usage object of OpenAI's formats, and of the servers that speak them: chat says prompt and completion, responses input and output. */
import type { ReportedUsage } from '../../domain/contracts/provider.ts';
import { STANDARD, type TierAsk } from '../../domain/cost/service-tier.ts';
import { NO_USAGE, type ServiceTier, type Usage } from '../../domain/cost/usage.ts';
import { isObject, tokens, type Json } from './json.ts';

/** What stands beside the usage object and changes the price. */
export interface Beside {
  /** `service_tier` of the answer; a row that was not served under the standard one is flagged with its name */
  serviceTier?: unknown;
  /** billed web searches that the answer shows */
  webSearches?: number;
  /** other billed calls that the answer shows */
  toolCalls?: Usage['toolCalls'];
}

/** The tiers of OpenAI and of servers that speak its dialect (Groq: on_demand, performance), as ours. */
const TIERS: Record<string, ServiceTier> = {
  default: 'standard',
  standard: 'standard',
  on_demand: 'standard',
  // bought ahead: at list price it is not too cheap
  scale: 'standard',
  batch: 'batch',
  flex: 'flex',
  priority: 'priority',
  performance: 'priority',
  // OpenAI's newer name for priority; its answers say the older one
  fast: 'priority',
  ultrafast: 'fast',
};

/** Which tiers a request may be served under. `auto` is what its project is set to, which may be priority. */
export function askedTier(serviceTier: unknown): TierAsk {
  if (typeof serviceTier !== 'string') return STANDARD;
  if (serviceTier === 'auto') return { asked: 'standard', reachable: ['standard', 'priority'] };
  const asked = Object.hasOwn(TIERS, serviceTier) ? TIERS[serviceTier]! : 'standard';
  // The answer may come from the standard tier instead.
  return asked === 'standard' ? STANDARD : { asked, reachable: [asked, 'standard'] };
}

/**
 * OpenAI's usage object as ours. Null when a total is missing or not a count. Output is the larger of what is stated and
 * total - input, because some compatible servers (Gemini's) leave thinking out of completion_tokens. Cache reads are in the details,
 * or, DeepSeek's way, in prompt_cache_hit_tokens. Mistral's num_cached_tokens is how it served, not how it bills: not a discount.
 */
export function openaiUsage(raw: unknown, beside: Beside = {}): ReportedUsage | null {
  if (!isObject(raw)) return null;
  const inputTotal = tokens(raw.prompt_tokens ?? raw.input_tokens);
  const stated = tokens(raw.completion_tokens ?? raw.output_tokens);
  if (inputTotal === null || stated === null) return null;
  const input = detailsIn(raw, 'prompt_tokens_details', 'input_tokens_details');
  const output = detailsIn(raw, 'completion_tokens_details', 'output_tokens_details');
  const part = (from: Json, name: string) => tokens(from[name]) ?? 0;

  const outputTokens = Math.max(stated, (tokens(raw.total_tokens) ?? 0) - inputTotal);
  const cacheReadTokens = tokens(input.cached_tokens) ?? part(raw, 'prompt_cache_hit_tokens');
  const cacheWriteTokens = part(input, 'cache_write_tokens');
  const inputAudioTokens = part(input, 'audio_tokens');
  const base = {
    ...NO_USAGE,
    outputTokens,
    reasoningTokens: Math.min(part(output, 'reasoning_tokens'), outputTokens),
    outputAudioTokens: Math.min(part(output, 'audio_tokens'), outputTokens),
    webSearches: Math.max(beside.webSearches ?? 0, searchesIn(raw)),
    toolCalls: beside.toolCalls ?? {},
    inputAudioTokens,
    ...served(beside.serviceTier),
  };
  const flags = flagsOf(beside.serviceTier);
  const parts = cacheReadTokens + cacheWriteTokens + inputAudioTokens;
  if (parts > inputTotal) {
    // The parts contradict the total: charge the larger reading, none of it at a discount.
    return {
      usage: { ...base, inputTokens: Math.max(inputTotal, parts) },
      raw: JSON.stringify(raw),
      flags: [...flags, 'quarantined'],
    };
  }
  return {
    usage: { ...base, inputTokens: inputTotal, cacheReadTokens, cacheWriteTokens },
    raw: JSON.stringify(raw),
    flags,
  };
}

/** A name that we do not know is no tier of ours: the row is flagged with it. */
function served(serviceTier: unknown): Pick<Usage, 'serviceTier'> {
  const known = typeof serviceTier === 'string' && Object.hasOwn(TIERS, serviceTier);
  const tier = known ? TIERS[serviceTier]! : null;
  return { serviceTier: tier };
}

const flagsOf = (serviceTier: unknown): string[] =>
  typeof serviceTier === 'string' && serviceTier !== 'auto' && TIERS[serviceTier] !== 'standard'
    ? [`service_tier:${serviceTier.slice(0, 40)}`]
    : [];

function detailsIn(raw: Json, ...names: string[]): Json {
  for (const name of names) {
    const details = raw[name];
    if (isObject(details)) return details;
  }
  return {};
}

/** OpenRouter's count of the searches it ran. */
function searchesIn({ server_tool_use_details: details }: Json): number {
  return isObject(details) ? (tokens(details.web_search_requests) ?? 0) : 0;
}
