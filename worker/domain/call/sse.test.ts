import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_EVENT_BYTES, SseSplitter } from './sse.ts';

const encode = (text: string) => new TextEncoder().encode(text);
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

function readAll(chunks: Uint8Array[]) {
  const splitter = new SseSplitter();
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return last ? [...events, last] : events;
}

describe('server-sent events', () => {
  it('gives data and exact bytes of each event', () => {
    const events = readAll([
      encode('data: {"a":1}\n\n: ping\n\nevent: x\ndata: one\ndata:two\n\ndata: [DONE]\n\n'),
    ]);
    expect(events.map((event) => event.data)).toEqual(['{"a":1}', null, 'one\ntwo', '[DONE]']);
    expect(decode(events[2]!.bytes)).toBe('event: x\ndata: one\ndata:two\n\n');
  });

  it('reads CRLF streams', () => {
    expect(readAll([encode('data: a\r\n\r\ndata: b\r\n\r\n')]).map((event) => event.data)).toEqual([
      'a',
      'b',
    ]);
  });

  it('hands over an unfinished last event', () => {
    expect(readAll([encode('data: a\n\ndata: b')]).map((event) => event.data)).toEqual(['a', 'b']);
  });

  it('gives the same events and the same bytes however the stream is cut, inside a character too', () => {
    const all = encode('data: {"t":"grüße 🎈"}\n\n: keep\n\ndata: zwei\r\n\r\ndata: [DONE]\n\n');
    const whole = readAll([all]).map((event) => event.data);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: all.length }), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), all.length];
        const events = readAll(at.slice(1).map((end, i) => all.subarray(at[i], end)));
        expect(events.map((event) => event.data)).toEqual(whole);
        expect(events.map((event) => decode(event.bytes)).join('')).toBe(decode(all));
      }),
      { seed: 7 },
    );
  });

  it('refuses an event without end', () => {
    const splitter = new SseSplitter();
    expect(() => {
      for (let i = 0; i <= MAX_EVENT_BYTES; i += 1024 * 1024)
        splitter.push(new Uint8Array(1024 * 1024 + 1).fill(65));
    }).toThrow(RangeError);
  });
});
