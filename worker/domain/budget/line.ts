/** One budget in its running period: what it spent, what is held, which thresholds are still to be told. */
import { amountOf, levelOf, type AlertFacts } from './alerts.ts';
import type { Budget, BudgetStatus, Scope } from './budget.ts';
import type { Standing } from './judge.ts';
import type { Journal } from './journal.ts';
import { isWithin, periodAt, type Period } from './periods.ts';
import { scopeKey } from './scopes.ts';

/** No instant lies in it: a line enters its first period when it is first looked at. */
const NEVER: Period = { startMs: 0, endMs: 0 };

export class BudgetLine implements Standing {
  readonly budgetId: string;
  readonly scope: Scope;
  readonly scopeKey: string;
  readonly policy: Budget['policy'];
  readonly limitNanoUsd: number | null;
  readonly maxTokensPerRun: number | null;
  readonly maxCostPerRunNanoUsd: number | null;
  period: Period = NEVER;
  spentNanoUsd = 0;
  heldNanoUsd = 0;
  #untold: { threshold: number; amountNanoUsd: number }[] = [];

  constructor(readonly budget: Budget) {
    this.budgetId = budget.id;
    this.scope = budget.scope;
    this.scopeKey = scopeKey(budget.scope);
    this.policy = budget.policy;
    this.limitNanoUsd = budget.limitNanoUsd;
    this.maxTokensPerRun = budget.maxTokensPerRun ?? null;
    this.maxCostPerRunNanoUsd = budget.maxCostPerRunNanoUsd ?? null;
  }

  get resetsAtMs(): number | null {
    return this.period.endMs;
  }

  isIn(nowMs: number): boolean {
    return isWithin(this.period, nowMs);
  }

  /** What is known of its period is void: it enters it anew when it is next looked at. */
  leave(): void {
    this.period = NEVER;
  }

  /** Goes to the period that `nowMs` lies in: spend is what the journal says; what is held is for the books to count. */
  enter(nowMs: number, journal: Pick<Journal, 'spent' | 'told'>): void {
    this.period = periodAt(this.budget, nowMs);
    this.heldNanoUsd = 0;
    if (this.budget.each) return;
    this.spentNanoUsd = journal.spent(this.scopeKey, this.period.startMs, this.period.endMs);
    const told = journal.told(this.budgetId, this.period.startMs);
    this.#untold = this.budget.thresholds.flatMap((threshold) => {
      const amountNanoUsd = this.limitNanoUsd === null ? null : amountOf(this.limitNanoUsd, threshold);
      return amountNanoUsd === null || told.includes(threshold) ? [] : [{ threshold, amountNanoUsd }];
    });
  }

  /** Thresholds reached since the last call, each once per period. */
  takeReached(): AlertFacts[] {
    if (!this.#untold.some(({ amountNanoUsd }) => this.spentNanoUsd >= amountNanoUsd)) return [];
    const reached = this.#untold.filter(({ amountNanoUsd }) => this.spentNanoUsd >= amountNanoUsd);
    this.#untold = this.#untold.filter(({ amountNanoUsd }) => this.spentNanoUsd < amountNanoUsd);
    return reached.map(({ threshold }) => ({
      kind: 'threshold',
      budgetId: this.budgetId,
      threshold,
      level: levelOf(threshold),
      scope: this.scope,
      limitNanoUsd: this.limitNanoUsd,
      spentNanoUsd: this.spentNanoUsd,
      periodStart: new Date(this.period.startMs).toISOString(),
      usualNanoUsd: null,
      exhaustsAt: null,
    }));
  }

  status(): BudgetStatus {
    return {
      ...this.budget,
      spentNanoUsd: this.spentNanoUsd,
      heldNanoUsd: this.heldNanoUsd,
      periodStart: new Date(this.period.startMs).toISOString(),
      resetsAt: this.period.endMs === null ? null : new Date(this.period.endMs).toISOString(),
    };
  }
}
