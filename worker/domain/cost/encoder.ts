/** Counts tokens of any text in linear time, never below the truth: the same code in the Worker, the browser and the tests. */
import { BytePairEncodingCore, type RawBytePairRanks } from 'gpt-tokenizer/BytePairEncodingCore';
import { CL100K_TOKEN_SPLIT_REGEX, O200K_TOKEN_SPLIT_REGEX } from 'gpt-tokenizer/encodingParams/constants';

export const ENCODINGS = ['o200k_base', 'cl100k_base'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** A file of web/static/tokenizer: place = rank, value = the token's text or bytes. */
export type Ranks = RawBytePairRanks;
export type LoadRanks = (encoding: Encoding) => Promise<Ranks>;

/** Byte-pair merging is quadratic in the length of one piece: longer pieces are counted in windows of this many UTF-16 units. */
export const WINDOW_UNITS = 256;
/** Pieces are counted together up to this many units; between two such slices the event loop may run. */
const SLICE_UNITS = 8_192;
const MERGE_CACHE = 2_000;

const SPLIT: Record<Encoding, RegExp> = {
  o200k_base: O200K_TOKEN_SPLIT_REGEX,
  cl100k_base: CL100K_TOKEN_SPLIT_REGEX,
};

export interface Slice {
  tokens: number;
  /** UTF-16 units that were counted */
  units: number;
}

export interface Encoder {
  encoding: Encoding;
  /** Tokens of the text, slice by slice (a few ms each): the sum is the count. Text such as <|endoftext|> is text. */
  slices(text: string): Generator<Slice, void, void>;
  /** Token ids, for tests and display of short texts; quadratic on long runs. */
  encode(text: string): number[];
}

export function createEncoder(encoding: Encoding, ranks: Ranks): Encoder {
  const core = new BytePairEncodingCore({
    bytePairRankDecoder: ranks,
    tokenSplitRegex: SPLIT[encoding],
    mergeCacheSize: MERGE_CACHE,
  });

  const count = (text: string): Slice => ({ tokens: core.countNative(text), units: text.length });

  function* slices(text: string): Generator<Slice, void, void> {
    // Lone surrogates become U+FFFD when sent, so they are counted as that.
    const sent = text.toWellFormed();
    let sliceStart = 0;
    for (const { 0: piece, index } of sent.matchAll(SPLIT[encoding])) {
      const end = index + piece.length;
      if (piece.length > WINDOW_UNITS) {
        if (index > sliceStart) yield count(sent.slice(sliceStart, index));
        for (const window of windowsOf(piece)) yield count(window);
        yield { tokens: marginOf(piece), units: 0 };
        sliceStart = end;
      } else if (end - sliceStart >= SLICE_UNITS) {
        yield count(sent.slice(sliceStart, end));
        sliceStart = end;
      }
    }
    if (sliceStart < sent.length) yield count(sent.slice(sliceStart));
  }

  return { encoding, slices, encode: (text) => core.encodeNative(text.toWellFormed()) };
}

/** Cuts at most WINDOW_UNITS units at a time, never through a surrogate pair. */
export function* windowsOf(piece: string): Generator<string, void, void> {
  for (let start = 0; start < piece.length;) {
    let end = Math.min(start + WINDOW_UNITS, piece.length);
    if (end < piece.length && isLowSurrogate(piece.charCodeAt(end))) end--;
    yield piece.slice(start, end);
    start = end;
  }
}

/**
 * Byte-pair merging is greedy, so two halves can need one token fewer than the whole (seen in 1 of 100 random long pieces):
 * each cut is charged one token. Runs of one character are aligned to the windows but for their end: one for all cuts.
 */
const marginOf = (piece: string): number =>
  isOneCharacter(piece) ? 1 : Math.ceil(piece.length / (WINDOW_UNITS - 1)) - 1;

const isOneCharacter = (piece: string): boolean => {
  const first = String.fromCodePoint(piece.codePointAt(0)!);
  for (let at = 0; at < piece.length; at += first.length) if (!piece.startsWith(first, at)) return false;
  return true;
};

const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;
