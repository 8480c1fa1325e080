/** The vocabulary of budgets: scope + window + limit + policy, and what the judge is asked and answers. */
import { z } from 'zod';
import type { BudgetExceeded, RateLimited, RateLimits, RateStanding } from '../refusal.ts';
import type { Usage, UsageSource } from '../cost/usage.ts';
import type { Result } from '../result.ts';

export const SCOPE_TYPES = [
  'team',
  'member',
  'group',
  'key',
  'prompt',
  'prompt_version',
  'workflow',
  'execution',
  'tag',
  'model',
] as const;
export const WINDOWS = ['day', 'week', 'month', 'year', 'total'] as const;

/** `id` is the noun's id; a tag's or model's id is its text; the team scope has none ('' inside). */
export const scopeSchema = z.object({ type: z.enum(SCOPE_TYPES), id: z.string().min(1).max(200).optional() });
export type Scope = z.infer<typeof scopeSchema>;

export interface Budget {
  id: string;
  scope: Scope;
  window: (typeof WINDOWS)[number];
  /** IANA zone in which days, weeks, months and years begin */
  timeZone: string;
  /** month 1-12 (year), day of month 1-28 (month, year), ISO weekday 1-7 (week), hour 0-23 (all); defaults 1, 1, 1, 0 */
  anchor: { month?: number; dayOfMonth?: number; weekday?: number; hour?: number };
  /** null = no limit, 0 = spend nothing */
  limitNanoUsd: number | null;
  /** the worst case of one provider call, input and output together; null or absent = no limit */
  maxTokensPerRun?: number | null;
  /** the worst case of one provider call in money; null or absent = no limit */
  maxCostPerRunNanoUsd?: number | null;
  policy: 'block' | 'warn';
  /** percent, ascending */
  thresholds: number[];
  /** true = a default (its scope has no id): the first call of each subject of this type makes that subject's own budget, once (B02) */
  each?: boolean;
  /** the default it was made from */
  fromBudgetId?: string;
  createdAt: string;
}

/** A budget with where it stands now: what GET /api/token-tracking/budget answers. */
export interface BudgetStatus extends Budget {
  spentNanoUsd: number;
  heldNanoUsd: number;
  periodStart: string;
  resetsAt: string | null;
}

/** Who and what a call is for. Comes from authentication and our own records, never from caller-supplied metadata (B28) except tags. */
export interface CallSubject {
  teamId: string;
  keyId?: string;
  memberId?: string;
  groupIds?: string[];
  promptId?: string;
  promptVersion?: number;
  workflowId?: string;
  executionId?: string;
  nodeId?: string;
  /** executions that called this one, each with its own hard limit: what is spent here is spent by them, too */
  callers?: Caller[];
  tags: string[];
}

export interface Caller {
  executionId: string;
  /** null = none */
  limitNanoUsd: number | null;
}

export interface ReserveRequest {
  /** (runId, attempt) is the identity of one provider call; reserve is idempotent by it */
  runId: string;
  attempt: number;
  subject: CallSubject;
  provider: string;
  model: string;
  /** worst case; null = the model has no price (refused when any budget applies, B14) */
  ceilingNanoUsd: number | null;
  /** the usage that the ceiling is the price of: stands on the row when the call's end is never learnt (`unconfirmed`) */
  worstUsage?: Usage;
  priceId?: string | null;
  /** the part of the ceiling that input alone costs: with `clampable` the judge may admit less than the ceiling but more than this (B04) */
  inputNanoUsd: number;
  /** output tokens below which a lowered call has nothing to say: one per answer asked for; default 1 */
  leastOutputTokens?: number;
  clampable: boolean;
  /** the execution's own hard limit, handed in by the engine; null/absent = none */
  executionLimitNanoUsd?: number | null;
  /** true = the caller sends to the provider right after a yes: an expired hold is then settled as `unconfirmed` instead of released */
  dispatching: boolean;
  /** hold's time to live in ms; renewed by renew() */
  ttlMs: number;
  executionType: ExecutionType;
  /** the limits of the subject's key: looked at in the same turn (rates.ts). Absent = none apply */
  rates?: RateLimits;
}

/** 'adjustment' is no call: the difference that a re-price job books, the only thing whose cost may be negative */
export type ExecutionType =
  'gateway' | 'prompt' | 'workflow' | 'external' | 'evaluation' | 'assistant' | 'adjustment';

export interface Admission {
  /** what is held; less than asked only when clamped */
  heldNanoUsd: number;
  clamped: boolean;
  /** the most the call may write, all answers together, where a budget's tokens per run leave less than was asked; null = as asked */
  maxOutputTokens: number | null;
  /** true when this (runId, attempt) was already admitted or settled before */
  repeated: boolean;
  /** ids of `warn` budgets that are over their limit */
  warnings: string[];
  /** where the key stands after this call, when `rates` were given */
  rate?: RateStanding;
}

export type ReserveRefusal = (BudgetExceeded | { reason: 'model_unpriced'; model: string } | RateLimited) & {
  /** where the key stands, when `rates` were given */
  rate?: RateStanding;
};

/** What became of one attempt. `billed: false` = the provider billed nothing: the hold is released, a run row is written, no ledger row. */
export interface Settlement {
  runId: string;
  attempt: number;
  /** the same as at reserve: a settle that finds no hold (expired, key deleted) still counts */
  subject: CallSubject;
  provider: string;
  model: string;
  executionType: ExecutionType;
  status: 'succeeded' | 'failed' | 'cancelled';
  billed: boolean;
  costNanoUsd: number;
  /** of an answer from the cache: what it cost when it was paid */
  savedNanoUsd?: number;
  usage: Usage;
  source: UsageSource;
  flags: string[];
  priced: boolean;
  priceId: string | null;
  /** the provider's own usage JSON, kept so that the row can be re-priced */
  rawUsage: string | null;
  latencyMs: number;
  error?: string;
  /** ISO; for external usage logged late: the period it belongs to */
  occurredAt?: string;
}

export interface Settled {
  costNanoUsd: number;
  /** true = it had been settled before; nothing changed */
  repeated: boolean;
}

/** The judge of one team: durable/team-budget.ts over RPC, or its pure twin in tests. A thrown error means "could not ask". */
export interface Judge {
  reserve(request: ReserveRequest): Promise<Result<Admission, ReserveRefusal>>;
  settle(settlement: Settlement): Promise<Settled>;
  /** settles an answer from the cache, which was never reserved, unless the key's minute is used up */
  bookHit(
    settlement: Settlement,
    rates?: RateLimits,
  ): Promise<Result<Settled & { rate?: RateStanding }, RateLimited>>;
  /** moves the expiry of a hold; false when there is no such hold */
  renew(runId: string, attempt: number, ttlMs: number): Promise<boolean>;
  /** the callers of this run's attempts before `beforeAttempt` are known dead: their dispatching holds are settled as `unconfirmed`, others released */
  abandon(runId: string, beforeAttempt: number): Promise<void>;
}

/** One row on its way from the team's outbox to D1. `seq` is gapless per team. */
export interface OutboxRow {
  seq: number;
  settlement: Settlement;
  /** ISO, the instant it is booked to: when it was admitted (B19), or when it occurred. Counters, ledger and rollups all use this one */
  at: string;
}
