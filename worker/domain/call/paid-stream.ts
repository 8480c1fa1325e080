/**
 * A paid stream: the provider's events go to the caller as they come, byte for byte, except the usage that only we asked for (B11)
 * and the end, which waits until the call is settled; or converted, event by event, where the provider speaks another format. When the caller leaves, the stream is drained (B09) or cancelled (B08).
 */
import type { StreamReader } from '../contracts/provider.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import type { Admitted } from './admission.ts';
import type { PaidCallDeps, PaidStream, PaidStreamEnd } from './paid-call.ts';
import type { Flight } from './paid-calls.ts';
import { shownHeaders } from './provider-headers.ts';
import { NOT_BOOKED, settle, withBilled, type Ending, type Outcome } from './settling.ts';
import { SseSplitter, type SseEvent } from './sse.ts';

interface Opened {
  response: Response;
  flight: Flight;
  deps: PaidCallDeps;
}

/** Chunks that may wait for a slow caller before the provider is read on. */
const QUEUE_CHUNKS = 32;
/** Room for 128,000 tokens in an event each; a stream that says more has no end. What it wrote is kept until it is counted. */
const MAX_STREAM_BYTES = 64 * 1024 * 1024;
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Waits for the first event, so that a stream that fails before it is an ordinary refusal and costs nothing (B07). */
export async function paidStream(
  admitted: Admitted,
  { response, flight, deps }: Opened,
): Promise<Result<PaidStream, Refusal>> {
  const { request, reader: format, route, usageInjected, choices } = admitted;
  const source = eventsOf(response, flight.signal);
  const first = await upToFirstData(source);
  const opening = first.at(-1);
  const probe = format.streamReader({ usageInjected, choices });
  if (opening?.data) probe.event(opening.data);
  if (!opening?.data || probe.error() !== null) {
    source.stop();
    const whole = opening?.data ? null : await inOnePiece(admitted, first, deps);
    const message = probe.error() ?? source.fault() ?? whole?.message ?? noEvent(flight);
    const status = flight.cancelled() ? 'cancelled' : 'failed';
    const ending = whole?.ending ?? unstarted(flight);
    const receipt = await settle(admitted, { ending, status, error: message }, deps);
    flight.land();
    const refusal = providerFailed(route.provider, message, flight.signal.aborted ? 504 : 502);
    return err(withBilled(refusal, receipt));
  }
  flight.answered();

  const reader = format.streamReader({ usageInjected, choices });
  const downstream = toCaller(flight, request.onDisconnect);
  const done = pump(admitted, { reader, source, first, downstream, flight, deps })
    .catch((bug: unknown) => {
      downstream.fail(bug);
      return err<Refusal>({ reason: 'unavailable', message: 'The stream could not be read to its end.' });
    })
    .finally(() => flight.land());
  deps.waitUntil(done);
  return ok({
    runId: request.runId,
    provider: route.provider,
    model: route.model,
    body: downstream.body,
    clampedMaxTokens: admitted.clampedMaxTokens,
    budgetWarnings: admitted.budgetWarnings,
    headers: shownHeaders(response.headers, route.connection),
    done,
  });
}

