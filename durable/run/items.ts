/** The items of a map as rows: in chunks, so that a hundred thousand of them are never one row, and what they are known by. */
import { createHash } from 'node:crypto';

const CHUNK_CHARS = 500_000;
const CHUNK_ITEMS = 500;

export interface ItemChunk {
  /** the index of its first item */
  first: number;
  /** a JSON array */
  text: string;
}

/** Items come one by one, chunks go out as they are full. */
export class ItemChunks {
  total = 0;
  #items: string[] = [];
  #chars = 0;

  /** `json`: the item's. Answers the chunk before it, when that is full. */
  add(json: string): ItemChunk | null {
    const isFull =
      this.#items.length > 0 &&
      (this.#chars + json.length > CHUNK_CHARS || this.#items.length >= CHUNK_ITEMS);
    const full = isFull ? this.rest() : null;
    this.#items.push(json);
    this.#chars += json.length;
    this.total++;
    return full;
  }
  /** The last one; null when there is nothing. */
  rest(): ItemChunk | null {
    if (this.#items.length === 0) return null;
    const chunk = { first: this.total - this.#items.length, text: `[${this.#items.join(',')}]` };
    this.#items = [];
    this.#chars = 0;
    return chunk;
  }
}

export function* itemChunks(items: readonly unknown[]): Generator<ItemChunk> {
  const chunks = new ItemChunks();
  for (const item of items) {
    const full = chunks.add(JSON.stringify(item ?? null));
    if (full) yield full;
  }
  const rest = chunks.rest();
  if (rest) yield rest;
}

/** The same for the same items in the same order; null when there are none. */
export class ItemsHash {
  readonly #hash = createHash('sha256');
  #any = false;

  add(chunk: string): void {
    this.#hash.update(chunk);
    this.#any = true;
  }
  digest(): string | null {
    return this.#any ? this.#hash.digest('hex') : null;
  }
}

export function itemsHash(texts: Iterable<string>): string | null {
  const hash = new ItemsHash();
  for (const text of texts) hash.add(text);
  return hash.digest();
}

export const hashOfItems = (items: readonly unknown[]): string | null =>
  itemsHash(itemChunks(items).map(({ text }) => text));
