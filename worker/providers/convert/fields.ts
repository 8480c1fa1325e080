/**
 * What becomes of each field of a request that is told in another format. Three lists per format: `said` is converted, `dropped` is a
 * hint whose loss changes no answer (where it runs, how it is stored, cached or labelled), `neutral` is let pass at the values that
 * mean nothing. Whatever stands in none of them is refused by name.
 */
import type { WireFormat } from '../../domain/contracts/provider.ts';
import type { Json } from '../formats/json.ts';
import type { Cannot } from './dialect.ts';

export interface FieldTable {
  said: readonly string[];
  dropped: readonly string[];
  neutral: Readonly<Record<string, readonly unknown[]>>;
}

export type ChatFormat = Exclude<WireFormat, 'openai_embeddings'>;

export const FIELDS: Readonly<Record<ChatFormat, FieldTable>> = {
  openai_chat: {
    said: [
      'model',
      'messages',
      'stream',
      'stream_options',
      'max_tokens',
      'max_completion_tokens',
      'n',
      'temperature',
      'top_p',
      'seed',
      'stop',
      'presence_penalty',
      'frequency_penalty',
      'tools',
      'tool_choice',
      'parallel_tool_calls',
      'response_format',
      'reasoning_effort',
      'user',
      'safety_identifier',
    ],
    dropped: [
      'metadata',
      'store',
      'service_tier',
      'prompt_cache_key',
      'prompt_cache_retention',
      'prediction',
    ],
    neutral: {
      logprobs: [false],
      top_logprobs: [0],
      logit_bias: [{}],
      modalities: [['text']],
      verbosity: ['medium'],
      functions: [[]],
    },
  },
  openai_responses: {
    said: [
      'model',
      'input',
      'instructions',
      'stream',
      'max_output_tokens',
      'temperature',
      'top_p',
      'tools',
      'tool_choice',
      'parallel_tool_calls',
      'text',
      'reasoning',
      'user',
      'safety_identifier',
    ],
    dropped: [
      'metadata',
      'store',
      'service_tier',
      'prompt_cache_key',
      'prompt_cache_retention',
      'stream_options',
      // bounds the provider's own tools, and there are none in a converted call
      'max_tool_calls',
    ],
    neutral: {
      background: [false],
      include: [[], ['reasoning.encrypted_content']],
      top_logprobs: [0],
      truncation: ['disabled'],
    },
  },
  anthropic_messages: {
    said: [
      'model',
      'messages',
      'system',
      'stream',
      'max_tokens',
      'temperature',
      'top_p',
      'top_k',
      'stop_sequences',
      'tools',
      'tool_choice',
      'thinking',
      'output_config',
      'output_format',
      'metadata',
    ],
    dropped: ['service_tier', 'cache_control', 'speed', 'diagnostics', 'user_profile_id', 'workspace_id'],
    neutral: { mcp_servers: [[]], betas: [[]], inference_geo: ['global'] },
  },
  gemini_generate: {
    said: ['model', 'contents', 'systemInstruction', 'generationConfig', 'tools', 'toolConfig'],
    // every provider has filters of its own
    dropped: ['safetySettings', 'labels', 'serviceTier', 'store'],
    neutral: {},
  },
};

/** Google's second level. */
export const GENERATION_FIELDS: FieldTable = {
  said: [
    'maxOutputTokens',
    'candidateCount',
    'temperature',
    'topP',
    'topK',
    'seed',
    'stopSequences',
    'presencePenalty',
    'frequencyPenalty',
    'responseMimeType',
    'responseSchema',
    'responseJsonSchema',
    'thinkingConfig',
  ],
  dropped: ['mediaResolution'],
  neutral: {
    responseLogprobs: [false],
    responseModalities: [['TEXT'], ['text'], []],
    audioTimestamp: [false],
    enableEnhancedCivicAnswers: [false],
  },
};

const NO_PLACE = 'cannot be said to this model, whose provider speaks another format';

/** Names every field that would be lost and changes the answer. */
export function refuseUnspoken(body: Json, table: FieldTable, cannot: Cannot, path = ''): void {
  for (const [name, value] of Object.entries(body)) {
    if (value === null || value === undefined || table.said.includes(name) || table.dropped.includes(name))
      continue;
    const meansNothing = table.neutral[name]?.some(
      (neutral) => JSON.stringify(neutral) === JSON.stringify(value),
    );
    if (!meansNothing) cannot(`${path}${name}`, NO_PLACE);
  }
}
