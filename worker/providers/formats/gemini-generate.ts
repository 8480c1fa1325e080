/**
 * Google's generateContent wire format. Its usage is cumulative in every chunk of a stream, thinking stands beside the candidates'
 * tokens, and what its tools read stands beside the prompt's. Bodies may be spelled in camelCase or in snake_case: both count.
 */
import type { FormatReader, ReportedUsage, StreamReader } from '../../domain/contracts/provider.ts';
import { NO_USAGE } from '../../domain/cost/usage.ts';
import { isObject, merged, objects, parsed, tokens, type Json } from './json.ts';

const object = (value: unknown): Json => (isObject(value) ? value : {});

/** Searches that one call may make where a search tool is allowed; Google names no limit, models make a handful. */
const MOST_SEARCHES = 10;

const audioIn = (...details: unknown[]): number =>
  details
    .flatMap(objects)
    .filter(({ modality }) => modality === 'AUDIO')
    .reduce((sum, { tokenCount }) => sum + (tokens(tokenCount) ?? 0), 0);

/**
 * Google's usageMetadata as ours. Null when the prompt's count is missing or no count, and when nothing is counted of what was
 * written (a stream that was cut before Google counted its output). Output is the larger of its parts and what the total leaves.
 */
function normalised(
  raw: unknown,
  { generated, webSearches }: { generated: string; webSearches: number },
): ReportedUsage | null {
  if (!isObject(raw)) return null;
  const prompt = tokens(raw.promptTokenCount);
  if (prompt === null) return null;
  const part = (name: string) => tokens(raw[name]) ?? 0;
  const inputTokens = prompt + part('toolUsePromptTokenCount');
  const reasoningTokens = part('thoughtsTokenCount');
  const outputTokens = Math.max(
    part('candidatesTokenCount') + reasoningTokens,
    part('totalTokenCount') - inputTokens,
  );
  if (outputTokens === 0 && generated !== '') return null;

  const cacheReadTokens = part('cachedContentTokenCount');
  const inputAudioTokens = audioIn(raw.promptTokensDetails, raw.toolUsePromptTokensDetails);
  const usage = {
    ...NO_USAGE,
    inputTokens,
    cacheReadTokens,
    inputAudioTokens,
    outputTokens,
    reasoningTokens,
    outputAudioTokens: Math.min(audioIn(raw.candidatesTokensDetails), outputTokens),
    webSearches,
  };
  const largest = Math.max(cacheReadTokens, inputAudioTokens);
  if (largest <= inputTokens) return { usage, raw: JSON.stringify(raw), flags: [] };
  // A part contradicts the total: charge the larger reading, none of it at a discount.
  return {
    usage: { ...usage, inputTokens: largest, cacheReadTokens: 0 },
    raw: JSON.stringify(raw),
    flags: ['quarantined'],
  };
}

const partsOf = (candidate: Json): Json[] => objects(object(candidate.content).parts);
const text = (value: unknown): string => (typeof value === 'string' ? value : '');

/** What a reader sees: text without the model's thoughts. */
const textIn = (candidate: Json): string =>
  partsOf(candidate)
    .map((part) => (part.thought === true ? '' : text(part.text)))
    .join('');

/** Everything that one candidate generated: text, thoughts, calls, code. */
const generatedIn = (candidate: Json): string =>
  partsOf(candidate)
    .map((part) => {
      const { name, args } = object(part.functionCall);
      const call = args === undefined ? text(name) : text(name) + JSON.stringify(args);
      return text(part.text) + call + text(object(part.executableCode).code);
    })
    .join('');

const searchesIn = (candidate: Json): string[] => {
  const { webSearchQueries } = object(candidate.groundingMetadata);
  return Array.isArray(webSearchQueries) ? webSearchQueries.filter((query) => typeof query === 'string') : [];
};

function errorOf(body: unknown): string | null {
  // A stream without alt=sse is an array, and so is its error.
  const answer = Array.isArray(body) ? body[0] : body;
  if (!isObject(answer) || !answer.error || Array.isArray(answer.candidates)) return null;
  if (typeof answer.error === 'string') return answer.error;
  if (isObject(answer.error) && typeof answer.error.message === 'string') return answer.error.message;
  return JSON.stringify(answer.error).slice(0, 500);
}

/** A prompt that Google refuses to answer ends without candidates. */
const isBlocked = (body: Json): boolean => Boolean(object(body.promptFeedback).blockReason);

class GeminiStream implements StreamReader {
  #usage: Json | null = null;
  #text = '';
  #generated = '';
  #error: string | null = null;
  #blocked = false;
  readonly #finished = new Set<unknown>();
  readonly #searches = new Set<string>();
  readonly #choices: number;

