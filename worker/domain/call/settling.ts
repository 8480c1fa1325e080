/** After the provider: what became of the call, in tokens and money, booked so that it cannot be lost. */
import type { Settlement } from '../budget/budget.ts';
import type { ProviderFailure, ReportedUsage } from '../contracts/provider.ts';
import { costOf, type PriceOfModel } from '../cost/cost.ts';
import type { Price } from '../cost/price.ts';
import { priceIdOf, servedTier, variantOf } from '../cost/service-tier.ts';
import { NO_USAGE, type Usage, type UsageSource } from '../cost/usage.ts';
import { redact } from '../guard/redact.ts';
import type { Refusal } from '../refusal.ts';
import { worstUsage, type Admitted } from './admission.ts';
import type { CallReceipt, PaidCallDeps } from './paid-call.ts';

/**
 * How a call ended. `reported`: the provider's own numbers. `estimated`: it answered (or was cut) without its last numbers, so what we
 * saw is counted, beside the input that it had reported by then. `unconfirmed`: we cannot know what it did, so the worst case is charged, as for a hold that expires. `unbilled`: it
 * refused, failed or was never reached.
 */
export type Ending =
  | { kind: 'reported'; usage: ReportedUsage }
  | { kind: 'estimated'; outputTokens: number; soFar?: ReportedUsage | null }
  | { kind: 'unconfirmed' }
  | { kind: 'unbilled' };

export interface Outcome {
  status: Settlement['status'];
  ending: Ending;
  error?: string;
  /** what the row is to be found by, beside what the reading of its numbers says */
  flags?: readonly string[];
}

/** Waits before each try at settling while the caller waits; later tries go on without him. */
const TRIES_MS = [0, 50, 250, 1_000];
const LATER_TRIES_MS = [3_000, 10_000];

/**
 * Books the outcome. Null when the judge could not be reached: the caller must then not be told of success; further tries follow in
 * the background, and if they fail too the hold expires into an `unconfirmed` row, so the money is never lost.
 */
export async function settle(
  admitted: Admitted,
  outcome: Outcome,
  deps: PaidCallDeps,
): Promise<CallReceipt | null> {
  const settlement = settlementOf(admitted, outcome, deps.now());
  if (!(await tried(admitted, settlement, { waits: admitted.unchecked ? [0] : TRIES_MS, deps }))) {
    if (admitted.unchecked && (await kept(settlement, deps))) return receiptOf(admitted, settlement);
    deps.waitUntil(tried(admitted, settlement, { waits: LATER_TRIES_MS, deps }));
    return null;
  }
  return receiptOf(admitted, settlement);
}

/** Nothing is held for an unchecked call, so no expiry would ever book it. */
const kept = (settlement: Settlement, { unchecked }: PaidCallDeps): Promise<boolean> =>
  unchecked.keep(settlement).then(
    () => true,
    () => false,
  );

function receiptOf(admitted: Admitted, settlement: Settlement): CallReceipt {
  const { runId, attempt, provider, model, usage, source, costNanoUsd, latencyMs } = settlement;
  return {
    runId,
    attempt,
    provider,
    model,
    usage,
    source,
    costNanoUsd,
    latencyMs,
    clampedMaxTokens: admitted.clampedMaxTokens,
    budgetWarnings: admitted.budgetWarnings,
  };
}

async function tried(
  admitted: Admitted,
  settlement: Settlement,
  { waits, deps }: { waits: readonly number[]; deps: PaidCallDeps },
): Promise<boolean> {
  for (const waitMs of waits) {
    if (waitMs > 0) await new Promise<void>((resolve) => deps.timers.after(waitMs, resolve));
    try {
      await admitted.judge.settle(settlement);
      return true;
    } catch {
      // "Could not ask": the next try, or the hold's expiry, books it.
    }
  }
  return false;
}

