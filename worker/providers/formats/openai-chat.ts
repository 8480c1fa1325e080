/** OpenAI's chat-completions wire format: what a request may cost, and text and usage out of bodies and streams. */
import type { FormatReader, StreamReader } from '../../domain/contracts/provider.ts';
import { isObject, merged, objects, parsed, tokens, type Json } from './json.ts';
import { askedTier, openaiUsage } from './openai-usage.ts';

const textOfContent = (content: unknown): string => {
  if (typeof content === 'string') return content;
  return objects(content)
    .map((part) => (typeof part.text === 'string' ? part.text : ''))
    .join('');
};

/** Mistral's thinking stands in the content, as a part with parts of its own. */
const thinkingOfContent = (content: unknown): string =>
  objects(content)
    .map((part) => textOfContent(part.thinking))
    .join('');

/** Everything one message (or delta) generated: text, refusal, reasoning, tool calls. */
function generatedIn(message: Json): string {
  let text = thinkingOfContent(message.content) + textOfContent(message.content);
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
  return isObject(body) && !Array.isArray(body.choices) ? errorIn(body) : null;
}

/** The words of an `error` field; null when there is none. A stream's chunk may carry it beside its choices (OpenRouter). */
function errorIn({ error }: Json): string | null {
  if (!error) return null;
  if (typeof error === 'string') return error;
  if (isObject(error) && typeof error.message === 'string') return error.message;
  return JSON.stringify(error).slice(0, 500);
}

/** The usage of a chunk: its own, or Groq's, which stands in `x_groq` when nobody asked for it. */
function usageIn({ usage, x_groq: groq }: Json): Json | null {
  if (isObject(usage)) return usage;
  return isObject(groq) && isObject(groq.usage) ? groq.usage : null;
}

class OpenaiChatStream implements StreamReader {
  #usage: Json | null = null;
  #text = '';
  #generated = '';
  #error: string | null = null;
  #serviceTier: unknown = null;
  #model: unknown = null;
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
    this.#error ??= errorIn(chunk);
    this.#serviceTier = chunk.service_tier ?? this.#serviceTier;
    this.#model = chunk.model ?? this.#model;
    const choices = objects(chunk.choices);
    for (const choice of choices) {
      if (isObject(choice.delta)) {
        this.#generated += generatedIn(choice.delta);
        if ((choice.index ?? 0) === 0) this.#text += textOfContent(choice.delta.content);
      }
      if (choice.finish_reason) this.#finished.add(choice.index ?? 0);
    }
    const usage = usageIn(chunk);
    if (usage) this.#usage = merged(this.#usage ?? {}, usage);
    // A chunk of usage alone is there because we asked for it; one that also says something else is the caller's.
    if (isObject(chunk.usage) && choices.length === 0 && !chunk.error && this.#request.usageInjected)
      return null;
    return undefined;
  }

  usage = () =>
    openaiUsage(this.#usage, { serviceTier: this.#serviceTier, webSearches: searchesOf(this.#model) });
  usageSoFar = () => this.usage();
  text = () => this.#text;
  generated = () => this.#generated;
  error = () => this.#error;
  finishing = () => this.#ended || this.#finished.size >= this.#request.choices;
  ended = () => this.#ended;
}

/** OpenAI's search models search once for every request, and their usage does not say so. */
const SEARCHES_ALWAYS = /^(gpt-4o(-mini)?-search-preview|gpt-5-search-api)/;
const searchesOf = (model: unknown): number =>
  typeof model === 'string' && SEARCHES_ALWAYS.test(model) ? 1 : 0;

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
      webSearches: body.web_search_options || SEARCHES_ALWAYS.test(String(body.model)) ? 1 : 0,
      tier: askedTier(body.service_tier),
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

  usageOf: (body) =>
    isObject(body)
      ? openaiUsage(usageIn(body), { serviceTier: body.service_tier, webSearches: searchesOf(body.model) })
      : null,
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
