/** How many tokens go in? Exact where the tokenizer is public, an estimate with an upper bound where it is not; never below the truth. */
import { createEncoder, type Encoder, type Encoding, type LoadRanks } from './encoder.ts';
import type { ChatInput } from './chat-input.ts';
import { SANDBOX } from './sandbox-prices.ts';

export interface Count {
  /** the best reading: what an estimate shows and what missing usage is booked at */
  tokens: number;
  /** at least the truth: what a ceiling is made of; the same as `tokens` when exact */
  ceilingTokens: number;
  exact: boolean;
}

export interface TokenCounter {
  /** The tokens of a text alone, without any framing. */
  countText(model: ModelName, text: string): Promise<Count>;
  /** The tokens of a whole request: messages with their framing, tools, schema, media. */
  countChat(model: ModelName, chat: CountedChat): Promise<Count>;
}

/** Provider and model as PriceTable.resolve gives them. */
export interface ModelName {
  provider: string;
  model: string;
}

export type CountedChat = Pick<ChatInput, 'messages'> & Partial<ChatInput>;

export interface CounterDeps {
  /** null = no ranks can be had here: everything is counted by its bytes, not exact */
  loadRanks: LoadRanks | null;
  /** lets the event loop run between slices, so that a long count keeps nobody waiting */
  yieldNow(): Promise<void>;
  /** the model's context window, which bounds input that a request does not show; null = unknown */
  contextWindowOf(name: ModelName): number | null;
  /** how long to wait for ranks that another caller is loading: resolves with null */
  patience(): Promise<null>;
}

/** Longer inputs are not encoded: their bytes are the upper bound (no token is shorter than a byte). */
export const MAX_COUNTED_BYTES = 1024 * 1024;
/** Tokens counted between two turns of the event loop: work grows with tokens, so this is 1 ms of English and 10 ms of noise. */
const TOKENS_PER_TURN = 4_000;

// OpenAI's chat framing: <|im_start|>role<|im_sep|>...<|im_end|>, and the primed answer.
const TOKENS_PER_MESSAGE = 3;
const TOKENS_PER_NAME = 1;
const TOKENS_OF_PRIMING = 3;
/** Where framing is not published: at most so many tokens around a message, a tool, a schema. */
const CEILING_PER_MESSAGE = 8;
const CEILING_PER_TOOL = 24;
/** Largest image we know of: gpt-4o-mini, high detail, 8 tiles; others stay far below. */
const IMAGE_CEILING: readonly { match: RegExp; tokens: number }[] = [
  { match: /^gpt-4o-mini/, tokens: 48_169 },
  { match: /./, tokens: 6_000 },
];
const IMAGE_EXPECTED = 1_000;
/** Where a request's input is not all to be seen and the window is not known. */
const UNKNOWN_CONTEXT_WINDOW = 1_000_000;
/** A file behind a reference: we do not see its size. */
const FILE_CEILING = 100_000;

/** Exact encodings; null = the provider's tokenizer is not public. */
export function encodingOf({ provider, model }: ModelName): Encoding | null {
  if (provider === SANDBOX) return 'o200k_base';
  if (provider !== 'openai' && provider !== 'azure') return null;
  if (/^(gpt-3\.5|gpt-35|gpt-4(?!o|\.|-o)|text-embedding|babbage-002|davinci-002)/.test(model))
    return 'cl100k_base';
  return 'o200k_base';
}

/**
 * How other tokenizers relate to o200k_base: expected and, for ASCII text, at most. Published comparisons put Claude at 1.1-1.45,
 * Gemini, Llama, Mistral, DeepSeek and Qwen at 0.95-1.3; the band an answer states is +-20% until the ledger calibrates it.
 */
const FOREIGN = { expected: 1.15, ceiling: 1.6 };
export const FOREIGN_BAND = 0.2;

