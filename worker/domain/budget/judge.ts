/** The rule itself: may this call be admitted, and for how much? All budgets agree or nothing is held. */
import { err, ok, type Result } from '../result.ts';
import type { Budget, ReserveRefusal, ReserveRequest, Scope } from './budget.ts';

/** Where one budget stands at this instant. */
export interface Standing {
  /** null = the execution's own limit, which is nobody's budget row */
  budgetId: string | null;
  scope: Scope;
  policy: Budget['policy'];
  limitNanoUsd: number | null;
  spentNanoUsd: number;
  heldNanoUsd: number;
  resetsAtMs: number | null;
}

export interface Verdict {
  heldNanoUsd: number;
  clamped: boolean;
  /** ids of `warn` budgets that this call takes over their limit */
  warnings: string[];
}

export type Ask = Pick<ReserveRequest, 'model' | 'ceilingNanoUsd' | 'inputNanoUsd' | 'clampable'>;

const leftOf = (standing: Standing): number =>
  standing.limitNanoUsd === null
    ? Number.POSITIVE_INFINITY
    : standing.limitNanoUsd - standing.spentNanoUsd - standing.heldNanoUsd;

/**
 * Judges a call against every budget it belongs to. A ceiling of 0 always passes (B15); a ceiling that does not fit is lowered to
 * what the tightest budget leaves when the caller allows it and the input itself fits (B04), otherwise refused by that budget.
 */
export function judge(standings: readonly Standing[], ask: Ask): Result<Verdict, ReserveRefusal> {
  if (ask.ceilingNanoUsd === null) {
    if (standings.length > 0) return err({ reason: 'model_unpriced', model: ask.model });
    return ok({ heldNanoUsd: 0, clamped: false, warnings: [] });
  }
  const asked = ask.ceilingNanoUsd;
  let tightest: Standing | null = null;
  for (const standing of standings)
    if (standing.policy === 'block' && (tightest === null || leftOf(standing) < leftOf(tightest)))
      tightest = standing;

  let held = asked;
  if (tightest !== null && asked > 0 && asked > leftOf(tightest)) {
    const left = leftOf(tightest);
    if (!ask.clampable || left <= ask.inputNanoUsd) return err(refusalBy(tightest, asked));
    held = left;
  }
  const warnings: string[] = [];
  for (const standing of standings)
    if (standing.policy === 'warn' && standing.budgetId !== null && held > leftOf(standing))
      warnings.push(standing.budgetId);
  return ok({ heldNanoUsd: held, clamped: held < asked, warnings });
}

function refusalBy(standing: Standing, askedNanoUsd: number): ReserveRefusal {
  return {
    reason: 'budget_exceeded',
    budgetId: standing.budgetId,
    scope: standing.scope,
    limitNanoUsd: standing.limitNanoUsd ?? 0,
    spentNanoUsd: standing.spentNanoUsd,
    heldNanoUsd: standing.heldNanoUsd,
    askedNanoUsd,
    resetsAt: standing.resetsAtMs === null ? null : new Date(standing.resetsAtMs).toISOString(),
  };
}