export function settlementOf(admitted: Admitted, outcome: Outcome, nowMs: number): Settlement {
  const { request, route } = admitted;
  const { usage, source, flags, raw } = readingOf(admitted, outcome.ending);
  const billed = outcome.ending.kind !== 'unbilled';
  const { price, priceOfModel } = route;
  return {
    runId: request.runId,
    attempt: request.attempt,
    subject: request.subject,
    executionType: request.executionType,
    provider: route.provider,
    model: route.model,
    status: outcome.status,
    billed,
    costNanoUsd: billed && price ? costOf(usage, price, priceOfModel) : 0,
    usage,
    source,
    flags: [
      ...flags,
      ...(outcome.flags ?? []),
      ...(price ? assumptionsOf(usage, price, priceOfModel) : []),
      ...(admitted.unchecked ? ['unchecked'] : []),
    ],
    priced: price !== null,
    priceId: price && priceIdOf(price, usage),
    rawUsage: raw,
    latencyMs: Math.max(0, nowMs - admitted.startedAtMs),
    ...(outcome.error === undefined ? {} : { error: redact(outcome.error).slice(0, 1000) }),
  };
}

/** Where the price is our dearer reading because no source states it: such rows are to be checked against the provider's bill. */
const assumptionsOf = (usage: Usage, price: Price, priceOfModel: PriceOfModel = () => null): string[] => [
  ...(variantOf(price, usage).assumed ? ['tier_price_assumed'] : []),
  ...(usage.rounds.some(({ model }) => !priceOfModel(model)) ? ['round_price_assumed'] : []),
];

function readingOf(
  { inputTokens, maxOutputTokens, tier, worstServing }: Admitted,
  ending: Ending,
): { usage: Usage; source: UsageSource; flags: string[]; raw: string | null } {
  switch (ending.kind) {
    case 'reported':
      return {
        usage: { ...ending.usage.usage, serviceTier: servedTier(ending.usage.usage.serviceTier, tier) },
        source: 'reported',
        flags: ending.usage.flags,
        raw: ending.usage.raw,
      };
    case 'estimated': {
      const outputTokens = Math.min(ending.outputTokens, maxOutputTokens);
      const { soFar } = ending;
      return {
        usage: soFar
          ? {
              ...soFar.usage,
              outputTokens: Math.max(soFar.usage.outputTokens, outputTokens),
              serviceTier: soFar.usage.serviceTier ?? worstServing.serviceTier,
              regional: soFar.usage.regional || worstServing.regional,
            }
          : { ...worstUsage(inputTokens, outputTokens), ...worstServing },
        source: 'estimated',
        flags: soFar?.flags ?? [],
        raw: null,
      };
    }
    case 'unconfirmed':
      return {
        usage: { ...worstUsage(inputTokens, maxOutputTokens), ...worstServing },
        source: 'estimated',
        flags: ['unconfirmed'],
        raw: null,
      };
    case 'unbilled':
      return { usage: NO_USAGE, source: 'estimated', flags: [], raw: null };
    default:
      return ending satisfies never;
  }
}

/** An HTTP error is the provider's word that it billed nothing; silence after sending is not. */
export const endingOfFailure = (failure: ProviderFailure): Ending =>
  failure.failure === 'unknown' && failure.status === 0 ? { kind: 'unconfirmed' } : { kind: 'unbilled' };

/** Our caller's answer. Statuses that speak about OUR key or bill at the provider must not look like the caller's own: 502. */
export function refusalOfFailure(provider: string, failure: ProviderFailure): Refusal {
  const ours = [401, 402, 403, 407].includes(failure.status);
  const status =
    failure.status >= 400 && !ours ? failure.status : failure.failure === 'unknown' && !ours ? 504 : 502;
  return {
    reason: 'provider_failed',
    provider,
    status,
    message: failure.message,
    failure: failure.failure,
    ...(failure.retryAfterMs === null ? {} : { retryAfterSeconds: Math.ceil(failure.retryAfterMs / 1000) }),
    ...(failure.body === null || ours ? {} : { body: failure.body }),
  };
}

/** What a failed attempt was billed all the same stands on its refusal, for those who add up a call's attempts. */
export function withBilled(refusal: Refusal, receipt: CallReceipt | null): Refusal {
  if (refusal.reason !== 'provider_failed' || receipt === null) return refusal;
  const { costNanoUsd, usage } = receipt;
  const { inputTokens, outputTokens } = usage;
  if (costNanoUsd === 0 && inputTokens === 0 && outputTokens === 0) return refusal;
  return { ...refusal, billed: { inputTokens, outputTokens, costNanoUsd } };
}

/** Answered, paid, but not booked: no success may be shown for it. */
export const NOT_BOOKED: Refusal = {
  reason: 'budget_unavailable',
  message:
    'The call was made, but it could not be booked, so its answer is withheld. It will be booked as unconfirmed; try again.',
};