  constructor(choices: number) {
    this.#choices = choices;
  }

  event(data: string): undefined {
    const chunk = parsed(data);
    if (!chunk) return;
    this.#error ??= errorOf(chunk);
    if (isBlocked(chunk)) this.#blocked = true;
    for (const candidate of objects(chunk.candidates)) {
      this.#generated += generatedIn(candidate);
      if ((candidate.index ?? 0) === 0) this.#text += textIn(candidate);
      for (const query of searchesIn(candidate)) this.#searches.add(query);
      if (candidate.finishReason) this.#finished.add(candidate.index ?? 0);
    }
    if (isObject(chunk.usageMetadata)) this.#usage = merged(this.#usage ?? {}, chunk.usageMetadata);
  }

  usage = () => normalised(this.#usage, { generated: this.#generated, webSearches: this.#searches.size });
  usageSoFar = () => normalised(this.#usage, { generated: '', webSearches: this.#searches.size });
  text = () => this.#text;
  generated = () => this.#generated;
  error = () => this.#error;
  finishing = () => this.#blocked || this.#finished.size >= this.#choices;
  // There is no end marker: a chunk may follow the one with the finish reasons, so the stream is over when it closes.
  ended = () => false;
}

/** Both spellings of one field that are present. */
const either = (from: Json, camel: string, snake: string): unknown[] =>
  [from[camel], from[snake]].filter((value) => value !== undefined && value !== null);
const configsOf = (body: Json) => either(body, 'generationConfig', 'generation_config').map(object);

const largest = (values: unknown[]): number | null => {
  const counts = values.map(tokens).filter((value) => value !== null);
  return counts.length === 0 ? null : Math.max(...counts);
};

const SILENT = /^(image|text)\/|^application\/(pdf|json)$/;

/** Can this part be heard? Video has sound, and a reference may be anything. */
const mayHaveAudio = (part: Json): boolean =>
  [...either(part, 'inlineData', 'inline_data'), ...either(part, 'fileData', 'file_data')].some(
    (media) => !either(object(media), 'mimeType', 'mime_type').some((type) => SILENT.test(String(type))),
  );

function hasAudio(body: Json): boolean {
  if (either(body, 'cachedContent', 'cached_content').length > 0) return true;
  const speaks = configsOf(body).some(
    (config) =>
      either(config, 'speechConfig', 'speech_config').length > 0 ||
      JSON.stringify(either(config, 'responseModalities', 'response_modalities')).includes('AUDIO'),
  );
  const contents = Array.isArray(body.contents) ? body.contents : [body.contents];
  return (
    speaks ||
    objects(contents).some(({ parts }) => objects(Array.isArray(parts) ? parts : [parts]).some(mayHaveAudio))
  );
}

const searches = (tool: Json): boolean =>
  [
    ...either(tool, 'googleSearch', 'google_search'),
    ...either(tool, 'googleSearchRetrieval', 'google_search_retrieval'),
  ].length > 0;

export const geminiGenerate: FormatReader = {
  format: 'gemini_generate',

  askOf(body) {
    const configs = configsOf(body);
    const named = (camel: string, snake: string) => configs.flatMap((config) => either(config, camel, snake));
    return {
      maxOutputTokens: largest(named('maxOutputTokens', 'max_output_tokens')),
      choices: Math.max(1, largest(named('candidateCount', 'candidate_count')) ?? 1),
      audio: hasAudio(body),
      webSearches: objects(body.tools).some(searches) ? MOST_SEARCHES : 0,
    };
  },

  withMaxOutput(body, maximum) {
    const { generation_config: _, ...rest } = body;
    const [first, second] = configsOf(body);
    const { max_output_tokens: __, ...config } = { ...second, ...first };
    return { ...rest, generationConfig: { ...config, maxOutputTokens: maximum } };
  },

  /** The model is named by the address; the transport takes it from here and sends the rest. */
  outgoing: (body, { model }) => ({ body: { ...body, model }, usageInjected: false }),

  usageOf(body) {
    if (!isObject(body)) return null;
    const webSearches = new Set(objects(body.candidates).flatMap(searchesIn)).size;
    return normalised(body.usageMetadata, { generated: geminiGenerate.generatedOf(body), webSearches });
  },
  textOf: (body) => textIn(objects(object(body).candidates)[0] ?? {}),
  generatedOf: (body) => objects(object(body).candidates).map(generatedIn).join(''),
  errorOf,
  errorEvent: ({ message }) =>
    `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\n\n`,
  streamReader: ({ choices }) => new GeminiStream(choices),
};
