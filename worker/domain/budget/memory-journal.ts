/** A journal in plain maps, and a judge that stands on it: the budget object's twin for tests that need no runtime. */
import type { IdKind } from '../ids.ts';
import type { Alert } from './alerts.ts';
import { Books } from './books.ts';
import type { Budget, Judge } from './budget.ts';
import type { Booking, Entry, Hold, Journal, PastAttempt, Totals } from './journal.ts';
import { KeyRates } from './rates.ts';
import type { ScopeKey } from './scopes.ts';

const key = (runId: string, attempt: number) => `${runId} ${attempt}`;

export class MemoryJournal implements Journal {
  readonly spend: { scope: ScopeKey; bookedAtMs: number; costNanoUsd: number }[] = [];
  readonly holds = new Map<string, Hold>();
  readonly past = new Map<string, PastAttempt>();
  readonly entries: Entry[] = [];
  readonly budgets = new Map<string, Budget>();
  readonly alerts: { alert: Alert; periodStartMs: number }[] = [];
  totals: Totals = { totalNanoUsd: 0, lastSeq: 0 };

  spent(scope: ScopeKey, fromMs: number, toMs: number | null): number {
    let sum = 0;
    for (const row of this.spend)
      if (row.scope === scope && row.bookedAtMs >= fromMs && (toMs === null || row.bookedAtMs < toMs))
        sum += row.costNanoUsd;
    return sum;
  }
  pastAttempt(runId: string, attempt: number) {
    return this.past.get(key(runId, attempt)) ?? null;
  }
  told(budgetId: string, periodStartMs: number): number[] {
    const told = this.alerts.filter(
      (row) => row.alert.budgetId === budgetId && row.periodStartMs === periodStartMs,
    );
    return told.flatMap((row) => row.alert.threshold ?? []);
  }
  saveHold(hold: Hold) {
    this.holds.set(key(hold.runId, hold.attempt), hold);
  }
  book({ entry, totals, scopes, past }: Booking) {
    const { bookedAtMs, costNanoUsd } = entry;
    for (const scope of scopes) this.spend.push({ scope, bookedAtMs, costNanoUsd });
    this.entries.push(entry);
    this.totals = totals;
    this.release(past);
  }
  release(past: PastAttempt) {
    this.holds.delete(key(past.runId, past.attempt));
    this.past.set(key(past.runId, past.attempt), past);
  }
  deletePastAttempt(runId: string, attempt: number) {
    this.past.delete(key(runId, attempt));
  }
  saveBudget(budget: Budget) {
    this.budgets.set(budget.id, budget);
  }
  deleteBudget(id: string) {
    this.budgets.delete(id);
  }
  saveAlert(alert: Alert, periodStartMs: number) {
    this.alerts.push({ alert, periodStartMs });
  }
}

/** New books on a journal, as an object that starts again would open them; ids are counted. */
export function openBooks(journal: MemoryJournal): Books {
  let count = 0;
  const newId = (kind: IdKind) => `${kind}_${journal.alerts.length}_${journal.budgets.size}_${++count}`;
  const state = {
    budgets: [...journal.budgets.values()],
    holds: [...journal.holds.values()],
    totals: journal.totals,
  };
  return new Books(journal, state, newId);
}

/** A Judge over books in memory, with the clock handed in. */
export function memoryJudge(books: Books, now: () => number): Judge {
  const rates = new KeyRates();
  return {
    reserve: async (request) => rates.reserve(request, now(), () => books.reserve(request, now())),
    async settle(settlement) {
      const settled = books.settle(settlement, now());
      rates.settle(settlement);
      return settled;
    },
    renew: async (runId, attempt, ttlMs) => books.renew(runId, attempt, now() + ttlMs),
    abandon: async (runId, beforeAttempt) => books.abandon(runId, beforeAttempt, now()),
  };
}
