/** OpenAI's chat-completions wire format: what a request may cost, and text and usage out of bodies and streams. */
import type { FormatReader, ReportedUsage, StreamReader } from '../../domain/contracts/provider.ts';
import { NO_USAGE } from '../../domain/cost/usage.ts';

type Json = Record<string, unknown>;

const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const tokens = (value: unknown): number | null =>
  typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;

function parsed(data: string): Json | null {
  try {
    const value: unknown = JSON.parse(data);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * OpenAI's usage object as ours. Null when a total is missing or not a count. Output is the larger of completion and
 * total - prompt, because some compatible servers leave thinking out of completion_tokens.
 */
function normalised(raw: unknown): ReportedUsage | null {
  if (!isObject(raw)) return null;
  const prompt = tokens(raw.prompt_tokens);
  const completion = tokens(raw.completion_tokens);
  if (prompt === null || completion === null) return null;
  const input = isObject(raw.prompt_tokens_details) ? raw.prompt_tokens_details : {};
  const output = isObject(raw.completion_tokens_details) ? raw.completion_tokens_details : {};
  const part = (from: Json, name: string) => tokens(from[name]) ?? 0;

  const outputTokens = Math.max(completion, (tokens(raw.total_tokens) ?? 0) - prompt);
  const cacheReadTokens = part(input, 'cached_tokens');
  const cacheWriteTokens = part(input, 'cache_write_tokens');
  const inputAudioTokens = part(input, 'audio_tokens');
  const reasoningTokens = Math.min(part(output, 'reasoning_tokens'), outputTokens);
  const outputAudioTokens = Math.min(part(output, 'audio_tokens'), outputTokens);
  const base = { ...NO_USAGE, outputTokens, reasoningTokens, outputAudioTokens };
  const parts = cacheReadTokens + cacheWriteTokens + inputAudioTokens;
  if (parts > prompt) {
    // The parts contradict the total: charge the larger reading, none of it at a discount.
    return {
      usage: { ...base, inputTokens: Math.max(prompt, parts), inputAudioTokens },
      raw: JSON.stringify(raw),
      flags: ['quarantined'],
    };
  }
  return {
    usage: { ...base, inputTokens: prompt, cacheReadTokens, cacheWriteTokens, inputAudioTokens },
    raw: JSON.stringify(raw),
    flags: [],
  };
}

/** Later values win over earlier ones, nulls never do, nested details likewise; nothing is added up (B12). */
function merged(earlier: Json, later: Json): Json {
  const all: Json = { ...earlier };
  for (const [name, value] of Object.entries(later)) {
    if (value === null || value === undefined) continue;
    const before = all[name];
    all[name] = isObject(before) && isObject(value) ? merged(before, value) : value;
  }
  return all;
}

const textOfContent = (content: unknown): string => {
  if (typeof content === 'string') return content;
  return objects(content)
    .map((part) => (typeof part.text === 'string' ? part.text : ''))
    .join('');
};

/** Everything one message (or delta) generated: text, refusal, reasoning, tool calls. */
function generatedIn(message: Json): string {
  let text = textOfContent(message.content);
  for (const name of ['refusal', 'reasoning_content', 'reasoning']) {
    const value = message[name];
    if (typeof value === 'string') text += value;
  }
  const calls = objects(message.tool_calls).map((call) => call.function);
  for (const call of [...calls, message.function_call]) {
    if (!isObject(call)) continue;
    if (typeof call.name === 'string') text += call.name;
    if (typeof call.arguments === 'string') text += call.arguments;
  }
  return text;
}

const hasAudio = (message: Json): boolean =>
  isObject(message.audio) || objects(message.content).some((part) => part.type === 'input_audio');

function errorOf(body: unknown): string | null {
  if (!isObject(body) || !body.error || Array.isArray(body.choices)) return null;
  if (typeof body.error === 'string') return body.error;
  if (isObject(body.error) && typeof body.error.message === 'string') return body.error.message;
  return JSON.stringify(body.error).slice(0, 500);
}

class OpenaiChatStream implements StreamReader {
  #usage: Json | null = null;
  #text = '';
  #generated = '';
  #error: string | null = null;
  #ended = false;
  readonly #finished = new Set<unknown>();
  readonly #request: { usageInjected: boolean; choices: number };

  constructor(request: { usageInjected: boolean; choices: number }) {
    this.#request = request;
  }

  event(data: string): null | undefined {
    if (data === '[DONE]') {
      this.#ended = true;
      return undefined;
    }
    const chunk = parsed(data);
    if (!chunk) return undefined;
    this.#error ??= errorOf(chunk);
    const choices = objects(chunk.choices);
    for (const choice of choices) {
      if (isObject(choice.delta)) {
        this.#generated += generatedIn(choice.delta);
        if ((choice.index ?? 0) === 0) this.#text += textOfContent(choice.delta.content);
      }
      if (choice.finish_reason) this.#finished.add(choice.index ?? 0);
    }
    if (isObject(chunk.usage)) {
      this.#usage = merged(this.#usage ?? {}, chunk.usage);
      if (choices.length === 0 && this.#request.usageInjected) return null;
    }
    return undefined;
  }

  usage = () => (this.#usage ? normalised(this.#usage) : null);
  text = () => this.#text;
  generated = () => this.#generated;
  error = () => this.#error;
  finishing = () => this.#ended || this.#finished.size >= this.#request.choices;
  ended = () => this.#ended;
}

/** OpenAI's reasoning families take only max_completion_tokens; most compatible servers know only max_tokens. */
const REFUSES_MAX_TOKENS = /(^|\/)(o\d|gpt-[5-9]|gpt-\d\d)/;

export const openaiChat: FormatReader = {
  format: 'openai_chat',

  askOf(body) {
    const named = [tokens(body.max_completion_tokens), tokens(body.max_tokens)].filter((n) => n !== null);
    return {
      maxOutputTokens: named.length === 0 ? null : Math.max(...named),
      choices: Math.max(1, tokens(body.n) ?? 1),
      audio: isObject(body.audio) || objects(body.messages).some(hasAudio),
      webSearches: body.web_search_options ? 1 : 0,
    };
  },

  withMaxOutput(body, maximum) {
    const { max_tokens: older, max_completion_tokens: newer, ...rest } = body;
    const reasons = REFUSES_MAX_TOKENS.test(String(body.model));
    return tokens(newer) !== null || (tokens(older) === null && reasons)
      ? { ...rest, max_completion_tokens: maximum }
      : { ...rest, max_tokens: maximum };
  },

  outgoing(body, { model, stream }) {
    if (!stream) return { body: { ...body, model }, usageInjected: false };
    const options = isObject(body.stream_options) ? body.stream_options : {};
    return {
      body: { ...body, model, stream_options: { ...options, include_usage: true } },
      usageInjected: options.include_usage !== true,
    };
  },

  usageOf: (body) => (isObject(body) ? normalised(body.usage) : null),
  textOf: (body) => {
    const message = isObject(body) ? objects(body.choices)[0]?.message : null;
    return isObject(message) ? textOfContent(message.content) : '';
  },
  generatedOf: (body) =>
    (isObject(body) ? objects(body.choices) : [])
      .map((choice) => (isObject(choice.message) ? generatedIn(choice.message) : ''))
      .join(''),
  errorOf,
  errorEvent: (error) => `data: ${JSON.stringify({ error })}\n\n`,
  streamReader: (request) => new OpenaiChatStream(request),
};
