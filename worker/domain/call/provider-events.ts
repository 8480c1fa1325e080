/** What a provider streams, event by event: no further than makes sense, and no longer than the call is wanted. */
import type { Flight } from './flight.ts';
import { SseSplitter, type SseEvent } from './sse.ts';

/** Room for 128,000 tokens in an event each; a stream that says more has no end. What it wrote is kept until it is counted. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;

export interface ProviderEvents {
  /** the next events (at least one); none when the stream is over, broken or aborted */
  next(): Promise<SseEvent[]>;
  /** these come again with the next call */
  putBack(events: SseEvent[]): void;
  /** reads no further and lets the provider know */
  stop(): void;
  /** what is wrong with what it sends, so that it is read no further; null when it is not that */
  fault(): string | null;
}

export function eventsOf(response: Response, flight: Flight): ProviderEvents {
  const { signal } = flight;
  const splitter = new SseSplitter();
  const reader = response.body?.getReader();
  let over = !reader;
  let waiting: SseEvent[] = [];
  let received = 0;
  let fault: string | null = null;
  const stop = () => {
    over = true;
    signal.removeEventListener('abort', stop);
    reader?.cancel().catch(() => {});
  };
  if (signal.aborted) stop();
  else signal.addEventListener('abort', stop);
  return {
    stop,
    fault: () => fault,
    putBack(events) {
      waiting = events;
    },
    async next() {
      if (waiting.length > 0) {
        const events = waiting;
        waiting = [];
        return events;
      }
      while (!over) {
        try {
          flight.listens();
          const { done, value } = await reader!.read();
          flight.heard();
          if (over) return [];
          if (done) {
            over = true;
            const last = splitter.end();
            return last ? [last] : [];
          }
          received += value.length;
          if (received > MAX_STREAM_BYTES) throw new RangeError(`more than ${MAX_STREAM_BYTES} bytes`);
          const events = splitter.push(value);
          if (events.length > 0) return events;
        } catch (cause) {
          if (cause instanceof RangeError)
            fault = `The stream sent ${cause.message}, which is more than is read.`;
          stop();
        }
      }
      return [];
    },
  };
}

/** Events up to and with the first that has data; keep-alive comments may come before it. */
export async function upToFirstData(source: ProviderEvents): Promise<SseEvent[]> {
  const seen: SseEvent[] = [];
  for (let events = await source.next(); events.length > 0; events = await source.next()) {
    const at = events.findIndex((event) => event.data !== null);
    if (at === -1) {
      seen.push(...events);
      continue;
    }
    source.putBack(events.slice(at + 1));
    return [...seen, ...events.slice(0, at + 1)];
  }
  return seen;
}
