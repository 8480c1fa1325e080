/**
 * A paid stream: the provider's events go to the caller as they come, byte for byte, except the usage that only we asked for (B11)
 * and the end, which waits until the call is settled; or converted, event by event, where the provider speaks another format. When the
 * caller leaves, the stream is drained (B09) or cancelled (B08).
 */
import type { StreamReader } from '../contracts/provider.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import type { Admitted } from './admission.ts';
import { flagsOf, silence, type Flight } from './flight.ts';
import type { PaidCallDeps, PaidStream, PaidStreamEnd } from './paid-call.ts';
import { eventsOf, upToFirstData, type ProviderEvents } from './provider-events.ts';
import { shownHeaders } from './provider-headers.ts';
import { NOT_BOOKED, settle, withBilled, type Outcome } from './settling.ts';
import type { SseEvent } from './sse.ts';
import { joined, toCaller, type Downstream } from './to-caller.ts';
import { unstarted } from './unstarted-stream.ts';

interface Opened {
  response: Response;
  flight: Flight;
  deps: PaidCallDeps;
}

const encoder = new TextEncoder();

/** Waits for the first event, so that a stream that fails before it is an ordinary refusal and costs nothing (B07). */
export async function paidStream(
  admitted: Admitted,
  { response, flight, deps }: Opened,
): Promise<Result<PaidStream, Refusal>> {
  const { request, reader: format, route, usageInjected, choices } = admitted;
  const source = eventsOf(response, flight);
  const first = await upToFirstData(source);
  const opening = first.at(-1);
  const probe = format.streamReader({ usageInjected, choices });
  if (opening?.data) probe.event(opening.data);
  if (!opening?.data || probe.error() !== null) {
    source.stop();
    const outcome = await unstarted(admitted, { events: first, told: probe.error(), source, flight }, deps);
    const receipt = await settle(admitted, outcome, deps);
    flight.land();
    const refusal = providerFailed(route.provider, outcome.error, flight.signal.aborted ? 504 : 502);
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
          flight.signal.aborted && flight.stalledMs() === null ? 504 : 502,
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
    silence(flight, 'stream') ??
    (flight.signal.aborted ? 'It did not end in time.' : 'The stream broke off.');
  return { status: 'failed', ending, error, flags: flagsOf(flight) };
}

const errorOf = (refusal: Refusal) => ({
  type: refusal.reason === 'provider_failed' ? 'provider_error' : 'api_error',
  code: refusal.reason,
  message: 'message' in refusal ? refusal.message : refusal.reason,
});
