/** OpenAI's responses wire format: what a request may cost, and text and usage out of bodies and streams. */
import type { FormatReader, StreamReader } from '../../domain/contracts/provider.ts';
import { isObject, merged, objects, parsed, tokens, type Json } from './json.ts';
import type { Usage } from '../../domain/cost/usage.ts';
import { askedTier, openaiUsage } from './openai-usage.ts';

/** A model decides by itself how often it searches; where `max_tool_calls` does not say, so many are held. What it did is what is charged. */
export const SEARCHES_HELD = 25;

const isSearchTool = (tool: Json) => String(tool.type ?? '').startsWith('web_search');
/** The older tool has a price of its own; answers repeat the tools of their request. */
const isPreview = (tool: Json) => String(tool.type ?? '').startsWith('web_search_preview');
const isFileSearch = ({ type }: Json) => type === 'file_search';
const isCode = ({ type }: Json) => type === 'code_interpreter';

/** GB of a code container's memory; 1 where the tool does not say. */
const gigabytes = ({ container }: Json): number => {
  const limit = isObject(container) ? /^(\d{1,4})g$/.exec(String(container.memory_limit)) : null;
  return limit ? Math.max(1, Number(limit[1])) : 1;
};
const largestContainer = (tools: unknown): number =>
  Math.max(1, ...objects(tools).filter(isCode).map(gigabytes));

/** Opening a page or looking for words in it is not billed; only searches are. */
const isSearch = (item: Json): boolean => {
  const action = isObject(item.action) ? item.action.type : undefined;
  return item.type === 'web_search_call' && (action === undefined || action === 'search');
};

/** Searches that the answer shows, as calls in its output or as a count of its own. */
function searchesIn(response: Json): number {
  const used = isObject(response.tool_usage) ? response.tool_usage.web_search : null;
  const counted = isObject(used) ? (tokens(used.num_requests) ?? 0) : 0;
  return Math.max(counted, objects(response.output).filter(isSearch).length);
}

/** What the answer used of the things that are billed by the piece. `searches` are all it made, whichever tool made them. */
function billedIn(response: Json, searches: number): Pick<Usage, 'webSearches' | 'toolCalls'> {
  const items = objects(response.output);
  const containers = new Set(
    items.filter(({ type }) => type === 'code_interpreter_call').map((item) => item.container_id ?? item.id),
  );
  const fileSearches = items.filter(({ type }) => type === 'file_search_call').length;
  const preview = objects(response.tools).some(isPreview);
  return {
    webSearches: preview ? 0 : searches,
    toolCalls: {
      ...(preview && searches > 0 ? { webSearchPreview: searches } : {}),
      ...(fileSearches > 0 ? { fileSearch: fileSearches } : {}),
      ...(containers.size > 0 ? { codeContainerGb: containers.size * largestContainer(response.tools) } : {}),
    },
  };
}

const textsOf = (items: unknown, names: readonly string[]): string =>
  objects(items)
    .flatMap((part) => names.map((name) => part[name]))
    .filter((text) => typeof text === 'string')
    .join('');

const textIn = (response: Json): string =>
  objects(response.output)
    .filter((item) => item.type === 'message')
    .map((item) => textsOf(item.content, ['text']))
    .join('');

/** Everything the output items hold that the model wrote: text, refusals, reasoning, calls and their arguments, code. */
const generatedIn = (response: Json): string =>
  objects(response.output)
    .map(
      (item) =>
        textsOf(item.content, ['text', 'refusal']) +
        textsOf(item.summary, ['text']) +
        textsOf([item], ['name', 'arguments', 'code', 'input']),
    )
    .join('');

/** The message of an error event, of a failed or cancelled response, or of another server's error; null when it is none. */
function errorIn(body: Json): string | null {
  const { error, status, type } = body;
  if (isObject(error) && typeof error.message === 'string') return error.message;
  if (typeof error === 'string' && error !== '') return error;
  if (error) return JSON.stringify(error).slice(0, 500);
  if (type === 'error') return typeof body.message === 'string' ? body.message : 'It reported an error.';
  if (status === 'failed' || status === 'cancelled') return `The response is ${status}.`;
  return null;
}

const ENDS = new Set(['response.completed', 'response.incomplete', 'response.failed', 'response.cancelled']);
const longer = (a: string, b: string) => (b.length > a.length ? b : a);

