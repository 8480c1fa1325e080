/** A stream that never began: why, and what it costs all the same. */
import type { Admitted } from './admission.ts';
import { flagsOf, silence, type Flight } from './flight.ts';
import type { PaidCallDeps } from './paid-call.ts';
import type { ProviderEvents } from './provider-events.ts';
import type { Ending, Outcome } from './settling.ts';
import type { SseEvent } from './sse.ts';

interface Nothing {
  /** what came, none of it with data but perhaps the last */
  events: SseEvent[];
  /** the error that the provider streamed in place of an answer */
  told: string | null;
  source: ProviderEvents;
  flight: Flight;
}

const decoder = new TextDecoder();

export async function unstarted(
  admitted: Admitted,
  { events, told, source, flight }: Nothing,
  deps: PaidCallDeps,
): Promise<Outcome & { error: string }> {
  const whole = told === null ? await inOnePiece(admitted, events, deps) : null;
  return {
    status: flight.cancelled() ? 'cancelled' : 'failed',
    ending: whole?.ending ?? endingOf(flight),
    error: told ?? source.fault() ?? whole?.message ?? silence(flight, 'stream') ?? noEvent(flight),
    flags: flagsOf(flight),
  };
}

/** Ended by us (the caller left, or it took too long), the provider has read the input at least; failed by itself, it bills nothing. */
const endingOf = (flight: Flight): Ending =>
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
