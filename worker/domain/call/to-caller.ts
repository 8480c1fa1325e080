/** The caller's end of a stream: it keeps pace with him, and knows when he has left. */
import type { Flight } from './flight.ts';

/** Chunks that may wait for a slow caller before the provider is read on. */
const QUEUE_CHUNKS = 32;

export interface Downstream {
  body: ReadableStream<Uint8Array>;
  send(bytes: Uint8Array): void;
  /** resolves when the caller has read enough, or has left */
  room(): Promise<void>;
  close(): void;
  fail(reason: unknown): void;
}

export function toCaller(flight: Flight, onDisconnect: 'drain' | 'cancel'): Downstream {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let gone = false;
  let wake: (() => void) | null = null;
  const wakeUp = () => {
    wake?.();
    wake = null;
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(its) {
        controller = its;
      },
      pull: wakeUp,
      cancel() {
        gone = true;
        if (onDisconnect === 'cancel') flight.cancel();
        wakeUp();
      },
    },
    { highWaterMark: QUEUE_CHUNKS },
  );
  flight.signal.addEventListener('abort', wakeUp);
  return {
    body,
    send(bytes) {
      if (!gone) controller.enqueue(bytes);
    },
    async room() {
      while (!gone && !flight.signal.aborted && (controller.desiredSize ?? 0) <= 0)
        await new Promise<void>((resolve) => (wake = resolve));
    },
    close() {
      if (!gone) controller.close();
    },
    fail(reason) {
      gone = true;
      controller.error(reason);
    },
  };
}

export function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
