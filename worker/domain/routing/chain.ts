/** Which models a call may go to, in which order and how patiently: its own, those of a route by its name, and the caller's fallbacks. */
import type { ExecutionType } from '../budget/budget.ts';
import type { Candidate } from './next-attempt.ts';
import { MAX_TARGETS, type Route, type Target } from './route.ts';

export interface ChainTarget extends Candidate {
  model: string;
  connection: string | null;
  /** how long its stream may be silent; null = the usual */
  idleTimeoutMs: number | null;
}

/** Longest Retry-After that a route waits for. */
export const MAX_RETRY_AFTER_MS = 20_000;
/** Without a route nobody asked for patience: the caller's own client waits better than an open request. */
const PLAIN_BACKOFF = { baseMs: 250, maxMs: 2_000, maxRetryAfterMs: 1_000 };
const PLAIN_ATTEMPTS = 3;

export interface Wanted {
  model: string;
  fallback: readonly string[];
  executionType: ExecutionType;
}

/** `random` is in [0, 1); it decides where a weighted route goes first. */
export function chainOf(
  { model, fallback, executionType }: Wanted,
  routes: readonly Route[],
  random: number,
): ChainTarget[] {
  // A workflow's node has retries of its own, and somebody with a fallback would rather go on than wait.
  const alone = fallback.length === 0 && executionType !== 'workflow';
  const targets = [model, ...fallback].flatMap((name) => {
    const route = routes.find((candidate) => candidate.name === name);
    return route ? targetsOf(route, random) : [plain(name, alone ? PLAIN_ATTEMPTS : 1)];
  });
  const seen = new Set<string>();
  return targets
    .filter(({ model, connection }) => {
      const place = `${connection ?? ''} ${model}`;
      return !seen.has(place) && seen.add(place);
    })
    .slice(0, MAX_TARGETS);
}

const plain = (model: string, maxAttempts: number): ChainTarget => ({
  model,
  connection: null,
  maxAttempts,
  timeoutMs: null,
  idleTimeoutMs: null,
  backoff: PLAIN_BACKOFF,
  retryUnknown: false,
});

/** A route's targets are models of providers and never routes, so there are no loops, and "gpt-4o" may stand in a route of that name. */
function targetsOf(route: Route, random: number): ChainTarget[] {
  const { baseMs, maxMs, maxAttempts } = route.retry;
  return ordered(route, random).map((target) => ({
    model: target.model,
    connection: target.connection ?? null,
    maxAttempts: target.maxAttempts ?? maxAttempts,
    timeoutMs: target.timeoutMs ?? null,
    idleTimeoutMs: target.idleTimeoutMs ?? null,
    backoff: { baseMs, maxMs, maxRetryAfterMs: MAX_RETRY_AFTER_MS },
    retryUnknown: true,
  }));
}

/** Weighted: one target by its weight, the others behind it in their order. */
function ordered({ strategy, targets }: Route, random: number): readonly Target[] {
  if (strategy === 'fallback') return targets;
  const weights = targets.map(({ weight }) => weight ?? 1);
  let rest = random * weights.reduce((sum, weight) => sum + weight, 0);
  const first = weights.findIndex((weight) => (rest -= weight) < 0);
  if (first === -1) return targets;
  return [targets[first]!, ...targets.filter((_, index) => index !== first)];
}
