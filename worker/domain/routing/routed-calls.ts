/**
 * Paid calls that do not give up at the first failure: each attempt is a paid call of its own (reserved, settled, booked), the rules of
 * next-attempt.ts say which comes next. A stream falls back only before its first event; what the caller has seen is never retried.
 */
import { DEFAULT_TIMEOUT_MS } from '../call/flight.ts';
import type { Earlier, PaidAnswer, PaidCallRequest, PaidCalls, PaidStream } from '../call/paid-call.ts';
import type { WireFormat } from '../contracts/provider.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { firstAttempt } from './attempt-number.ts';
import type { Breakers } from './breakers.ts';
import { chainOf, type ChainTarget } from './chain.ts';
import { nextAttempt, type Failed } from './next-attempt.ts';
import type { Route } from './route.ts';
import { isTrouble, verdictOf } from './verdict.ts';

export interface PlaceAsk {
  teamId: string;
  model: string;
  connection?: string;
  /** absent = of whatever format */
  format?: WireFormat;
}

export interface RoutingDeps {
  routes(teamId: string): Promise<readonly Route[]>;
  /** which connection and model a target means, as one text; null when it means none. What breakers are kept by */
  placeOf(ask: PlaceAsk): Promise<string | null>;
  breakers: Breakers;
  now(): number;
  /** in [0, 1) */
  random(): number;
  /** resolves after `ms`, or at once when the signal aborts */
  sleep(ms: number, signal: AbortSignal | undefined): Promise<void>;
}

export function routedCalls(calls: PaidCalls, deps: RoutingDeps): PaidCalls {
  return {
    call: (request) => routed<PaidAnswer>(request, (ask) => calls.call(ask), deps),
    stream: (request) => routed<PaidStream>(request, (ask) => calls.stream(ask), deps),
  };
}

const NOTHING_EARLIER: Earlier = { attempts: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };

async function routed<T extends PaidAnswer | PaidStream>(
  request: PaidCallRequest,
  once: (ask: PaidCallRequest) => Promise<Result<T, Refusal>>,
  deps: RoutingDeps,
): Promise<Result<T, Refusal>> {
  const { subject, executionType, fallback = [] } = request;
  const deadlineMs = deps.now() + (request.timeoutMs ?? DEFAULT_TIMEOUT_MS);
  const routes = await deps.routes(subject.teamId);
  const wanted = { model: String(request.body.model), fallback, executionType };
  const targets = chainOf(wanted, routes, deps.random());
  const hints = await hintsOf(request, targets, deps);
  const failed: Failed[] = [];
  const refusals: Refusal[] = [];
  let earlier = NOTHING_EARLIER;
  for (;;) {
    const next = nextAttempt({
      targets,
      failed,
      isOpen: hints.isOpen,
      nowMs: deps.now(),
      deadlineMs,
      random: deps.random(),
    });
    if (next.do === 'give_up') return err(answerOf(refusals, failed, earlier));
    if (next.waitMs > 0) await deps.sleep(next.waitMs, request.signal);
    // Nobody waits for an answer any more: what was tried is booked, nothing more is begun.
    if (failed.length > 0 && request.signal?.aborted) return err(answerOf(refusals, failed, earlier));

    const ask = attemptOf(request, {
      target: targets[next.target]!,
      timeoutMs: next.timeoutMs,
      attempt: firstAttempt(request.attempt) + refusals.filter(tookNumber).length,
      earlier,
      leftMs: deadlineMs - deps.now(),
    });
    hints.begin(next.target);
    const answer = await once(ask);
    if (answer.ok) {
      hints.follow(next.target, answer.value);
      return ok({ ...answer.value, earlier });
    }
    const refusal = inFull(answer.error, request, earlier);
    await hints.refused(next.target, refusal);
    failed.push(failedOf(next.target, refusal));
    refusals.push(refusal);
    earlier = and(earlier, refusal);
  }
}

/** The request of one attempt. Without a route, a fallback or an earlier attempt it is the caller's own. */
function attemptOf(
  request: PaidCallRequest,
  {
    target,
    timeoutMs,
    attempt,
    earlier,
    leftMs,
  }: { target: ChainTarget; timeoutMs: number; attempt: number; earlier: Earlier; leftMs: number },
): PaidCallRequest {
  const { maxCostNanoUsd = null } = request;
  return {
    ...request,
    attempt,
    ...(request.body.model === target.model ? {} : { body: { ...request.body, model: target.model } }),
    ...(target.connection === null ? {} : { connection: target.connection }),
    ...(target.timeoutMs === null ? {} : { answerWithinMs: timeoutMs }),
    ...(target.idleTimeoutMs === null ? {} : { idleTimeoutMs: target.idleTimeoutMs }),
    timeoutMs: leftMs,
    // The caller's limit is for the whole call, so what failed attempts were billed is taken off it.
    maxCostNanoUsd: maxCostNanoUsd === null ? null : Math.max(0, maxCostNanoUsd - earlier.costNanoUsd),
  };
}

