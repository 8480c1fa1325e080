/** What a team decides about its own money beside its budgets. */

/** When the budget object cannot be asked (B22): 'refuse' answers 503; 'allow' makes the call unchecked and books it later. */
export const ON_BUDGET_UNAVAILABLE = ['refuse', 'allow'] as const;
export type OnBudgetUnavailable = (typeof ON_BUDGET_UNAVAILABLE)[number];

export interface TeamSettings {
  onBudgetUnavailable: OnBudgetUnavailable;
  /** null = the ledger is kept for ever */
  ledgerRetentionDays: number | null;
}

export const DEFAULT_SETTINGS: TeamSettings = { onBudgetUnavailable: 'refuse', ledgerRetentionDays: null };

/** Two months: a month's invoice can still be compared, and the budget object has forgotten the attempts (30 days) by then. */
export const SHORTEST_RETENTION_DAYS = 62;
