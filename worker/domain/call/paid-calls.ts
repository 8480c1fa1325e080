/** The story of paid-call.ts, told: admitted, sent, read, settled, answered. */
import type { ForwardRequest, ProviderFailure, ReportedUsage } from '../contracts/provider.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { admit, type Admitted } from './admission.ts';
import { begin, flagsOf, silence, type Flight } from './flight.ts';
import type { PaidAnswer, PaidCallDeps, PaidCallRequest, PaidCalls } from './paid-call.ts';
import { paidStream } from './paid-stream.ts';
import { shownHeaders } from './provider-headers.ts';
import {
  endingOfFailure,
  NOT_BOOKED,
  refusalOfFailure,
  settle,
  withBilled,
  type Outcome,
} from './settling.ts';
import { MAX_ANSWER_BYTES, wholeBody, type WholeBody } from './whole-body.ts';

export function paidCalls(deps: PaidCallDeps): PaidCalls {
  /** The story goes on to its settlement when the caller leaves in the middle. */
  const toItsEnd = <T>(story: Promise<T>): Promise<T> => {
    deps.waitUntil(story.catch(() => {}));
    return story;
  };
  return {
    call: (request) => toItsEnd(call(request, deps)),
    stream: (request) => toItsEnd(stream(request, deps)),
  };
}

async function call(request: PaidCallRequest, deps: PaidCallDeps): Promise<Result<PaidAnswer, Refusal>> {
  const admission = await admit(request, deps);
  if (!admission.ok) return admission;
  const admitted = admission.value;
  const flight = begin(admitted, deps);
  try {
    const sent = await send(admitted, flight, deps);
    if (!sent.ok) return await failed(admitted, { failure: sent.error, flight }, deps);
    const whole = await wholeBody(sent.value, flight);
    const { outcome, refusal, text, body } = await read(admitted, { body: whole, flight }, deps);
    const receipt = await settle(admitted, outcome, deps);
    if (refusal) return err(withBilled(refusal, receipt));
    if (!receipt) return err(NOT_BOOKED);
    const { connection, conversion } = admitted.route;
    const headers = shownHeaders(sent.value.headers, connection);
    const told = { body: request.body, runId: request.runId, nowMs: deps.now(), usage: receipt.usage };
    const itsText = 'text' in whole ? whole.text : '';
    const bodyText = conversion ? JSON.stringify(conversion.answer(body, told)) : itsText;
    return ok({ receipt, bodyText, headers, text });
  } finally {
    flight.land();
  }
}

async function stream(request: PaidCallRequest, deps: PaidCallDeps) {
  const admission = await admit(request, deps);
  if (!admission.ok) return admission;
  const admitted = admission.value;
  const flight = begin(admitted, deps);
  try {
    const sent = await send(admitted, flight, deps);
    // A running stream lands by itself.
    if (sent.ok) return await paidStream(admitted, { response: sent.value, flight, deps });
    const refused = await failed(admitted, { failure: sent.error, flight }, deps);
    flight.land();
    return refused;
  } catch (bug) {
    flight.land();
    throw bug;
  }
}

function send(
  admitted: Admitted,
  flight: Flight,
  deps: PaidCallDeps,
): Promise<Result<Response, ProviderFailure>> {
  const { request, route, format, body } = admitted;
  if (flight.signal.aborted) return Promise.resolve(err(NEVER_SENT));
  const outgoing: ForwardRequest = {
    format,
    body,
    stream: request.stream,
    // A format's text and headers mean nothing in another.
    ...(request.original && !route.conversion ? { original: request.original } : {}),
    ...(request.headers && !route.conversion ? { headers: request.headers } : {}),
    idempotencyKey: `${request.runId}.${request.attempt}`,
    signal: flight.signal,
  };
  return deps.forward(route, outgoing);
}

const NEVER_SENT: ProviderFailure = {
  reason: 'provider_failed',
  failure: 'not_sent',
  status: 0,
  message: 'The call was cancelled before it was sent.',
  retryAfterMs: null,
  body: null,
};

async function failed(
  admitted: Admitted,
  { failure, flight }: { failure: ProviderFailure; flight: Flight },
  deps: PaidCallDeps,
): Promise<Result<never, Refusal>> {
  const status = flight.cancelled() ? 'cancelled' : 'failed';
  const outcome = { status, ending: endingOfFailure(failure), error: failure.message } as const;
  const receipt = await settle(admitted, outcome, deps);
  const refusal = refusalOfFailure(admitted.route.provider, failure);
  // Its words are for everybody, its body only for those who speak its format.
  if (admitted.route.conversion && refusal.reason === 'provider_failed') delete refusal.body;
  return err(withBilled(refusal, receipt));
}

/** A whole body: an answer, an error in the dress of a 200, or nonsense. */
async function read(
  admitted: Admitted,
  { body: whole, flight }: { body: WholeBody; flight: Flight },
  deps: PaidCallDeps,
): Promise<{ outcome: Outcome; refusal: Refusal | null; text: string; body?: unknown }> {
  const { reader, route } = admitted;
  const bad = (message: string, outcome: Omit<Outcome, 'error'>, status = 502) => ({
    outcome: { ...outcome, error: message },
    refusal: {
      reason: 'provider_failed' as const,
      provider: route.provider,
      status,
      message,
      failure: 'unknown' as const,
    },
    text: '',
  });
  if ('fault' in whole) {
    // It had begun to answer: whatever it wrote is charged at its worst. A provider writes an answer whole before it sends it, so that
    // unlike with a stream what came tells nothing of what was written.
    return flight.cancelled()
      ? bad('The call was cancelled.', { status: 'cancelled', ending: { kind: 'unconfirmed' } }, 504)
      : bad(
          whole.fault === 'too_large'
            ? `The answer is larger than ${MAX_ANSWER_BYTES} bytes.`
            : (silence(flight, 'answer') ??
                (flight.signal.aborted ? 'It did not answer in time.' : 'The answer broke off.')),
          { status: 'failed', ending: { kind: 'unconfirmed' }, flags: flagsOf(flight) },
          flight.signal.aborted ? 504 : 502,
        );
  }
  const body = parsed(whole.text);
  const reported: ReportedUsage | null = body === undefined ? null : reader.usageOf(body);
  if (typeof body !== 'object' || body === null) {
    // Not JSON (or a bare word) in a 200: cut, or no model at all. It may have been billed, so what came is counted as output.
    const outputTokens = await deps.count.text(route, whole.text);
    return bad('It did not answer with JSON.', {
      status: 'failed',
      ending: { kind: 'estimated', outputTokens },
    });
  }
  const error = reader.errorOf(body);
  if (error !== null) {
    // The provider itself says that it failed: billed only when it reports usage nevertheless.
    return bad(error, {
      status: 'failed',
      ending: reported ? { kind: 'reported', usage: reported } : { kind: 'unbilled' },
    });
  }
  const ending = reported
    ? ({ kind: 'reported', usage: reported } as const)
    : ({ kind: 'estimated', outputTokens: await deps.count.text(route, reader.generatedOf(body)) } as const);
  return { outcome: { status: 'succeeded', ending }, refusal: null, text: reader.textOf(body), body };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
