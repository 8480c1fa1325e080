/** What a team's books must not forget: written in one synchronous transaction per question asked of the books. */
import type { Alert } from './alerts.ts';
import type { Budget, CallSubject, ExecutionType, Settlement } from './budget.ts';
import type { Usage } from '../cost/usage.ts';
import type { ScopeKey } from './scopes.ts';

/** Money set aside for one attempt. It belongs to the periods of the instant it was admitted (B19). */
export interface Hold {
  runId: string;
  attempt: number;
  subject: CallSubject;
  provider: string;
  model: string;
  executionType: ExecutionType;
  heldNanoUsd: number;
  clamped: boolean;
  priced: boolean;
  priceId: string | null;
  worstUsage: Usage;
  dispatching: boolean;
  admittedAtMs: number;
  expiresAtMs: number;
}

/** What became of an attempt whose hold is gone. After `released` a late settle still counts; after the others nothing does (B05). */
export interface PastAttempt {
  runId: string;
  attempt: number;
  state: 'settled' | 'unconfirmed' | 'released';
  costNanoUsd: number;
  admittedAtMs: number;
  endedAtMs: number;
}

/** One settlement on its way to D1. */
export interface Entry {
  seq: number;
  settlement: Settlement;
  /** 0 when the provider billed nothing */
  costNanoUsd: number;
  bookedAtMs: number;
}

/** One settlement as the journal keeps it, all of it at once: what it spent in every scope, its place in the outbox, the end of its hold. */
export interface Booking {
  entry: Entry;
  totals: Totals;
  scopes: readonly ScopeKey[];
  past: PastAttempt;
}

export interface Totals {
  /** everything ever settled: its own number, so that the ledger can be checked against it */
  totalNanoUsd: number;
  /** gapless */
  lastSeq: number;
}

/** The object's SQLite, or maps in a test. Every method is synchronous. */
export interface Journal {
  /** what a scope spent in [fromMs, toMs); null = without end */
  spent(scope: ScopeKey, fromMs: number, toMs: number | null): number;
  pastAttempt(runId: string, attempt: number): PastAttempt | null;
  /** thresholds of a budget already told in the period that starts at `periodStartMs` */
  told(budgetId: string, periodStartMs: number): number[];

  saveHold(hold: Hold): void;
  /** the hold of this attempt, if there is one, ends with it */
  book(booking: Booking): void;
  /** a hold ends without a settlement */
  release(past: PastAttempt): void;
  deletePastAttempt(runId: string, attempt: number): void;
  saveBudget(budget: Budget): void;
  deleteBudget(id: string): void;
  saveAlert(alert: Alert, periodStartMs: number): void;
}
