/** Anthropic's messages wire format: what a request may cost, and text and usage out of bodies and streams. */
import type {
  AskedRound,
  FormatReader,
  ReportedUsage,
  StreamReader,
} from '../../domain/contracts/provider.ts';
import { STANDARD, type TierAsk } from '../../domain/cost/service-tier.ts';
import { isObject, objects, parsed, tokens, type Json } from './json.ts';
import { NO_USAGE, type Round, type ServiceTier } from '../../domain/cost/usage.ts';

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

const isRegional = (geo: unknown): boolean =>
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
function normalised(raw: unknown, { model, ranCode = false }: Beside = {}): ReportedUsage | null {
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
 * Later values override, nulls never do, nothing is added up (B12). A later flat count of cache writes without its parts corrects
 * the parts too: those of message_start would otherwise outlive the correction.
 */
function merged(earlier: Json, later: Json): Json {
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

const textOf = (content: unknown): string =>
  objects(content)
    .map((block) => (block.type === 'text' && typeof block.text === 'string' ? block.text : ''))
    .join('');

/** Where blocks and deltas keep what the model wrote: text, thinking, tool calls, compaction summaries. */
const WRITTEN = ['text', 'thinking', 'data', 'name', 'partial_json'] as const;

/** Everything the model wrote in one block or delta; what its tools found is input, not output. */
function generatedIn(part: Json): string {
  let text = '';
  for (const name of WRITTEN) {
    const value = part[name];
    if (typeof value === 'string') text += value;
  }
  if (typeof part.content === 'string') text += part.content;
  if (isObject(part.input) && Object.keys(part.input).length > 0) text += JSON.stringify(part.input);
  return text;
}

function errorOf(body: unknown): string | null {
  if (!isObject(body) || body.type !== 'error') return null;
  if (isObject(body.error) && typeof body.error.message === 'string') return body.error.message;
  return JSON.stringify(body.error ?? body).slice(0, 500);
}

const CODE_TOOLS = new Set(['code_execution', 'bash_code_execution', 'text_editor_code_execution']);
const ranCode = (block: Json): boolean =>
  block.type === 'server_tool_use' && CODE_TOOLS.has(String(block.name));

class AnthropicMessagesStream implements StreamReader {
  #usage: Json | null = null;
  #model: unknown = null;
  #ranCode = false;
  /** message_start's usage has the output of a first token only: the numbers count from the first message_delta on */
  #final = false;
  #text = '';
  #generated = '';
  #error: string | null = null;
  /** what Anthropic's own tools find goes in as further input, which only the end counts */
  #searched = false;
  #stopped = false;
  #ended = false;

  event(data: string): undefined {
    const event = parsed(data);
    if (!event) return;
    this.#error ??= errorOf(event);
    switch (event.type) {
      case 'message_start':
        if (!isObject(event.message)) return;
        this.#model ??= event.message.model;
        if (isObject(event.message.usage)) this.#usage = merged(this.#usage ?? {}, event.message.usage);
        return;
      case 'content_block_start':
        if (!isObject(event.content_block)) return;
        this.#searched ||= event.content_block.type === 'server_tool_use';
        this.#write(event.content_block, event.content_block.type === 'text');
        return;
      case 'content_block_delta':
        if (isObject(event.delta)) this.#write(event.delta, event.delta.type === 'text_delta');
        return;
      case 'message_delta':
        if (isObject(event.usage)) {
          this.#usage = merged(this.#usage ?? {}, event.usage);
          this.#final ||= tokens(event.usage.output_tokens) !== null;
        }
        if (isObject(event.delta) && event.delta.stop_reason) this.#stopped = true;
        return;
      case 'message_stop':
        this.#ended = true;
    }
  }

  #write(part: Json, isText: boolean) {
    this.#generated += generatedIn(part);
    this.#ranCode ||= ranCode(part);
    if (isText && typeof part.text === 'string') this.#text += part.text;
  }

  usage = () => (this.#final ? this.#counted() : null);
  usageSoFar = () => (this.#searched ? this.usage() : this.#counted());
  #counted = () => this.#usage && normalised(this.#usage, { model: this.#model, ranCode: this.#ranCode });
  text = () => this.#text;
  generated = () => this.#generated;
  error = () => this.#error;
  finishing = () => this.#stopped || this.#ended;
  ended = () => this.#ended;
}

/** Anthropic pauses a turn after this many rounds of its own tools; a request may name a lower bound for each tool. */
const SERVER_TOOL_ROUNDS = 10;

const webSearchesOf = (body: Json): number =>
  objects(body.tools)
    .filter((tool) => typeof tool.type === 'string' && tool.type.startsWith('web_search'))
    .reduce((sum, tool) => sum + (tokens(tool.max_uses) ?? SERVER_TOOL_ROUNDS), 0);

const has = (body: Json, type: string): boolean =>
  objects(body.tools).some((tool) => typeof tool.type === 'string' && tool.type.startsWith(type));

const askedTier = ({ speed }: Json): TierAsk =>
  speed === 'fast' ? { asked: 'fast', reachable: ['fast', 'standard'] } : STANDARD;

/** Rounds billed beside the answer: what may be asked after a refusal, a summary of a long conversation, an advisor's turns. */
function roundsOf(body: Json): AskedRound[] {
  const again: AskedRound = { model: null, maxOutputTokens: null };
  const { fallbacks, context_management: management } = body;
  const edits = isObject(management) ? objects(management.edits) : [];
  return [
    ...objects(fallbacks).map((fallback) => ({
      model: typeof fallback.model === 'string' ? fallback.model : null,
      maxOutputTokens: tokens(fallback.max_tokens),
    })),
    // "default": whatever Anthropic falls back to, which is no dearer than what it falls back from.
    ...(typeof fallbacks === 'string' ? [again] : []),
    ...edits.filter(({ type }) => String(type).startsWith('compact')).map(() => again),
    ...objects(body.tools)
      .filter(({ type }) => String(type).startsWith('advisor'))
      .flatMap((tool) =>
        Array.from(
          { length: Math.min(tokens(tool.max_uses) ?? SERVER_TOOL_ROUNDS, SERVER_TOOL_ROUNDS) },
          () => ({
            model: typeof tool.model === 'string' ? tool.model : null,
            maxOutputTokens: null,
          }),
        ),
      ),
  ];
}

/** Smallest thinking budget that Anthropic takes; it must also stay below max_tokens. */
const LEAST_THINKING = 1024;

/** Anthropic's error types that its SDK and its users know. */
const ERROR_TYPES = new Set([
  'invalid_request_error',
  'authentication_error',
  'billing_error',
  'permission_error',
  'not_found_error',
  'request_too_large',
  'rate_limit_error',
  'timeout_error',
  'api_error',
  'overloaded_error',
]);

/** The type if Anthropic has it, else its general one. */
export const anthropicErrorType = (type: unknown): string =>
  typeof type === 'string' && ERROR_TYPES.has(type) ? type : 'api_error';

export const anthropicMessages: FormatReader = {
  format: 'anthropic_messages',

  askOf: (body) => ({
    maxOutputTokens: tokens(body.max_tokens),
    choices: 1,
    audio: false,
    webSearches: webSearchesOf(body),
    toolCalls: has(body, 'code_execution') ? { codeExecution: 1 } : {},
    tier: askedTier(body),
    regional: isRegional(body.inference_geo),
    rounds: roundsOf(body),
  }),

  withMaxOutput(body, maximum) {
    const { thinking } = body;
    const budget = isObject(thinking) ? tokens(thinking.budget_tokens) : null;
    const tooMuch = budget !== null && budget >= maximum && maximum > LEAST_THINKING;
    return {
      ...body,
      max_tokens: maximum,
      ...(tooMuch ? { thinking: { ...(thinking as Json), budget_tokens: maximum - 1 } } : {}),
    };
  },

  outgoing: (body, { model }) => ({ body: { ...body, model }, usageInjected: false }),

  usageOf: (body) =>
    isObject(body)
      ? normalised(body.usage, { model: body.model, ranCode: objects(body.content).some(ranCode) })
      : null,
  textOf: (body) => (isObject(body) ? textOf(body.content) : ''),
  generatedOf: (body) => (isObject(body) ? objects(body.content) : []).map(generatedIn).join(''),
  errorOf,
  errorEvent: ({ type, ...error }) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: anthropicErrorType(type), ...error } })}\n\n`,
  streamReader: () => new AnthropicMessagesStream(),
};
