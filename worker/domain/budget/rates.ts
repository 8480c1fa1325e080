/**
 * Requests and tokens per minute of a key: no stretch of 60 seconds holds more than the limit, however many calls come at once. Kept in
 * memory by the team's one judge, so that a check costs no write; after a restart of the object the windows begin empty.
 */
import type { RateCount, RateLimited, RateLimits, RateStanding } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import type { Admission, ReserveRefusal, ReserveRequest, Settlement } from './budget.ts';

export const RATE_WINDOW_MS = 60_000;
/** Instants are kept to the second, so a window is a minute of memory whatever its limit; what is kept leaves up to a second late. */
const SLOT_MS = 1_000;

interface Slot {
  startMs: number;
  requests: number;
  tokens: number;
}

/** A call that was admitted and is not settled: its slot holds its worst case. */
interface OpenCall {
  slot: Slot;
  tokens: number;
}

const leavesAtMs = (slot: Slot) => slot.startMs + SLOT_MS + RATE_WINDOW_MS;

/** One key's last minute. */
class KeyWindow {
  #slots: Slot[] = [];
  readonly #open = new Map<string, OpenCall>();
  requests = 0;
  tokens = 0;

  /** Lets go of what left the window. */
  advance(nowMs: number): void {
    while (this.#slots.length > 0 && leavesAtMs(this.#slots[0]!) <= nowMs) {
      const gone = this.#slots.shift()!;
      this.requests -= gone.requests;
      this.tokens -= gone.tokens;
    }
    for (const [id, { slot }] of this.#open) {
      if (leavesAtMs(slot) > nowMs) break;
      this.#open.delete(id);
    }
  }

  add(
    nowMs: number,
    { requests, tokens, callId }: { requests: number; tokens: number; callId?: string },
  ): void {
    const slot = this.#slotAt(nowMs);
    slot.requests += requests;
    slot.tokens += tokens;
    this.requests += requests;
    this.tokens += tokens;
    if (callId !== undefined) this.#open.set(callId, { slot, tokens });
  }

  /** The call took this many, in the place of its worst case; the second time nothing changes. */
  correct(callId: string, tokens: number): void {
    const call = this.#open.get(callId);
    if (!call) return;
    this.#open.delete(callId);
    call.slot.tokens += tokens - call.tokens;
    this.tokens += tokens - call.tokens;
  }

  /** When `amount` of a quantity fits under `limit`; it is known to fit an empty window. */
  fitsAtMs(of: 'requests' | 'tokens', { amount, limit }: { amount: number; limit: number }): number {
    let used = this[of];
    for (const slot of this.#slots) {
      used -= slot[of];
      if (used + amount <= limit) return leavesAtMs(slot);
    }
    return 0;
  }

  /** When all of the quantity that is used now is free again; null when none is used. */
  emptyAtMs(of: 'requests' | 'tokens'): number | null {
    const last = this.#slots.findLast((slot) => slot[of] > 0);
    return last ? leavesAtMs(last) : null;
  }

  /** A clock that goes back adds to the newest slot: nothing leaves too early. */
  #slotAt(nowMs: number): Slot {
    const startMs = Math.floor(nowMs / SLOT_MS) * SLOT_MS;
    const newest = this.#slots.at(-1);
    if (newest && newest.startMs >= startMs) return newest;
    const slot = { startMs, requests: 0, tokens: 0 };
    this.#slots.push(slot);
    return slot;
  }
}

const callIdOf = ({ runId, attempt }: { runId: string; attempt: number }) => `${runId} ${attempt}`;
const secondsUntil = (atMs: number, nowMs: number) => Math.max(1, Math.ceil((atMs - nowMs) / 1000));

export class KeyRates {
  readonly #windows = new Map<string, KeyWindow>();

  /** Counts one request of a key, or refuses it. */
  use(keyId: string, limits: RateLimits, nowMs: number): Result<RateStanding, RateLimited> {
    const window = this.#windowOf(keyId, nowMs);
    const refused = refusalOf(window, { limits, requests: 1, tokens: 0, nowMs });
    if (refused) return err(refused);
    window.add(nowMs, { requests: 1, tokens: 0 });
    return ok(standingOf(window, limits, nowMs));
  }

