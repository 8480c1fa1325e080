/**
 * A call on its way: its abort, its deadline, the patience with a provider that says nothing, and the renewal of its hold.
 */
import { HOLD_TTL_MS, type Admitted } from './admission.ts';
import type { PaidCallDeps } from './paid-call.ts';

const RENEW_EVERY_MS = 15_000;
export const DEFAULT_TIMEOUT_MS = 600_000;
/** Of a stream or of an answer's body. Models think for minutes before they write on; most providers send a sign of life meanwhile. */
export const DEFAULT_IDLE_TIMEOUT_MS = 300_000;

/** `land` stops all of it. */
export interface Flight {
  signal: AbortSignal;
  cancelled(): boolean;
  /** ends the call because its caller does not want it any more (B08) */
  cancel(): void;
  /** the first event is there: from now on only the deadline of the whole call and the silences within it count */
  answered(): void;
  /** the next bytes of a stream or body are waited for, no longer than it may be silent. A pause for a slow caller is not its silence */
  listens(): void;
  heard(): void;
  /** for how long nothing came, when that ended the call; null when it did not */
  stalledMs(): number | null;
  land(): void;
}

const tooLong = () => new DOMException('It took too long.', 'TimeoutError');

export function begin({ request, judge }: Admitted, { timers, now }: PaidCallDeps): Flight {
  const abort = new AbortController();
  let cancelled = false;
  const cancel = () => {
    cancelled = true;
    abort.abort(new Error('cancelled'));
  };
  const caller = request.onDisconnect === 'cancel' ? request.signal : undefined;
  if (caller?.aborted) cancel();
  caller?.addEventListener('abort', cancel);

  const { timeoutMs = DEFAULT_TIMEOUT_MS, idleTimeoutMs = DEFAULT_IDLE_TIMEOUT_MS } = request;
  const deadlineMs = now() + timeoutMs;
  let renewAtMs = now() + RENEW_EVERY_MS;
  let listeningSinceMs: number | null = null;
  let stalled = false;
  let stopWatch = () => {};
  // One timer for deadline, silence and renewals: timers are dear where every call has some, and every piece of a stream would reset one.
  (function watch() {
    const idleAtMs = (listeningSinceMs ?? now()) + idleTimeoutMs;
    const nextMs = Math.min(renewAtMs, deadlineMs, idleAtMs);
    stopWatch = timers.after(Math.max(0, nextMs - now()), () => {
      const nowMs = now();
      if (nowMs >= deadlineMs) return abort.abort(tooLong());
      stalled = listeningSinceMs !== null && nowMs - listeningSinceMs >= idleTimeoutMs;
      if (stalled) return abort.abort(tooLong());
      if (nowMs >= renewAtMs) {
        judge.renew(request.runId, request.attempt, HOLD_TTL_MS).catch(() => {});
        renewAtMs = nowMs + RENEW_EVERY_MS;
      }
      watch();
    });
  })();
  const stopPatience =
    request.answerWithinMs === undefined
      ? () => {}
      : timers.after(request.answerWithinMs, () => abort.abort(tooLong()));
  return {
    signal: abort.signal,
    cancelled: () => cancelled,
    cancel,
    answered: stopPatience,
    listens() {
      listeningSinceMs = now();
    },
    heard() {
      listeningSinceMs = null;
    },
    stalledMs: () => (stalled ? idleTimeoutMs : null),
    land() {
      stopWatch();
      stopPatience();
      caller?.removeEventListener('abort', cancel);
    },
  };
}

/** What is said of a stream or an answer that was cut because nothing came; null when that was not the reason. */
export function silence(flight: Flight, what: 'stream' | 'answer'): string | null {
  const stalledMs = flight.stalledMs();
  return stalledMs === null ? null : `The ${what} stalled: nothing came for ${stalledMs / 1000} s.`;
}

/** Whether the provider wrote on while nothing came is not known: such rows are found by this, to be checked against its bill. */
export const flagsOf = (flight: Flight): string[] => (flight.stalledMs() === null ? [] : ['stalled']);
