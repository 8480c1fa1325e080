/** Before the money moves: where does the call go, what may it cost at most, and does the judge hold that? */
import type { Admission, Judge } from '../budget/budget.ts';
import type { Ask, FormatReader, WireFormat } from '../contracts/provider.ts';
import {
  ceilingOf,
  isCountable,
  maxOutputOf,
  outputTokensThatFit,
  type CallBounds,
  type RoundBounds,
} from '../cost/ceiling.ts';
import { dearestTier, priceIdOf, STANDARD, type Serving, type TierAsk } from '../cost/service-tier.ts';
import { NO_USAGE, type Usage } from '../cost/usage.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { guarded } from './guarding.ts';
import type { CallRoute, PaidCallDeps, PaidCallRequest } from './paid-call.ts';

/** A hold lives this long unless renewed: a dead Worker's money is settled or released soon. */
export const HOLD_TTL_MS = 45_000;

/** A call whose worst case is held: it may be sent, and must be settled. */
export interface Admitted {
  request: PaidCallRequest;
  route: CallRoute;
  /** the format of `body` and of what comes back: the provider's */
  format: WireFormat;
  reader: FormatReader;
  judge: Judge;
  /** as it goes upstream */
  body: Record<string, unknown>;
  /** usage was asked for by us and is not the caller's to see */
  usageInjected: boolean;
  choices: number;
  /** which service tiers it may be served under */
  tier: TierAsk;
  /** the dearest way in which it may be served: what holds where the provider does not say */
  worstServing: Serving;
  /** upper bound of the input's tokens; what is booked when the provider does not say */
  inputTokens: number;
  /** the most that may be written, all choices together */
  maxOutputTokens: number;
  clampedMaxTokens: number | null;
  /** `warn` budgets that it takes over a limit */
  budgetWarnings: string[];
  /** true = the budget could not be asked and the team lets such calls through: nothing is held */
  unchecked: boolean;
  startedAtMs: number;
}

export async function admit(
  request: PaidCallRequest,
  deps: PaidCallDeps,
): Promise<Result<Admitted, Refusal>> {
  const startedAtMs = deps.now();
  const { subject, connection } = request;
  const model = String(request.body.model);
  const routed = await deps.route({
    teamId: subject.teamId,
    model,
    format: request.format,
    ...(connection === undefined ? {} : { connection }),
  });
  if (!routed.ok) return routed;
  const route = routed.value;
  const said = inProvidersFormat(request, route);
  if (!said.ok) return said;
  const { format, body } = said.value;
  const reader = deps.formatOf(format);
  const ask = reader.askOf(route.unsaid ? { ...route.unsaid, ...body } : body);
  const inputTokens = await deps.count.request(route, format, body);
  const blocked = await guarded(request, { route, inputTokens, rounds: ask.rounds }, deps);
  if (blocked) return err(blocked);
  const tier = ask.tier ?? STANDARD;
  const rounds = roundsOf(ask, route);
  const bounds = (perChoice: number): CallBounds => ({
    inputTokens: inputTokens + foundTokens(ask, route),
    maxOutputTokens: perChoice * ask.choices,
    webSearches: ask.webSearches,
    toolCalls: ask.toolCalls,
    serviceTiers: tier.reachable,
    regional: ask.regional,
    rounds: rounds ?? [],
    audio: ask.audio,
  });
  const asked = maxOutputOf(route.info, inputTokens, ask.maxOutputTokens);
  if (route.price && !isCountable(bounds(asked), route.price)) return err(TOO_DEAR);
  const capped = underMaxCost(request, route, { asked, bounds, choices: ask.choices });
  if (!capped.ok) return capped;

  const mostPerChoice = underRate(request, { perChoice: capped.value, inputTokens, choices: ask.choices });

  // A round that may run on an unpriced model makes the whole call unpriced.
  const price = rounds && route.price;
  const worstServing: Serving = {
    serviceTier: dearestTier(route.price, tier),
    regional: ask.regional ?? false,
  };
  const judge = deps.judge(subject.teamId);
  // Where nothing is written (embeddings) there is nothing to lower.
  const clampable = request.clampable && mostPerChoice > 0;
  const held = await hold({ ...request, clampable }, judge, deps, {
    provider: route.provider,
    model: route.model,
    ceilingNanoUsd: price && ceilingOf(bounds(mostPerChoice), price),
    // One token per answer must fit beside the input, or clamping would leave nothing to say.
    inputNanoUsd: price ? Math.max(0, ceilingOf(bounds(1), price) - 1) : 0,
    leastOutputTokens: ask.choices,
    worstUsage: { ...worstUsage(inputTokens, mostPerChoice * ask.choices), ...worstServing },
    priceId: price && priceIdOf(price, worstServing),
  });
  if (!held.ok) return held;

  const { clamped, heldNanoUsd, maxOutputTokens, warnings, unchecked = false } = held.value;
  const affordable =
    clamped && price ? outputTokensThatFit(bounds(mostPerChoice), price, heldNanoUsd) : Infinity;
  const room = Math.floor(Math.min(affordable, maxOutputTokens ?? Infinity) / ask.choices);
  const fits = clamped ? Math.min(mostPerChoice, Math.max(1, room)) : mostPerChoice;
  const lowered = fits < asked;
  const outgoing = reader.outgoing(lowered ? reader.withMaxOutput(body, fits) : body, {
    model: route.model,
    stream: request.stream,
  });
  return ok({
    request,
    route,
    format,
    reader,
    judge,
    ...outgoing,
    choices: ask.choices,
    tier,
    worstServing,
    inputTokens,
    maxOutputTokens: fits * ask.choices,
    clampedMaxTokens: lowered ? fits : null,
    budgetWarnings: warnings,
    unchecked,
    startedAtMs,
  });
}

