/** A multipart/form-data body read as it comes: small fields as texts, the one file as a stream that is never whole in memory. */

const MAX_HEADER_BYTES = 16 * 1024;
const MAX_FIELD_BYTES = 64 * 1024;

export class MultipartFault extends Error {}

/** A part: a field with its text, or a file whose body must be read before the next part is asked for. */
export type Part =
  | { name: string; text: string }
  | { name: string; filename: string; contentType: string; body: AsyncIterable<Uint8Array> };

/** The boundary of a multipart content type; null when it is none. */
export function boundaryOf(contentType: string | undefined): string | null {
  const match = /^multipart\/form-data\s*;.*\bboundary=(?:"([^"]{1,200})"|([^;\s]{1,200}))/i.exec(
    contentType ?? '',
  );
  return match?.[1] ?? match?.[2] ?? null;
}

const bytesOf = (text: string) => new TextEncoder().encode(text);

function indexOf(haystack: Uint8Array, needle: Uint8Array): number {
  const first = needle[0]!;
  for (let at = haystack.indexOf(first); at >= 0; at = haystack.indexOf(first, at + 1)) {
    if (at + needle.length > haystack.length) return -1;
    let same = 1;
    while (same < needle.length && haystack[at + same] === needle[same]) same++;
    if (same === needle.length) return at;
  }
  return -1;
}

/** Throws MultipartFault when the body does not follow its own boundary. */
export async function* partsOf(body: AsyncIterable<Uint8Array>, boundary: string): AsyncGenerator<Part> {
  const source = body[Symbol.asyncIterator]();
  let held: Uint8Array = new Uint8Array(0);
  const more = async (): Promise<boolean> => {
    const { value, done } = await source.next();
    if (done) return false;
    const joined = new Uint8Array(held.length + value.length);
    joined.set(held);
    joined.set(value, held.length);
    held = joined;
    return true;
  };
  /** all bytes up to the mark, which is taken away too */
  const until = async (mark: Uint8Array, limit: number): Promise<Uint8Array> => {
    for (;;) {
      const at = indexOf(held, mark);
      if (at >= 0) {
        const before = held.slice(0, at);
        held = held.subarray(at + mark.length);
        return before;
      }
      if (held.length > limit) throw new MultipartFault('a part of the form is too long');
      if (!(await more())) throw new MultipartFault('the form ends before its last boundary');
    }
  };
  async function* untilBoundary(mark: Uint8Array): AsyncGenerator<Uint8Array> {
    for (;;) {
      const at = indexOf(held, mark);
      if (at >= 0) {
        const before = held.slice(0, at);
        held = held.subarray(at + mark.length);
        if (before.length > 0) yield before;
        return;
      }
      const safe = held.length - mark.length + 1;
      if (safe > 0) {
        const ready = held.slice(0, safe);
        held = held.slice(safe);
        yield ready;
      }
      if (!(await more())) throw new MultipartFault('the form ends before its last boundary');
    }
  }

  await until(bytesOf(`--${boundary}`), MAX_HEADER_BYTES);
  const close = bytesOf(`\r\n--${boundary}`);
  for (;;) {
    while (held.length < 2)
      if (!(await more())) throw new MultipartFault('the form ends before its last boundary');
    if (held[0] === 45 && held[1] === 45) return;
    held = held.subarray(2);
    const headers = new TextDecoder().decode(await until(bytesOf('\r\n\r\n'), MAX_HEADER_BYTES));
    const name = /\bname="([^"]*)"/i.exec(headers)?.[1];
    const filename = /\bfilename="([^"]*)"/i.exec(headers)?.[1];
    if (name === undefined) throw new MultipartFault('a part of the form has no name');
    if (filename === undefined) {
      yield { name, text: new TextDecoder().decode(await until(close, MAX_FIELD_BYTES)) };
      continue;
    }
    const contentType = /^content-type:\s*([^\r\n;]+)/im.exec(headers)?.[1]?.trim() ?? '';
    const file = untilBoundary(close);
    yield { name, filename, contentType, body: file };
    // what the reader left unread is passed over
    for await (const _ of file);
  }
}
