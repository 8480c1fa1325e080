/**
 * The one story of every paid call, told by gateway, prompt runs and workflow nodes alike:
 * price -> ceiling -> reserve -> provider -> usage -> exact cost -> settle. No call reaches a provider without a reservation,
 * and the caller sees its end only after it was settled.
 */
import type { CallSubject, ExecutionType, Judge, Settlement } from '../budget/budget.ts';
import type { GuardedCall } from '../guard/guardrails.ts';
import type { GuardrailBlocked, RateLimits, RateStanding, Refusal } from '../refusal.ts';
import type { Result } from '../result.ts';
import type { Usage, UsageSource } from '../cost/usage.ts';
import type {
  Connection,
  Conversion,
  FormatReader,
  ForwardRequest,
  ProviderFailure,
  WireFormat,
} from '../contracts/provider.ts';
import type { PriceOfModel } from '../cost/cost.ts';
import type { CacheHit, CacheWish } from './cached-calls.ts';
import type { ModelInfo, Price } from '../cost/price.ts';
import type { JsonText } from '../data/json-text.ts';

export interface PaidCallRequest {
  /** (runId, attempt) is the identity of the call. The router counts its own attempts within the asker's (routing/attempt-number.ts) */
  runId: string;
  attempt: number;
  subject: CallSubject;
  executionType: ExecutionType;
  format: WireFormat;
  /** wire-format body; `model` inside is what the caller named: "gpt-4o", "sandbox-small" or "<provider>/<model>" */
  body: Record<string, unknown>;
  /** the text that `body` was read out of, when a caller sent one: it goes on as he wrote it */
  original?: JsonText;
  /** models or routes to try when the first fails, in order (routing/) */
  fallback?: readonly string[];
  /** id of the connection to take; default: the one that the model's name means */
  connection?: string;
  stream: boolean;
  /** the caller's headers that go on to the provider; default none */
  headers?: Readonly<Record<string, string>>;
  /** may max tokens be lowered to what the budget leaves? (B04) */
  clampable: boolean;
  maxCostNanoUsd?: number | null;
  executionLimitNanoUsd?: number | null;
  /** the limits per minute of the key that calls; absent = none apply */
  rates?: RateLimits;
  /** hears where the key stands, whether the call is admitted or not */
  onRate?(standing: RateStanding): void;
  /** may be answered with what was paid before (cached-calls.ts); absent = never */
  cache?: CacheWish;
  onDisconnect: 'drain' | 'cancel';
  signal?: AbortSignal;
  /** for the whole call, a stream to its end */
  timeoutMs?: number;
  /** for the answer, a stream's first event; default: `timeoutMs` */
  answerWithinMs?: number;
  /** a stream, or the body of an answer, that has sent nothing for so long is cut; default 5 minutes */
  idleTimeoutMs?: number;
}

export interface CallReceipt {
  runId: string;
  attempt: number;
  provider: string;
  model: string;
  usage: Usage;
  source: UsageSource;
  costNanoUsd: number;
  latencyMs: number;
  /** max tokens as sent, when the budget lowered it */
  clampedMaxTokens: number | null;
  /** ids of `warn` budgets that the call took over a limit */
  budgetWarnings: string[];
}

/** Attempts of the same call that failed before the one that answered, and what they were billed. */
export interface Earlier {
  attempts: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

/** A JSON call, settled. */
export interface PaidAnswer {
  receipt: CallReceipt;
  /** the provider's body, byte for byte; converted where the provider speaks another format */
  bodyText: string;
  /** what the provider's headers say beside it (provider-headers.ts) */
  headers: Record<string, string>;
  /** the assistant's text */
  text: string;
  /** set when it came from the cache and cost nothing */
  cached?: CacheHit;
  /** absent = it was the first attempt */
  earlier?: Earlier;
}

/**
 * A stream whose first event is there. `body` is for the caller; its last bytes are held back until the call is settled. `done`
 * never rejects: it tells how the call ended once it was booked (or could not be).
 */
export interface PaidStream {
  runId: string;
  /** who answers */
  provider: string;
  model: string;
  body: ReadableStream<Uint8Array>;
  clampedMaxTokens: number | null;
  budgetWarnings: string[];
  /** what the provider's headers say (provider-headers.ts) */
  headers: Record<string, string>;
  done: Promise<Result<PaidStreamEnd, Refusal>>;
  /** set when it came from the cache and cost nothing */
  cached?: CacheHit;
  /** absent = it was the first attempt */
  earlier?: Earlier;
}

export interface PaidStreamEnd {
  receipt: CallReceipt;
  text: string;
}

export interface PaidCalls {
  call(request: PaidCallRequest): Promise<Result<PaidAnswer, Refusal>>;
  stream(request: PaidCallRequest): Promise<Result<PaidStream, Refusal>>;
}

/** A model by its name, through the connection named or the one that the name means. */
export interface RouteAsk {
  teamId: string;
  model: string;
  connection?: string;
  format: WireFormat;
}

/** Where a call goes: the model as its provider names it, the way there, and its price now. */
export interface CallRoute {
  provider: string;
  model: string;
  connection: Connection;
  /** null = unpriced: refused when a budget applies, recorded as such otherwise */
  price: Price | null;
  /** what the provider does where the request says nothing (Provider.unsaid): bounds the cost; absent = nothing */
  unsaid?: Readonly<Record<string, unknown>>;
  /** of another model of the same provider, for rounds that it runs there; absent = no other model is priced */
  priceOfModel?: PriceOfModel;
  info: ModelInfo | null;
  /** how the call is told in a format that this provider speaks; absent = it speaks the caller's */
  conversion?: Conversion;
}

/** Everything of the outside that a paid call needs; all of it is handed in. */
export interface PaidCallDeps {
  judge(teamId: string): Judge;
  route(ask: RouteAsk): Promise<Result<CallRoute, Refusal>>;
  formatOf(format: WireFormat): FormatReader;
  forward(route: CallRoute, request: ForwardRequest): Promise<Result<Response, ProviderFailure>>;
  /** upper bounds, never below the truth */
  count: {
    request(route: CallRoute, format: WireFormat, body: Record<string, unknown>): Promise<number>;
    text(route: CallRoute, text: string): Promise<number>;
  };
  /** what the team and the key forbid: asked before anything is held or sent */
  guard(call: GuardedCall & { subject: CallSubject }): Promise<GuardrailBlocked | null>;
  /** ms since the epoch */
  now(): number;
  timers: Timers;
  unchecked: Unchecked;
  /** keeps the work alive when the caller is gone */
  waitUntil(work: Promise<unknown>): void;
}

/** For a team that chose to let calls through while its budget cannot be asked (B22). */
export interface Unchecked {
  allowed(teamId: string): Promise<boolean>;
  /** keeps a settlement that nobody takes now until somebody does; throws when it cannot */
  keep(settlement: Settlement): Promise<void>;
}

export interface Timers {
  /** answers with what stops it */
  after(ms: number, task: () => void): () => void;
}
