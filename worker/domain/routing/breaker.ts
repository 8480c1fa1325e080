/**
 * A circuit breaker as a value: closed while a provider's model answers, open after it failed too often, half open when one probe may
 * find out whether it is back. It is a hint about where to go first, never a reason to refuse (docs/adr).
 */

/** So many failures in a row open it ... */
export const FAILURES_IN_A_ROW = 5;
/** ... or half of at least so many outcomes within the window. */
export const MIN_OUTCOMES = 20;
export const WINDOW_MS = 60_000;
export const COOL_DOWN_MS = 30_000;
/** A probe whose end was never told does not block the next one for longer. */
export const PROBE_MS = 60_000;

export interface Breaker {
  /** newest last, at most MIN_OUTCOMES */
  outcomes: readonly { atMs: number; failed: boolean }[];
  openedAtMs: number | null;
  probeAtMs: number | null;
}
export type Standing = 'closed' | 'open' | 'half_open';

export const CLOSED: Breaker = { outcomes: [], openedAtMs: null, probeAtMs: null };

export function standing({ openedAtMs, probeAtMs }: Breaker, nowMs: number): Standing {
  if (openedAtMs === null) return 'closed';
  if (nowMs < openedAtMs + COOL_DOWN_MS) return 'open';
  return probeAtMs !== null && nowMs < probeAtMs + PROBE_MS ? 'open' : 'half_open';
}

/** A call goes out. In the half-open state it is the probe, and others see the breaker open until its end is told. */
export const begun = (breaker: Breaker, nowMs: number): Breaker =>
  standing(breaker, nowMs) === 'half_open' ? { ...breaker, probeAtMs: nowMs } : breaker;

/** The call ended without saying anything about the provider (a budget's no, a caller who left). */
export const letGo = (breaker: Breaker): Breaker => ({ ...breaker, probeAtMs: null });

/** One answer closes it. */
export const succeeded = (breaker: Breaker, nowMs: number): Breaker =>
  breaker.openedAtMs === null ? noted(breaker, { atMs: nowMs, failed: false }) : CLOSED;

export function failed(breaker: Breaker, nowMs: number): Breaker {
  const after = noted(breaker, { atMs: nowMs, failed: true });
  if (breaker.openedAtMs !== null || isTooMuch(after))
    return { ...after, openedAtMs: nowMs, probeAtMs: null };
  return after;
}

function noted(breaker: Breaker, outcome: { atMs: number; failed: boolean }): Breaker {
  const recent = breaker.outcomes.filter(({ atMs }) => atMs > outcome.atMs - WINDOW_MS);
  return { ...breaker, outcomes: [...recent, outcome].slice(-MIN_OUTCOMES) };
}

function isTooMuch({ outcomes }: Breaker): boolean {
  const lately = outcomes.slice(-FAILURES_IN_A_ROW);
  if (lately.length === FAILURES_IN_A_ROW && lately.every(({ failed }) => failed)) return true;
  return (
    outcomes.length >= MIN_OUTCOMES && outcomes.filter(({ failed }) => failed).length * 2 >= outcomes.length
  );
}

/** Nothing to remember: no failure within the window. */
export const isCalm = ({ openedAtMs, outcomes }: Breaker): boolean =>
  openedAtMs === null && outcomes.every(({ failed }) => !failed);
