/**
 * The exact-match response cache around paid calls: for keys that opted in, a call equal to one that was paid before is answered with the
 * same bytes and costs nothing. A hit obeys guardrails and rates like any other call, and is booked by the judge (a run that cost
 * nothing, and what it saved), so it is told exactly once. Never across teams: the team is part of what is hashed and of where it is kept.
 */
import type { Settlement } from '../budget/budget.ts';
import { NO_USAGE } from '../cost/usage.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { guarded } from './guarding.ts';
import type {
  CallReceipt,
  CallRoute,
  PaidAnswer,
  PaidCallDeps,
  PaidCallRequest,
  PaidCalls,
  PaidStream,
} from './paid-call.ts';
import { writtenText } from './written-text.ts';

export const MAX_CACHE_TTL_SECONDS = 30 * 86_400;
/** Larger answers are not kept. */
export const MAX_KEPT_BYTES = 1024 * 1024;

/** How a key wants a call to be treated. */
export interface CacheWish {
  ttlSeconds: number;
  /** true = what is kept is not looked at, but replaced */
  refresh: boolean;
}

/** Told beside an answer that came from the cache. */
export interface CacheHit {
  savedNanoUsd: number;
  ageSeconds: number;
}

/** A paid answer as it is kept: the JSON body or all bytes of the stream as text. */
export interface KeptCall {
  receipt: Pick<CallReceipt, 'provider' | 'model' | 'usage' | 'source' | 'costNanoUsd'>;
  body: string;
  /** the assistant's text */
  text: string;
  keptAtMs: number;
}

/** What is lost or cannot be read is a miss, never an error. */
export interface ResponseCache {
  find(teamId: string, hash: string): Promise<KeptCall | null>;
  keep(teamId: string, hash: string, kept: { call: KeptCall; ttlSeconds: number }): Promise<void>;
}

export interface CachedCallDeps extends Pick<
  PaidCallDeps,
  'judge' | 'route' | 'formatOf' | 'guard' | 'count' | 'now' | 'waitUntil'
> {
  cache: ResponseCache;
  /** SHA-256, hex */
  hash(text: string): Promise<string>;
}

export function cachedCalls(paid: PaidCalls, deps: CachedCallDeps): PaidCalls {
  return {
    async call(request) {
      const asked = await lookUp(request, deps);
      if (!asked) return paid.call(request);
      if (asked.kept) {
        const hit = await book(asked.kept, { request, route: asked.route, deps });
        return hit.ok ? ok(answerOf(asked.kept, hit.value)) : hit;
      }
      const answer = await paid.call(request);
      if (answer.ok)
        keep(
          asked,
          { receipt: answer.value.receipt, body: answer.value.bodyText, text: answer.value.text },
          deps,
        );
      return answer;
    },
    async stream(request) {
      const asked = await lookUp(request, deps);
      if (!asked) return paid.stream(request);
      if (asked.kept) {
        const hit = await book(asked.kept, { request, route: asked.route, deps });
        return hit.ok ? ok(streamOf(asked.kept, hit.value)) : hit;
      }
      const stream = await paid.stream(request);
      if (!stream.ok) return stream;
      const { done } = stream.value;
      const body = stream.value.body.pipeThrough(
        collected((text) => {
          const kept = done.then((end) => end.ok && keep(asked, { ...end.value, body: text }, deps));
          deps.waitUntil(kept);
        }),
      );
      return ok({ ...stream.value, body });
    },
  };
}

interface Asked {
  teamId: string;
  hash: string;
  ttlSeconds: number;
  route: CallRoute;
  kept: KeptCall | null;
}

/** Null when the call is none for the cache: not opted in, nowhere to go, or bound to what the provider remembers. */
async function lookUp(request: PaidCallRequest, deps: CachedCallDeps): Promise<Asked | null> {
  const { cache: wish, subject, format, body } = request;
  if (!wish || isStateful(body)) return null;
  const { teamId } = subject;
  const routed = await deps.route({
    teamId,
    model: String(body.model),
    format,
    ...(request.connection === undefined ? {} : { connection: request.connection }),
  });
  // Told by the call itself, which finds out the same.
  if (!routed.ok) return null;
  const route = routed.value;
  const hash = await deps.hash(
    JSON.stringify([
      teamId,
      format,
      route.provider,
      route.connection.id,
      route.model,
      request.stream,
      Object.entries(request.headers ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)),
      // As it was written: numbers beyond a double's precision are told apart.
      request.original?.text ?? JSON.stringify(body),
    ]),
  );
  const found = wish.refresh ? null : await deps.cache.find(teamId, hash);
  const fresh = found !== null && found.keptAtMs + wish.ttlSeconds * 1000 > deps.now();
  return { teamId, hash, ttlSeconds: wish.ttlSeconds, route, kept: fresh ? found : null };
}

