/** The items of a map as rows: in chunks, so that a hundred thousand of them are never one row, and what they are known by. */
import { createHash } from 'node:crypto';

const CHUNK_CHARS = 500_000;
const CHUNK_ITEMS = 500;

/** Each chunk is a JSON array; `first` is the index of its first item. */
export function* itemChunks(items: readonly unknown[]): Generator<{ first: number; text: string }> {
  let chunk: string[] = [];
  let chars = 0;
  for (const [index, item] of items.entries()) {
    const json = JSON.stringify(item ?? null);
    if (chunk.length > 0 && (chars + json.length > CHUNK_CHARS || chunk.length >= CHUNK_ITEMS)) {
      yield { first: index - chunk.length, text: `[${chunk.join(',')}]` };
      chunk = [];
      chars = 0;
    }
    chunk.push(json);
    chars += json.length;
  }
  if (chunk.length > 0) yield { first: items.length - chunk.length, text: `[${chunk.join(',')}]` };
}

/** The same for the same items in the same order; null when there are none. */
export function itemsHash(texts: Iterable<string>): string | null {
  const hash = createHash('sha256');
  let any = false;
  for (const text of texts) {
    hash.update(text);
    any = true;
  }
  return any ? hash.digest('hex') : null;
}

export const hashOfItems = (items: readonly unknown[]): string | null =>
  itemsHash(itemChunks(items).map(({ text }) => text));
