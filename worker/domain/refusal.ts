/** Every expected "no" of the product, in one union; worker/http/errors.ts turns it into an answer by one exhaustive switch. */
import type { Scope } from './budget/budget.ts';

export interface Issue {
  path: string;
  message: string;
}

export type BudgetExceeded = {
  reason: 'budget_exceeded';
  /** which budget said no */
  budgetId: string | null;
  /** `call` = the caller's own limit for this one call */
  scope: Scope | { type: 'call'; id?: undefined };
  /** which of its limits: what the window may spend, or what one provider call may cost or take at worst */
  limit: 'window' | 'max_cost_per_run' | 'max_tokens_per_run';
  /** null only beside `max_tokens_per_run`, of a budget without a limit in money */
  limitNanoUsd: number | null;
  spentNanoUsd: number;
  heldNanoUsd: number;
  askedNanoUsd: number;
  /** beside `max_tokens_per_run`: input and output together */
  limitTokens?: number;
  askedTokens?: number;
  /** ISO time, null for a window that never resets */
  resetsAt: string | null;
};

/** What a key may do in a minute; null = without end. */
export interface RateLimits {
  requestsPerMinute: number | null;
  tokensPerMinute: number | null;
}

/** One limit as the RateLimit headers tell it. */
export interface RateCount {
  limit: number;
  remaining: number;
  /** until all that is used now is free again; 0 = nothing is used */
  resetSeconds: number;
}

/** Where a key stands in its minute; null = it has no such limit. */
export interface RateStanding {
  requests: RateCount | null;
  tokens: RateCount | null;
}

export type RateLimited = {
  reason: 'rate_limited';
  message: string;
  retryAfterSeconds: number;
  /** false = no waiting will help: the call is larger than the whole minute */
  retryable?: false;
  rate?: RateStanding;
};

/** A rule of domain/guard/guardrails.ts said no. What the call wrote is never told back, nor the pattern it met. */
export type GuardrailBlocked = {
  reason: 'guardrail_blocked';
  of: 'team' | 'key';
  rule: 'allowed_models' | 'denied_models' | 'max_input_tokens' | 'blocked_pattern';
  /** where in the request: "model", "body", "messages[2].content" */
  field: string;
  /** the limit of max_input_tokens */
  limit?: number;
  /** the name of the blocked pattern */
  pattern?: string;
};

export type Refusal =
  | { reason: 'malformed'; message: string; param?: string }
  | { reason: 'unauthenticated'; message?: string }
  | { reason: 'forbidden'; message: string }
  | { reason: 'plan_limit'; message: string; plan: string }
  | { reason: 'not_found'; message: string }
  | { reason: 'model_not_found'; model: string }
  | { reason: 'model_unpriced'; model: string }
  /** `retryAfterSeconds`: when the same request may find it gone; absent = never by itself */
  | { reason: 'conflict'; message: string; retryAfterSeconds?: number }
  | { reason: 'too_large'; message: string; limitBytes: number }
  | { reason: 'invalid'; message?: string; issues: Issue[] }
  | RateLimited
  | BudgetExceeded
  | GuardrailBlocked
  /** the budget object could not be asked: never to be read as "no" */
  | { reason: 'budget_unavailable'; message?: string }
  /** the provider could not be reached or answered with an error: `status` is what the caller gets */
  | {
      reason: 'provider_failed';
      provider: string;
      status: number;
      message: string;
      failure: 'not_sent' | 'refused' | 'unknown';
      retryAfterSeconds?: number;
      body?: string;
      /** attempts made in all; absent = 1 */
      attempts?: number;
      /** what failed attempts were billed all the same; absent = nothing */
      billed?: { inputTokens: number; outputTokens: number; costNanoUsd: number };
    }
  | { reason: 'unavailable'; message: string };