/** Such answers belong to a conversation or a job at the provider, not to the request. */
const isStateful = ({ background, previous_response_id, conversation }: PaidCallRequest['body']): boolean =>
  background === true || (previous_response_id ?? null) !== null || (conversation ?? null) !== null;

interface Answered {
  receipt: CallReceipt;
  body: string;
  text: string;
}

/** Keeps a complete answer of the model that was asked: not one that a budget cut short, nor another model's. */
function keep(asked: Asked, { receipt, body, text }: Answered, deps: CachedCallDeps): void {
  const { provider, model, usage, source, costNanoUsd, clampedMaxTokens } = receipt;
  const own = provider === asked.route.provider && model === asked.route.model;
  if (!own || clampedMaxTokens !== null || body.length > MAX_KEPT_BYTES) return;
  const call = { receipt: { provider, model, usage, source, costNanoUsd }, body, text, keptAtMs: deps.now() };
  const { teamId, hash, ttlSeconds } = asked;
  deps.waitUntil(deps.cache.keep(teamId, hash, { call, ttlSeconds }).catch(() => {}));
}

interface Hit extends CacheHit {
  receipt: CallReceipt;
}

/** Guardrails first, then the key's rates and the booking in one question to the judge. */
async function book(
  kept: KeptCall,
  { request, route, deps }: { request: PaidCallRequest; route: CallRoute; deps: CachedCallDeps },
): Promise<Result<Hit, Refusal>> {
  const startedAtMs = deps.now();
  const { runId, attempt, subject, executionType, format, body } = request;
  const { rounds } = deps.formatOf(format).askOf(body);
  const inputTokens = await deps.count.request(route, format, body);
  const blocked = await guarded(request, { route, inputTokens, ...(rounds ? { rounds } : {}) }, deps);
  if (blocked) return err(blocked);

  const { provider, model, usage, source, costNanoUsd: savedNanoUsd } = kept.receipt;
  const latencyMs = Math.max(0, deps.now() - startedAtMs);
  const settlement: Settlement = {
    runId,
    attempt,
    subject,
    executionType,
    provider,
    model,
    status: 'succeeded',
    billed: false,
    costNanoUsd: 0,
    savedNanoUsd,
    usage: NO_USAGE,
    source,
    flags: ['cache_hit'],
    priced: true,
    priceId: null,
    rawUsage: null,
    latencyMs,
  };
  let answer: Awaited<ReturnType<ReturnType<CachedCallDeps['judge']>['bookHit']>>;
  try {
    answer = await deps.judge(subject.teamId).bookHit(settlement, request.rates);
  } catch {
    return err({ reason: 'budget_unavailable' });
  }
  const rate = answer.ok ? answer.value.rate : answer.error.rate;
  if (rate) request.onRate?.(rate);
  if (!answer.ok) return answer;
  return ok({
    savedNanoUsd,
    ageSeconds: Math.max(0, Math.floor((deps.now() - kept.keptAtMs) / 1000)),
    receipt: {
      runId,
      attempt,
      provider,
      model,
      usage,
      source,
      costNanoUsd: 0,
      latencyMs,
      clampedMaxTokens: null,
      budgetWarnings: [],
    },
  });
}

const answerOf = ({ body, text }: KeptCall, { receipt, ...cached }: Hit): PaidAnswer => ({
  receipt,
  bodyText: body,
  headers: {},
  text,
  cached,
});

function streamOf({ body, text }: KeptCall, { receipt, ...cached }: Hit): PaidStream {
  return {
    runId: receipt.runId,
    provider: receipt.provider,
    model: receipt.model,
    body: new Blob([body]).stream(),
    headers: {},
    clampedMaxTokens: null,
    budgetWarnings: [],
    done: Promise.resolve(ok({ receipt, text })),
    cached,
  };
}

/** Hands on what comes, and tells the whole text at the end; a stream that is left, too long or no text is not told. */
function collected(tell: (text: string) => void): TransformStream<Uint8Array, Uint8Array> {
  const written = writtenText(MAX_KEPT_BYTES);
  return new TransformStream({
    transform(bytes, controller) {
      written.add(bytes);
      controller.enqueue(bytes);
    },
    flush() {
      const text = written.end();
      if (text !== null) tell(text);
    },
  });
}