export function createTokenCounter(deps: CounterDeps): TokenCounter {
  const encoders = new Map<Encoding, Encoder>();
  const loading = new Map<Encoding, Promise<Encoder | null>>();

  /** Null when the ranks cannot be had now: this count falls back to bytes, the next one tries again. */
  async function encoderFor(encoding: Encoding): Promise<Encoder | null> {
    const ready = encoders.get(encoding);
    if (ready || !deps.loadRanks) return ready ?? null;
    // A load belongs to the request that began it and may die with it: others wait for it, but not for ever.
    const shared = loading.get(encoding);
    const loaded = shared && (await Promise.race([shared, deps.patience()]));
    return loaded ?? encoders.get(encoding) ?? load(encoding, deps.loadRanks);
  }

  function load(encoding: Encoding, loadRanks: LoadRanks): Promise<Encoder | null> {
    const attempt = loadRanks(encoding).then(
      (ranks) => {
        const encoder = createEncoder(encoding, ranks);
        encoders.set(encoding, encoder);
        loading.delete(encoding);
        return encoder;
      },
      () => {
        loading.delete(encoding);
        return null;
      },
    );
    loading.set(encoding, attempt);
    return attempt;
  }

  /** Counts several texts as separate pieces; null when there is no encoder or too much text. */
  async function encoded(encoding: Encoding, texts: readonly string[]): Promise<number | null> {
    const units = texts.reduce((sum, text) => sum + text.length, 0);
    if (units > MAX_COUNTED_BYTES) return null;
    const encoder = await encoderFor(encoding);
    if (!encoder) return null;
    let tokens = 0;
    let sinceTurn = 0;
    for (const text of texts) {
      for (const slice of encoder.slices(text)) {
        tokens += slice.tokens;
        sinceTurn += slice.tokens;
        if (sinceTurn >= TOKENS_PER_TURN) {
          sinceTurn = 0;
          await deps.yieldNow();
        }
      }
    }
    return tokens;
  }

  async function countTexts(name: ModelName, texts: readonly string[]): Promise<Count> {
    const encoding = encodingOf(name);
    const tokens = await encoded(encoding ?? 'o200k_base', texts);
    const bytes = texts.reduce((sum, text) => sum + bytesOf(text), 0);
    if (tokens === null) return { tokens: Math.ceil(bytes / 4), ceilingTokens: bytes, exact: bytes === 0 };
    if (encoding) return { tokens, ceilingTokens: tokens, exact: true };
    const foreign = texts.reduce((sum, text) => sum + bytesOf(text) - asciiOf(text), 0);
    const likely = Math.max(Math.ceil(tokens * FOREIGN.ceiling), Math.ceil(bytes / 4)) + foreign;
    const expected = Math.ceil(tokens * FOREIGN.expected);
    return {
      tokens: expected,
      ceilingTokens: Math.max(expected, Math.min(bytes, likely)),
      exact: bytes === 0,
    };
  }

  async function countChat(name: ModelName, chat: CountedChat): Promise<Count> {
    const { messages, tools = [], schema = null, opaque = [], framed = true, plain = true } = chat;
    const definitions = schema === null ? tools : [...tools, schema];
    const texts = framed
      ? messages.flatMap(({ role, name: author, text }) => [role, ...(author ? [author] : []), text])
      : messages.map(({ text }) => text);
    const said = await countTexts(name, texts);
    const defined = await countTexts(name, definitions);
    const framing = framed ? framingOf(messages) : 0;
    const media = mediaTokens(name.model, opaque);
    const tokens = said.tokens + defined.tokens + framing + media.expected;
    const seen = said.ceilingTokens + defined.ceilingTokens;
    // The sandbox is our own: what we count is what it reports, whatever the request holds.
    if (name.provider === SANDBOX)
      return { tokens, ceilingTokens: seen + framing + media.expected, exact: said.exact && defined.exact };

    const published = encodingOf(name) !== null;
    const most = published || !framed ? framing : (messages.length + 1) * CEILING_PER_MESSAGE;
    const shown = seen + definitions.length * CEILING_PER_TOOL + most + media.ceiling;
    const hidden = chat.hiddenInput ? (deps.contextWindowOf(name) ?? UNKNOWN_CONTEXT_WINDOW) : 0;
    return {
      tokens,
      ceilingTokens: Math.max(shown, hidden),
      exact:
        published && said.exact && plain && !chat.hiddenInput && definitions.length + opaque.length === 0,
    };
  }

  return { countText: (name, text) => countTexts(name, [text]), countChat };
}

const framingOf = (messages: CountedChat['messages']): number =>
  messages.length * TOKENS_PER_MESSAGE +
  messages.filter((message) => message.name).length * TOKENS_PER_NAME +
  TOKENS_OF_PRIMING;

function mediaTokens(model: string, opaque: ChatInput['opaque']): { expected: number; ceiling: number } {
  let [expected, ceiling] = [0, 0];
  for (const part of opaque) {
    if (part.kind === 'image') {
      expected += IMAGE_EXPECTED;
      ceiling += IMAGE_CEILING.find(({ match }) => match.test(model))!.tokens;
    } else {
      expected += part.inlineLength > 0 ? Math.ceil(part.inlineLength / 16) : IMAGE_EXPECTED;
      ceiling += part.inlineLength > 0 ? part.inlineLength : FILE_CEILING;
    }
  }
  return { expected, ceiling };
}

const utf8 = new TextEncoder();
const bytesOf = (text: string): number => utf8.encode(text).length;
function asciiOf(text: string): number {
  let ascii = 0;
  for (let at = 0; at < text.length; at++) if (text.charCodeAt(at) < 0x80) ascii++;
  return ascii;
}
