/** Cuts a byte stream into server-sent events without copying more than it must: every event keeps its exact bytes. */

export interface SseEvent {
  /** the event as it came, its blank line included */
  bytes: Uint8Array;
  /** its `data` lines joined by line feeds; null when it has none (comments, keep-alives) */
  data: string | null;
}

/** No provider sends an event this large; a stream that does is broken or hostile. */
export const MAX_EVENT_BYTES = 8 * 1024 * 1024;

const LF = 10;
const CR = 13;

export class SseSplitter {
  #rest: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  /** up to here `#rest` was searched without finding an event's end */
  #searched = 0;
  readonly #decoder = new TextDecoder();

  /** The events that `chunk` completes. Throws RangeError when one event grows beyond MAX_EVENT_BYTES. */
  push(chunk: Uint8Array): SseEvent[] {
    const bytes = this.#rest.length === 0 ? chunk : joined(this.#rest, chunk);
    const events: SseEvent[] = [];
    let start = 0;
    let position = Math.max(0, this.#searched - 3);
    while (position < bytes.length) {
      const end = endOfEvent(bytes, position);
      if (end === -1) break;
      events.push(this.#read(bytes.subarray(start, end)));
      start = position = end;
    }
    this.#rest = bytes.subarray(start);
    this.#searched = this.#rest.length;
    if (this.#rest.length > MAX_EVENT_BYTES) throw new RangeError('a stream event is too large');
    return events;
  }

  /** What is left when the stream ends without a last blank line; null when nothing is. */
  end(): SseEvent | null {
    if (this.#rest.length === 0) return null;
    const event = this.#read(this.#rest);
    this.#rest = new Uint8Array(0);
    this.#searched = 0;
    return event;
  }

  #read(bytes: Uint8Array): SseEvent {
    const lines = this.#decoder.decode(bytes).split(/\r\n|\n|\r/);
    const data: string[] = [];
    for (const line of lines) {
      if (line.startsWith('data:')) data.push(line.startsWith('data: ') ? line.slice(6) : line.slice(5));
    }
    return { bytes, data: data.length === 0 ? null : data.join('\n') };
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

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  const all = new Uint8Array(a.length + b.length);
  all.set(a);
  all.set(b, a.length);
  return all;
}
