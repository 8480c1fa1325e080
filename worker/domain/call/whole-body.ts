/** A provider's whole answer, read no further than makes sense: one without end must not fill our memory, nor one that stalls hold us up. */
import type { Flight } from './flight.ts';

/** Images and embeddings travel inside JSON; no answer is this large. */
export const MAX_ANSWER_BYTES = 32 * 1024 * 1024;

/** Read in one go, which is cheaper. Whoever needs longer for so little than he may be silent has stalled, if he sends a byte now and then or not. */
const SMALL_ANSWER_BYTES = 64 * 1024;

/** The text, or what went wrong with it: `too_large` is read no further, `broken` ended before its end or was aborted. */
export type WholeBody = { text: string } | { fault: 'too_large' | 'broken' };

const BROKEN: WholeBody = { fault: 'broken' };

export function wholeBody(response: Response, flight: Flight): Promise<WholeBody> {
  const { signal } = flight;
  const aborted = new Promise<WholeBody>((resolve) => {
    if (signal.aborted) resolve(BROKEN);
    signal.addEventListener('abort', () => resolve(BROKEN), { once: true });
  });
  return Promise.race([read(response, flight).catch(() => BROKEN), aborted]);
}

async function read(response: Response, flight: Flight): Promise<WholeBody> {
  // A length that is announced is a length that is kept to; where it speaks of compressed bytes it promises nothing.
  const length = response.headers.get('content-length');
  if (length !== null && !response.headers.has('content-encoding') && Number(length) <= SMALL_ANSWER_BYTES) {
    flight.listens();
    const text = await response.text();
    flight.heard();
    return { text };
  }
  const reader = response.body?.getReader();
  if (!reader) return { text: '' };
  const decoder = new TextDecoder();
  let text = '';
  let received = 0;
  for (;;) {
    flight.listens();
    const { done, value } = await reader.read();
    flight.heard();
    if (done) return { text: text + decoder.decode() };
    received += value.length;
    if (received > MAX_ANSWER_BYTES) {
      reader.cancel().catch(() => {});
      return { fault: 'too_large' };
    }
    text += decoder.decode(value, { stream: true });
  }
}