const TOO_DEAR: Refusal = {
  reason: 'invalid',
  issues: [{ path: 'max_tokens', message: 'at this price the call could cost more than $100,000: lower it' }],
};

/**
 * What the provider's own tools find is billed as input, and nobody knows it before: held at what a call of each brings in at most as
 * a rule (OpenAI's file search 20 chunks of 800 tokens, a web search a long page), and never more than the model can read.
 */
const FOUND_TOKENS = {
  webSearches: 10_000,
  webSearchPreview: 10_000,
  fileSearch: 16_000,
  mapsGrounding: 10_000,
};

function foundTokens({ webSearches, toolCalls = {} }: Ask, { info }: CallRoute): number {
  const { webSearchPreview = 0, fileSearch = 0, mapsGrounding = 0 } = toolCalls;
  const found =
    webSearches * FOUND_TOKENS.webSearches +
    webSearchPreview * FOUND_TOKENS.webSearchPreview +
    fileSearch * FOUND_TOKENS.fileSearch +
    mapsGrounding * FOUND_TOKENS.mapsGrounding;
  return Math.min(found, info?.contextWindow ?? found);
}

/** What is counted, held and sent: the caller's body, or what it means in a format that the provider speaks. */
function inProvidersFormat(
  { format, body, stream }: PaidCallRequest,
  { conversion, model, info }: CallRoute,
): Result<{ format: WireFormat; body: Record<string, unknown> }, Refusal> {
  if (!conversion) return ok({ format, body });
  const to = { model, maxOutputTokens: info?.maxOutputTokens ?? null, stream };
  const converted = conversion.request(body, to);
  return converted.ok
    ? ok({ format: conversion.format, body: converted.value })
    : err({ reason: 'invalid', issues: converted.error });
}

/** Null when one of the rounds would run on a model without a price. */
function roundsOf({ rounds = [] }: Ask, { price, priceOfModel }: CallRoute): RoundBounds[] | null {
  const bounds: RoundBounds[] = [];
  for (const { model, maxOutputTokens } of rounds) {
    const own = model === null ? price : (priceOfModel?.(model) ?? null);
    if (!own) return null;
    bounds.push({ price: own, maxOutputTokens });
  }
  return bounds;
}

/** The usage of a call that takes all it may. */
export const worstUsage = (inputTokens: number, outputTokens: number): Usage => ({
  ...NO_USAGE,
  inputTokens,
  outputTokens,
});

