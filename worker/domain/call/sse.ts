/** Cuts a byte stream into server-sent events without copying more than it must: every event keeps its exact bytes. */

export interface SseEvent {
  /** the event as it came, its blank line included */
  bytes: Uint8Array;
  /** its `data` lines joined by line feeds; null when it has none (comments, keep-alives) */
  data: string | null;
  /** false for what was left when the stream ended without a last blank line: a short answer's last event, or half of one */
  complete: boolean;
}

/** Images travel inside events, but no provider sends one this large; a stream that does is broken or hostile. */
export const MAX_EVENT_BYTES = 16 * 1024 * 1024;

const LF = 10;
const CR = 13;

export class SseSplitter {
  /** what belongs to no whole event yet; it grows by doubling, so that an event in many chunks is copied a few times and not once per chunk */
  #buffer: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #length = 0;
  readonly #decoder = new TextDecoder();

  /** The events that `chunk` completes. Throws RangeError when one event grows beyond MAX_EVENT_BYTES. */
  push(chunk: Uint8Array): SseEvent[] {
    // The blank line's first bytes may have come with an earlier chunk.
    let position = Math.max(0, this.#length - 3);
    const bytes = this.#length === 0 ? chunk : this.#with(chunk);
    const events: SseEvent[] = [];
    let start = 0;
    while (position < bytes.length) {
      const end = endOfEvent(bytes, position);
      if (end === -1) break;
      events.push(this.#read(bytes.subarray(start, end), true));
      start = position = end;
    }
    // Events handed out keep their memory: what is left moves out of it.
    if (start > 0) this.#buffer = bytes.slice(start);
    else if (this.#length === 0) this.#buffer = bytes;
    this.#length = bytes.length - start;
    if (this.#length > MAX_EVENT_BYTES)
      throw new RangeError(`an event of more than ${MAX_EVENT_BYTES} bytes`);
    return events;
  }

  /** What is left when the stream ends without a last blank line; null when nothing is. */
  end(): SseEvent | null {
    if (this.#length === 0) return null;
    const event = this.#read(this.#buffer.subarray(0, this.#length), false);
    this.#buffer = new Uint8Array(0);
    this.#length = 0;
    return event;
  }

  #with(chunk: Uint8Array): Uint8Array {
    const length = this.#length + chunk.length;
    if (this.#buffer.length < length) {
      const larger = new Uint8Array(Math.max(length, this.#buffer.length * 2));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(chunk, this.#length);
    return this.#buffer.subarray(0, length);
  }

  #read(bytes: Uint8Array, complete: boolean): SseEvent {
    const lines = this.#decoder.decode(bytes).split(/\r\n|\n|\r/);
    const data: string[] = [];
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
    }
    return { bytes, data: data.length === 0 ? null : data.join('\n'), complete };
  }
}

/** Index after the blank line that ends the event, searching from `from`; -1 when there is none yet. */
function endOfEvent(bytes: Uint8Array, from: number): number {
  for (let i = from; i < bytes.length - 1; i++) {
    if (bytes[i] === LF && bytes[i + 1] === LF) return i + 2;
    if (bytes[i] === LF && bytes[i + 1] === CR && bytes[i + 2] === LF) return i + 3;
    if (bytes[i] === CR && bytes[i + 1] === CR) return i + 2;
  }
  return -1;
}
