/** The usage object of OpenAI's formats, and of the servers that speak them: chat says prompt and completion, responses input and output. */
import type { ReportedUsage } from '../../domain/contracts/provider.ts';
import { NO_USAGE } from '../../domain/cost/usage.ts';
import { isObject, tokens, type Json } from './json.ts';

/** What stands beside the usage object and changes the price. */
export interface Beside {
  /** `service_tier` of the answer: flex, priority and batch have prices of their own, so the row is flagged with it */
  serviceTier?: unknown;
  /** billed web searches that the answer shows */
  webSearches?: number;
}

const OWN_PRICE = /^(flex|priority|batch)$/;

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
    inputAudioTokens,
  };
  const { serviceTier } = beside;
  const flags =
    typeof serviceTier === 'string' && OWN_PRICE.test(serviceTier) ? [`service_tier:${serviceTier}`] : [];
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