/** The caller's own limit for this call: max tokens per choice that stay under it, lowered only where the caller allows it. */
function underMaxCost(
  request: PaidCallRequest,
  route: CallRoute,
  ask: { asked: number; bounds(perChoice: number): CallBounds; choices: number },
): Result<number, Refusal> {
  const limit = request.maxCostNanoUsd ?? null;
  if (limit === null) return ok(ask.asked);
  if (!route.price) return err({ reason: 'model_unpriced', model: route.model });
  const ceiling = ceilingOf(ask.bounds(ask.asked), route.price);
  if (ceiling <= limit) return ok(ask.asked);
  const fits = Math.floor(outputTokensThatFit(ask.bounds(ask.asked), route.price, limit) / ask.choices);
  if (request.clampable && fits >= 1) return ok(fits);
  return err({
    reason: 'budget_exceeded',
    budgetId: null,
    scope: { type: 'call' },
    limit: 'max_cost_per_run',
    limitNanoUsd: limit,
    spentNanoUsd: 0,
    heldNanoUsd: 0,
    askedNanoUsd: ceiling,
    resetsAt: null,
  });
}

/** Max tokens per choice that the key's whole minute can hold, lowered only where the caller allows it; else the judge refuses. */
function underRate(
  { clampable, rates }: PaidCallRequest,
  { perChoice, inputTokens, choices }: { perChoice: number; inputTokens: number; choices: number },
): number {
  const limit = rates?.tokensPerMinute ?? null;
  if (!clampable || limit === null) return perChoice;
  const fits = Math.floor((limit - inputTokens) / choices);
  return fits >= 1 ? Math.min(perChoice, fits) : perChoice;
}

interface Worst {
  provider: string;
  model: string;
  ceilingNanoUsd: number | null;
  inputNanoUsd: number;
  leastOutputTokens: number;
  worstUsage: Usage;
  priceId: string | null;
}

async function hold(
  request: PaidCallRequest,
  judge: Judge,
  deps: PaidCallDeps,
  worst: Worst,
): Promise<Result<Admission & { unchecked?: boolean }, Refusal>> {
  const { runId, attempt, subject, executionType, clampable, executionLimitNanoUsd, rates } = request;
  let answer: Awaited<ReturnType<Judge['reserve']>>;
  try {
    answer = await judge.reserve({
      runId,
      attempt,
      subject,
      executionType,
      clampable,
      executionLimitNanoUsd,
      ...(rates ? { rates } : {}),
      ...worst,
      dispatching: true,
      ttlMs: HOLD_TTL_MS,
    });
  } catch {
    // A lost yes is taken up by the settlement; without one the settlement counts as late.
    if (await deps.unchecked.allowed(subject.teamId)) return ok(UNCHECKED);
    // The yes may have been lost on its way: what might be held was never sent, so it must not expire into a debit.
    deps.waitUntil(letGo(request, judge, worst).catch(() => {}));
    return err({ reason: 'budget_unavailable' });
  }
  const { rate, ...said } = answer.ok ? answer.value : answer.error;
  if (rate) request.onRate?.(rate);
  if (!answer.ok) return err(said as Refusal);
  if (answer.value.repeated)
    return err({ reason: 'conflict', message: `Attempt ${attempt} of ${runId} was already made.` });
  return answer;
}

const UNCHECKED = {
  heldNanoUsd: 0,
  clamped: false,
  maxOutputTokens: null,
  repeated: false,
  warnings: [],
  unchecked: true,
};

const letGo = (request: PaidCallRequest, judge: Judge, worst: Worst) =>
  judge.settle({
    runId: request.runId,
    attempt: request.attempt,
    subject: request.subject,
    executionType: request.executionType,
    provider: worst.provider,
    model: worst.model,
    status: 'failed',
    billed: false,
    costNanoUsd: 0,
    usage: NO_USAGE,
    source: 'estimated',
    flags: [],
    priced: worst.ceilingNanoUsd !== null,
    priceId: worst.priceId,
    rawUsage: null,
    latencyMs: 0,
    error: 'The budget could not be checked.',
  });