const failedOf = (target: number, refusal: Refusal): Failed => ({
  target,
  verdict: verdictOf(refusal),
  notSent: refusal.reason === 'provider_failed' && refusal.failure === 'not_sent',
  retryAfterMs:
    refusal.reason === 'provider_failed' && refusal.retryAfterSeconds !== undefined
      ? refusal.retryAfterSeconds * 1000
      : null,
});

/** A target that leads nowhere is refused before the judge hears of it: its number is still free. */
const tookNumber = ({ reason }: Refusal): boolean => reason !== 'model_not_found' && reason !== 'invalid';

/** The caller's own limit of a call is told as he set it, with what earlier attempts took of it. */
function inFull(
  refusal: Refusal,
  { maxCostNanoUsd = null }: PaidCallRequest,
  { costNanoUsd }: Earlier,
): Refusal {
  if (refusal.reason !== 'budget_exceeded' || refusal.scope.type !== 'call' || maxCostNanoUsd === null)
    return refusal;
  return { ...refusal, limitNanoUsd: maxCostNanoUsd, spentNanoUsd: costNanoUsd };
}

function and(earlier: Earlier, refusal: Refusal): Earlier {
  // Whatever else says no says it before anything was reserved or sent.
  if (refusal.reason !== 'provider_failed') return earlier;
  const { billed } = refusal;
  return {
    attempts: earlier.attempts + 1,
    inputTokens: earlier.inputTokens + (billed?.inputTokens ?? 0),
    outputTokens: earlier.outputTokens + (billed?.outputTokens ?? 0),
    costNanoUsd: earlier.costNanoUsd + (billed?.costNanoUsd ?? 0),
  };
}

/**
 * Of several refusals the one that helps most: the newest that may pass by itself (so that clients try again later), else the first,
 * which is about the model that was asked for. A budget that could not be asked is told as it is.
 */
function answerOf(refusals: readonly Refusal[], failed: readonly Failed[], earlier: Earlier): Refusal {
  const last = refusals.at(-1)!;
  const passing = refusals[failed.findLastIndex(({ verdict }) => verdict === 'retry')];
  const told = last.reason === 'budget_unavailable' ? last : (passing ?? refusals[0]!);
  if (told.reason !== 'provider_failed') return told;
  const { attempts, ...billed } = earlier;
  const paid = billed.costNanoUsd > 0 || billed.inputTokens > 0 || billed.outputTokens > 0;
  return { ...told, attempts, ...(paid ? { billed } : {}) };
}

/** The breakers as one call sees and feeds them. Where nothing of the team is in trouble, nothing is looked up. */
async function hintsOf(request: PaidCallRequest, targets: readonly ChainTarget[], deps: RoutingDeps) {
  const { teamId } = request.subject;
  const { breakers, now } = deps;
  const placeOf = ({ model, connection }: ChainTarget) =>
    deps.placeOf({ teamId, model, format: request.format, ...(connection === null ? {} : { connection }) });
  let places: (string | null)[] | null = null;
  const look = async () => (places ??= await Promise.all(targets.map(placeOf)));
  if (breakers.any(teamId)) await look();
  const end = (target: number, how: 'succeeded' | 'failed' | 'neither') => {
    const place = places?.[target];
    if (place) breakers.end(teamId, place, { how, nowMs: now() });
  };
  return {
    isOpen(target: number): boolean {
      const place = places?.[target];
      return place ? breakers.standing(teamId, place, now()) === 'open' : false;
    },
    begin(target: number): void {
      const place = places?.[target];
      if (place) breakers.begin(teamId, place, now());
    },
    async refused(target: number, refusal: Refusal): Promise<void> {
      const trouble = isTrouble(refusal) && !request.signal?.aborted;
      if (trouble) await look();
      end(target, trouble ? 'failed' : 'neither');
    },
    /** An answer is a success; a stream is one once it came to its end, and a failure when it broke (not when its reader left). */
    follow(target: number, answer: PaidAnswer | PaidStream): void {
      if (!('done' in answer)) return end(target, 'succeeded');
      void answer.done.then(async (ending) => {
        const broke = !ending.ok && isTrouble(ending.error) && !leftOrLate(ending.error);
        if (broke) await look();
        end(target, ending.ok ? 'succeeded' : broke ? 'failed' : 'neither');
      });
    },
  };
}

/** A stream that ended because it was aborted, by its reader or by the deadline, has 504 (paid-stream.ts). */
const leftOrLate = (refusal: Refusal) => refusal.reason === 'provider_failed' && refusal.status === 504;
