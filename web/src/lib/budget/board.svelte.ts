/** The team's budgets as they stand now: what the page was rendered with, then kept true by the live socket. */
import type { LiveMessage } from '$domain/budget/team.ts';
import { call, type ApiProblem, type Answer } from '../api.ts';
import { live } from '../live.svelte.ts';
import type { Alert, BudgetStatus, Listed } from '../shapes.ts';

export class BudgetBoard {
  budgets = $state.raw<BudgetStatus[]>([]);
  alerts = $state.raw<Alert[]>([]);
  problem = $state.raw<ApiProblem | null>(null);

  /** Takes what the server rendered. */
  show(budgets: Answer<Listed<BudgetStatus>>, alerts?: Answer<Listed<Alert>>) {
    if (budgets.ok) this.budgets = budgets.data.data;
    if (alerts?.ok) this.alerts = alerts.data.data;
    this.problem = budgets.ok ? null : budgets.problem;
  }

  /** Asks again; what stands stays when the answer does not come. */
  async refetch() {
    const [budgets, alerts] = await Promise.all([
      call<Listed<BudgetStatus>>('/api/token-tracking/budget', { query: { limit: 200 } }),
      call<Listed<Alert>>('/api/token-tracking/alerts'),
    ]);
    this.show(budgets, alerts);
  }

  /** Follows the live socket until the returned function is called; `onspend` also hears of settled runs. */
  follow(onspend?: (message: LiveMessage & { type: 'spend' }) => void): () => void {
    return live.listen(
      ['spend', 'alert', 'alerts_read'],
      (message) => {
        const known = message as unknown as LiveMessage;
        if (known.type === 'alert')
          this.alerts = [known.alert, ...this.alerts.filter(({ id }) => id !== known.alert.id)];
        if (known.type === 'alerts_read') {
          const readAt = new Date().toISOString();
          this.alerts = this.alerts.map((alert) => ({ ...alert, readAt: alert.readAt ?? readAt }));
        }
        if (known.type !== 'spend') return;
        this.#merge(known.budgets, known.deletedBudgetIds);
        onspend?.(known);
      },
      () => void this.refetch(),
    );
  }

  /** One budget as an answer just gave it. */
  put(budget: BudgetStatus) {
    this.#merge([budget], []);
  }
  remove(id: string) {
    this.#merge([], [id]);
  }

  #merge(pushed: BudgetStatus[], gone: string[]) {
    const before = new Map(this.budgets.map(({ id, projection }) => [id, projection]));
    const changed = pushed.map((budget) => ({ projection: before.get(budget.id), ...budget }));
    const fresh = new Map(changed.map((budget) => [budget.id, budget]));
    const kept = this.budgets
      .filter(({ id }) => !gone.includes(id))
      .map((budget) => fresh.get(budget.id) ?? budget);
    const known = new Set(kept.map(({ id }) => id));
    this.budgets = [...kept, ...changed.filter(({ id }) => !known.has(id))];
  }
}