/** Events up to and with the first that has data; keep-alive comments may come before it. */
async function upToFirstData(source: ProviderEvents): Promise<SseEvent[]> {
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

/** Ended by us (the caller left, or it took too long), the provider has read the input at least; failed by itself, it bills nothing. */
const unstarted = (flight: Flight): Ending =>
  flight.signal.aborted ? { kind: 'estimated', outputTokens: 0 } : { kind: 'unbilled' };

/**
 * What came instead of events: null when it was nothing. A server that ignores `stream` has written, and says so in its usage or is
 * counted; a page (a proxy's, a login's) was written by no model, and costs nothing.
 */
async function inOnePiece(
  { reader, route }: Admitted,
  events: SseEvent[],
  deps: PaidCallDeps,
): Promise<{ message: string; ending: Ending } | null> {
  const text = events
    .map(({ bytes }) => decoder.decode(bytes))
    .filter((event) => !event.startsWith(':'))
    .join('');
  if (text.trim() === '') return null;
  if (!/^\s*[[{]/.test(text))
    return { message: 'It did not answer with a stream of events.', ending: { kind: 'unbilled' } };
  const message = 'It answered in one piece instead of a stream of events.';
  const estimated = async (written: string): Promise<Ending> => ({
    kind: 'estimated',
    outputTokens: await deps.count.text(route, written),
  });
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { message, ending: await estimated(text) };
  }
  const usage = reader.usageOf(body);
  const error = reader.errorOf(body);
  const ending: Ending = usage
    ? { kind: 'reported', usage }
    : error === null
      ? await estimated(reader.generatedOf(body))
      : { kind: 'unbilled' };
  return { message: error ?? message, ending };
}

const noEvent = (flight: Flight) =>
  flight.cancelled()
    ? 'The call was cancelled.'
    : flight.signal.aborted
      ? 'It did not answer in time.'
      : 'The stream ended before it began.';

const providerFailed = (provider: string, message: string, status: number): Refusal => ({
  reason: 'provider_failed',
  provider,
  status,
  message,
  failure: 'unknown',
});

interface Running {
  reader: StreamReader;
  source: ProviderEvents;
  first: SseEvent[];
  downstream: Downstream;
  flight: Flight;
  deps: PaidCallDeps;
}

async function pump(admitted: Admitted, running: Running): Promise<Result<PaidStreamEnd, Refusal>> {
  const { reader, source, downstream, flight, deps } = running;
  const { request, route } = admitted;
  const converted = route.conversion?.stream({
    body: request.body,
    runId: request.runId,
    nowMs: deps.now(),
  });
  const heldBack: Uint8Array[] = [];
  /** what the stream ended with, without a blank line: the last of a good answer, else half an event, which would swallow an error behind it */
  const half: Uint8Array[] = [];
  for (let events = running.first; events.length > 0; events = await source.next()) {
    const passed: Uint8Array[] = [];
    for (const { bytes, data, complete } of events) {
      const replaced = data === null ? undefined : reader.event(data);
      if (converted) {
        // Keep-alive comments are not told on: not every format has a place for them.
        const told = data === null || reader.error() !== null ? '' : converted.event(data);
        if (told !== '') (reader.finishing() ? heldBack : passed).push(encoder.encode(told));
        continue;
      }
      if (replaced === null) continue;
      const out = replaced === undefined ? bytes : encoder.encode(`data: ${replaced}\n\n`);
      if (!complete) half.push(out);
      else (reader.finishing() ? heldBack : passed).push(out);
    }
    if (passed.length > 0) downstream.send(joined(passed));
    if (reader.ended()) break;
    await downstream.room();
  }
  source.stop();

  const outcome = await outcomeOf(admitted, running);
  const receipt = await settle(admitted, outcome, deps);
  const refusal =
    outcome.status !== 'succeeded'
      ? providerFailed(
          route.provider,
          outcome.error ?? 'The stream broke off.',
          flight.signal.aborted ? 504 : 502,
        )
      : receipt
        ? null
        : NOT_BOOKED;
  if (refusal || !receipt) {
    // The provider's own error goes out as it came, with what followed it; everything else is told here.
    if (!reader.error() || converted)
      downstream.send(
        encoder.encode(deps.formatOf(request.format).errorEvent(errorOf(refusal ?? NOT_BOOKED))),
      );
    else if (heldBack.length > 0) downstream.send(joined(heldBack));
    downstream.close();
    return err(refusal ?? NOT_BOOKED);
  }
  if (converted) heldBack.push(encoder.encode(converted.end(receipt.usage)));
  heldBack.push(...half);
  if (heldBack.length > 0) downstream.send(joined(heldBack));
  downstream.close();
  return ok({ receipt, text: reader.text() });
}

async function outcomeOf(admitted: Admitted, { reader, source, flight, deps }: Running): Promise<Outcome> {
  // Numbers of a stream that was cut are those of its last word, and it may have written on: they are the least that it cost.
  const told = reader.finishing() || reader.error() !== null;
  const reported = told ? reader.usage() : null;
  const ending = reported
    ? ({ kind: 'reported', usage: reported } as const)
    : ({
        kind: 'estimated',
        outputTokens: await deps.count.text(admitted.route, reader.generated()),
        soFar: reader.usageSoFar(),
      } as const);
  // A server without an end marker has ended well when every answer has its finish reason.
  if (reader.finishing() && reader.error() === null) return { status: 'succeeded', ending };
  if (flight.cancelled() && reader.error() === null)
    return { status: 'cancelled', ending, error: 'The caller left.' };
  const error =
    reader.error() ??
    source.fault() ??
    (flight.signal.aborted ? 'It did not end in time.' : 'The stream broke off.');
  return { status: 'failed', ending, error };
}

const errorOf = (refusal: Refusal) => ({
  type: refusal.reason === 'provider_failed' ? 'provider_error' : 'api_error',
  code: refusal.reason,
  message: 'message' in refusal ? refusal.message : refusal.reason,
});

interface ProviderEvents {
  /** the next events (at least one); none when the stream is over, broken or aborted */
  next(): Promise<SseEvent[]>;
  /** these come again with the next call */
  putBack(events: SseEvent[]): void;
  /** reads no further and lets the provider know */
  stop(): void;
  /** what is wrong with what it sends, so that it is read no further; null when it is not that */
  fault(): string | null;
}

function eventsOf(response: Response, signal: AbortSignal): ProviderEvents {
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
          const { done, value } = await reader!.read();
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

interface Downstream {
  body: ReadableStream<Uint8Array>;
  send(bytes: Uint8Array): void;
  /** resolves when the caller has read enough, or has left */
  room(): Promise<void>;
  close(): void;
  fail(reason: unknown): void;
}

function toCaller(flight: Flight, onDisconnect: 'drain' | 'cancel'): Downstream {
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

function joined(parts: Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
