/** Anthropic's messages wire format: what a request may cost, and what bodies and streams say. */
import type { AskedRound, FormatReader, StreamReader } from '../../domain/contracts/provider.ts';
import { STANDARD, type TierAsk } from '../../domain/cost/service-tier.ts';
import { isRegional, anthropicUsage, withLater } from './anthropic-usage.ts';
import { isObject, objects, parsed, tokens, type Json } from './json.ts';

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
        if (isObject(event.message.usage)) this.#usage = withLater(this.#usage ?? {}, event.message.usage);
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
          this.#usage = withLater(this.#usage ?? {}, event.usage);
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
  #counted = () => this.#usage && anthropicUsage(this.#usage, { model: this.#model, ranCode: this.#ranCode });
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
      ? anthropicUsage(body.usage, { model: body.model, ranCode: objects(body.content).some(ranCode) })
      : null,
  textOf: (body) => (isObject(body) ? textOf(body.content) : ''),
  generatedOf: (body) => (isObject(body) ? objects(body.content) : []).map(generatedIn).join(''),
  errorOf,
  errorEvent: ({ type, ...error }) =>
    `event: error\ndata: ${JSON.stringify({ type: 'error', error: { type: anthropicErrorType(type), ...error } })}\n\n`,
  streamReader: () => new AnthropicMessagesStream(),
};