class OpenaiResponsesStream implements StreamReader {
  #usage: Json | null = null;
  #serviceTier: unknown = null;
  #searches = 0;
  /** searches seen as items, by their id: an item that comes again is not another search (B12) */
  readonly #searched = new Set<unknown>();
  /** calls of other billed tools, by their id likewise */
  readonly #items = new Map<unknown, Json>();
  #tools: unknown = null;
  #text = '';
  #generated = '';
  #error: string | null = null;
  #ended = false;

  event(data: string): undefined {
    if (data === '[DONE]') {
      this.#ended = true;
      return;
    }
    const event = parsed(data);
    if (!event) return;
    const type = String(event.type ?? '');
    if (type.endsWith('.delta') && typeof event.delta === 'string') {
      this.#generated += event.delta;
      if (type === 'response.output_text.delta') this.#text += event.delta;
    }
    if (type === 'response.output_item.done' && isObject(event.item)) {
      if (isSearch(event.item)) this.#searched.add(event.item.id ?? event.output_index);
      this.#searches = Math.max(this.#searches, this.#searched.size);
      this.#keep(event.item);
      this.#generated += textsOf([event.item], ['name']);
    }
    if (isObject(event.response)) this.#response(event.response);
    if (type === 'error' || (event.error && !isObject(event.response))) this.#error ??= errorIn(event);
    if (ENDS.has(type)) this.#ended = true;
  }

  #keep(item: Json): void {
    if (item.type === 'file_search_call' || item.type === 'code_interpreter_call')
      this.#items.set(item.id ?? this.#items.size, item);
  }

  /** The whole response so far: it comes at the beginning without usage, and at the end with all of it. */
  #response(response: Json): void {
    if (isObject(response.usage)) this.#usage = merged(this.#usage ?? {}, response.usage);
    this.#serviceTier = response.service_tier ?? this.#serviceTier;
    this.#searches = Math.max(this.#searches, searchesIn(response));
    this.#tools = response.tools ?? this.#tools;
    objects(response.output).forEach((item) => this.#keep(item));
    this.#text = longer(this.#text, textIn(response));
    this.#generated = longer(this.#generated, generatedIn(response));
    this.#error ??= errorIn(response);
  }

  usage = () =>
    openaiUsage(this.#usage, {
      serviceTier: this.#serviceTier,
      ...billedIn({ tools: this.#tools, output: [...this.#items.values()] }, this.#searches),
    });
  usageSoFar = () => this.usage();
  text = () => this.#text;
  generated = () => this.#generated;
  error = () => this.#error;
  finishing = () => this.#ended;
  ended = () => this.#ended;
}

export const openaiResponses: FormatReader = {
  format: 'openai_responses',

  askOf(body) {
    const tools = objects(body.tools);
    const calls = tokens(body.max_tool_calls) ?? SEARCHES_HELD;
    return {
      maxOutputTokens: tokens(body.max_output_tokens),
      choices: 1,
      audio: objects(body.input).some((item) =>
        objects(item.content).some(({ type }) => type === 'input_audio'),
      ),
      webSearches: tools.some((tool) => isSearchTool(tool) && !isPreview(tool)) ? calls : 0,
      toolCalls: {
        ...(tools.some(isPreview) ? { webSearchPreview: calls } : {}),
        ...(tools.some(isFileSearch) ? { fileSearch: calls } : {}),
        ...(tools.some(isCode) ? { codeContainerGb: largestContainer(tools) } : {}),
      },
      tier: askedTier(body.service_tier),
    };
  },
  withMaxOutput: (body, maximum) => ({ ...body, max_output_tokens: maximum }),
  // Streams tell their usage without being asked.
  outgoing: (body, { model }) => ({ body: { ...body, model }, usageInjected: false }),

  usageOf: (body) =>
    isObject(body)
      ? openaiUsage(body.usage, { serviceTier: body.service_tier, ...billedIn(body, searchesIn(body)) })
      : null,
  textOf: (body) => (isObject(body) ? textIn(body) : ''),
  generatedOf: (body) => (isObject(body) ? generatedIn(body) : ''),
  errorOf: (body) => (isObject(body) ? errorIn(body) : null),
  errorEvent: (error) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', param: null, ...pick(error), error })}\n\n`,
  streamReader: () => new OpenaiResponsesStream(),
};

/** OpenAI's own error event has these beside its type; its SDKs also look for `error`. */
const pick = ({ code, message }: Json) => ({ code, message });