  /**
   * Puts a call to the books, unless its key's minute is used up. Call it in the same turn as the books' own question: then no other
   * call comes in between. Tokens count at the worst case, and only when the books admit the call; a request counts either way, so
   * that refusals are not free of limits. Further attempts of a run are no further requests.
   */
  reserve(
    request: ReserveRequest,
    nowMs: number,
    ask: () => Result<Admission, ReserveRefusal>,
  ): Result<Admission, ReserveRefusal> {
    const { rates: limits, attempt } = request;
    const { keyId } = request.subject;
    if (!limits || keyId === undefined) return ask();
    const window = this.#windowOf(keyId, nowMs);
    const requests = attempt === 1 ? 1 : 0;
    const { inputTokens = 0, outputTokens = 0 } = request.worstUsage ?? {};
    const tokens = inputTokens + outputTokens;
    const refused = refusalOf(window, { limits, requests, tokens, nowMs });
    if (refused) return err(refused);
    const answer = ask();
    if (answer.ok && answer.value.repeated) return answer;
    if (answer.ok) window.add(nowMs, { requests, tokens, callId: callIdOf(request) });
    else window.add(nowMs, { requests, tokens: 0 });
    const rate = standingOf(window, limits, nowMs);
    return answer.ok ? ok({ ...answer.value, rate }) : err({ ...answer.error, rate });
  }

  /** What a call really took, booked to the instant of its admission. */
  settle(settlement: Pick<Settlement, 'runId' | 'attempt' | 'subject' | 'billed' | 'usage'>): void {
    const { keyId } = settlement.subject;
    const window = keyId === undefined ? undefined : this.#windows.get(keyId);
    const { inputTokens, outputTokens } = settlement.usage;
    window?.correct(callIdOf(settlement), settlement.billed ? inputTokens + outputTokens : 0);
  }

  #windowOf(keyId: string, nowMs: number): KeyWindow {
    let window = this.#windows.get(keyId);
    if (!window) this.#windows.set(keyId, (window = new KeyWindow()));
    window.advance(nowMs);
    return window;
  }
}

interface Asked {
  limits: RateLimits;
  requests: number;
  tokens: number;
  nowMs: number;
}

function refusalOf(window: KeyWindow, { limits, requests, tokens, nowMs }: Asked): RateLimited | null {
  const { requestsPerMinute, tokensPerMinute } = limits;
  const rate = standingOf(window, limits, nowMs);
  if (tokensPerMinute !== null && tokens > tokensPerMinute)
    return {
      reason: 'rate_limited',
      message: `This key may spend ${tokensPerMinute} tokens a minute, and this call may take ${tokens}. Ask for fewer output tokens, or let x-pm-clamp lower them.`,
      retryAfterSeconds: RATE_WINDOW_MS / 1000,
      retryable: false,
      rate,
    };
  const noRequests = requestsPerMinute !== null && window.requests + requests > requestsPerMinute;
  const noTokens = tokensPerMinute !== null && window.tokens + tokens > tokensPerMinute;
  if (!noRequests && !noTokens) return null;
  const fitsAtMs = Math.max(
    noRequests ? window.fitsAtMs('requests', { amount: requests, limit: requestsPerMinute }) : 0,
    noTokens ? window.fitsAtMs('tokens', { amount: tokens, limit: tokensPerMinute }) : 0,
  );
  const retryAfterSeconds = secondsUntil(fitsAtMs, nowMs);
  const said = noRequests
    ? `This key may be used ${requestsPerMinute} times a minute.`
    : `This key may spend ${tokensPerMinute} tokens a minute; ${window.tokens} are spent or held, and this call may take ${tokens}.`;
  return {
    reason: 'rate_limited',
    message: `${said} Wait ${retryAfterSeconds} seconds.`,
    retryAfterSeconds,
    rate,
  };
}

function standingOf(window: KeyWindow, limits: RateLimits, nowMs: number): RateStanding {
  const standing = (of: 'requests' | 'tokens', limit: number | null): RateCount | null => {
    if (limit === null) return null;
    const emptyAtMs = window.emptyAtMs(of);
    return {
      limit,
      remaining: Math.max(0, limit - window[of]),
      resetSeconds: emptyAtMs === null ? 0 : secondsUntil(emptyAtMs, nowMs),
    };
  };
  return {
    requests: standing('requests', limits.requestsPerMinute),
    tokens: standing('tokens', limits.tokensPerMinute),
  };
}
