/**
 * Google's generateContent wire format. Its usage is cumulative in every chunk of a stream, thinking stands beside the candidates'
 * tokens, and what its tools read stands beside the prompt's. Bodies may be spelled in camelCase or in snake_case: both count.
 */
import type { FormatReader, ReportedUsage, StreamReader } from '../../domain/contracts/provider.ts';
import { STANDARD, type TierAsk } from '../../domain/cost/service-tier.ts';
import { NO_USAGE, type ServiceTier, type Usage } from '../../domain/cost/usage.ts';
import { isObject, merged, objects, parsed, tokens, type Json } from './json.ts';

const object = (value: unknown): Json => (isObject(value) ? value : {});

/** Searches that one call may make where a search tool is allowed; Google names no limit, models make a handful. */
const MOST_SEARCHES = 10;

const audioIn = (...details: unknown[]): number =>
  details
    .flatMap(objects)
    .filter(({ modality }) => modality === 'AUDIO')
    .reduce((sum, { tokenCount }) => sum + (tokens(tokenCount) ?? 0), 0);

/** Google's names of how it served: Gemini's own, and Vertex' kinds of traffic. */
const TIERS: Record<string, ServiceTier> = {
  standard: 'standard',
  flex: 'flex',
  priority: 'priority',
  batch: 'batch',
  on_demand: 'standard',
  on_demand_priority: 'priority',
  on_demand_flex: 'flex',
  // cheaper than on demand; without a price of its own it is read at list price
  on_demand_offpeak: 'standard',
  // bought ahead: at list price it is not too cheap
  provisioned_throughput: 'standard',
};

function tierNamed(value: unknown): ServiceTier | null {
  const name = String(value ?? '')
    .toLowerCase()
    .replace(/^service_tier_/, '');
  return Object.hasOwn(TIERS, name) ? TIERS[name]! : null;
}

/** Not every answer says it; then what was asked for holds. */
const servedIn = (raw: Json): ServiceTier | null => tierNamed(raw.serviceTier) ?? tierNamed(raw.trafficType);

/** What an answer's candidates show of things billed by the piece. */
type Billed = Pick<Usage, 'webSearches' | 'toolCalls'>;

/**
 * Google's usageMetadata as ours. Null when the prompt's count is missing or no count, and when nothing is counted of what was
 * written (a stream that was cut before Google counted its output). Output is the larger of its parts and what the total leaves.
 */
function normalised(
  raw: unknown,
  { generated, ...billed }: { generated: string } & Billed,
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
    ...billed,
    serviceTier: servedIn(raw),
  };
  const flags =
    usage.serviceTier && usage.serviceTier !== 'standard' ? [`service_tier:${usage.serviceTier}`] : [];
  const largest = Math.max(cacheReadTokens, inputAudioTokens);
  if (largest <= inputTokens) return { usage, raw: JSON.stringify(raw), flags };
  // A part contradicts the total: charge the larger reading, none of it at a discount.
  return {
    usage: { ...usage, inputTokens: largest, cacheReadTokens: 0 },
    raw: JSON.stringify(raw),
    flags: [...flags, 'quarantined'],
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

/** Every query it ran; an answer that shows what it found but not how it asked counts as one. */
const searchesIn = (candidate: Json): string[] => {
  const { webSearchQueries, imageSearchQueries, groundingChunks } = object(candidate.groundingMetadata);
  const queries = [webSearchQueries, imageSearchQueries]
    .flatMap((list): unknown[] => (Array.isArray(list) ? list : []))
    .filter((query) => typeof query === 'string' && query !== '') as string[];
  return queries.length === 0 && objects(groundingChunks).some(({ web }) => isObject(web)) ? [''] : queries;
};

/** Did maps ground the answer? */
const usesMaps = (candidate: Json): boolean => {
  const { groundingChunks, googleMapsWidgetContextToken: widget } = object(candidate.groundingMetadata);
  return typeof widget === 'string' || objects(groundingChunks).some(({ maps }) => isObject(maps));
};

const billed = (searches: ReadonlySet<string>, maps: boolean): Billed => ({
  webSearches: searches.size,
  toolCalls: maps ? { mapsGrounding: 1 } : {},
});

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
  #maps = false;
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
      this.#maps ||= usesMaps(candidate);
      if (candidate.finishReason) this.#finished.add(candidate.index ?? 0);
    }
    if (isObject(chunk.usageMetadata)) this.#usage = merged(this.#usage ?? {}, chunk.usageMetadata);
  }

  usage = () => this.#counted(this.#generated);
  usageSoFar = () => this.#counted('');
  #counted = (generated: string) =>
    normalised(this.#usage, { generated, ...billed(this.#searches, this.#maps) });
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

const mapsAsked = (tool: Json): boolean => either(tool, 'googleMaps', 'google_maps').length > 0;

/** Priority that has no room is served as standard. */
function askedTier(body: Json): TierAsk {
  const asked = either(body, 'serviceTier', 'service_tier').map(tierNamed).find(Boolean) ?? 'standard';
  return asked === 'standard' ? STANDARD : { asked, reachable: [asked, 'standard'] };
}

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
      toolCalls: objects(body.tools).some(mapsAsked) ? { mapsGrounding: 1 } : {},
      tier: askedTier(body),
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
    const candidates = objects(body.candidates);
    return normalised(body.usageMetadata, {
      generated: geminiGenerate.generatedOf(body),
      ...billed(new Set(candidates.flatMap(searchesIn)), candidates.some(usesMaps)),
    });
  },
  textOf: (body) => textIn(objects(object(body).candidates)[0] ?? {}),
  generatedOf: (body) => objects(object(body).candidates).map(generatedIn).join(''),
  errorOf,
  errorEvent: ({ message }) =>
    `data: ${JSON.stringify({ error: { code: 503, message, status: 'UNAVAILABLE' } })}\n\n`,
  streamReader: ({ choices }) => new GeminiStream(choices),
};
