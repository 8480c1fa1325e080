/** A streamed answer that is written down on its way to the caller, so that a repeat of his request can be given it again. */
import type { PaidCallRequest } from '../domain/call/paid-call.ts';
import { writtenText } from '../domain/call/written-text.ts';

export interface Streamed {
  body: ReadableStream<Uint8Array>;
  /** how it ended, once its call was booked */
  done: Promise<{ ok: boolean }>;
  /** drain: when the caller leaves it is read on, and is there when he asks again */
  onDisconnect: PaidCallRequest['onDisconnect'];
}
export type KeepStream = (streamed: Streamed) => ReadableStream<Uint8Array>;

/**
 * Goes at the caller's pace. `keep` gets the whole text at the end, null when it is not known whole; the stream closes once it is kept,
 * so that whoever has seen its end finds it.
 */
export function keptStream(
  { body, onDisconnect }: Pick<Streamed, 'body' | 'onDisconnect'>,
  { maxBytes, keep }: { maxBytes: number; keep(text: string | null): Promise<void> },
): ReadableStream<Uint8Array> {
  const source = body.getReader();
  const written = writtenText(maxBytes);
  const readOn = async () => {
    while (!written.lost()) {
      const { done, value } = await source.read();
      if (done) return keep(written.end());
      written.add(value);
    }
    source.cancel().catch(() => {});
    return keep(null);
  };
  return new ReadableStream(
    {
      async pull(controller) {
        try {
          const { done, value } = await source.read();
          if (!done) {
            written.add(value);
            return controller.enqueue(value);
          }
        } catch (broken) {
          await keep(null);
          throw broken;
        }
        await keep(written.end());
        controller.close();
      },
      async cancel(reason) {
        if (onDisconnect === 'drain') return readOn().catch(() => keep(null));
        await source.cancel(reason).catch(() => {});
        await keep(null);
      },
    },
    { highWaterMark: 0 },
  );
}
