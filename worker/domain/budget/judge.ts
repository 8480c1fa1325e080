/** The rule itself: may this call be admitted, and for how much? All budgets agree or nothing is held. */
import type { BudgetExceeded } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import type { Budget, ReserveRefusal, ReserveRequest, Scope } from './budget.ts';

/** Where one budget stands at this instant. */
export interface Standing {
  /** null = the execution's own limit, which is nobody's budget row */
  budgetId: string | null;
  scope: Scope;
  policy: Budget['policy'];
  limitNanoUsd: number | null;
  maxTokensPerRun: number | null;
  maxCostPerRunNanoUsd: number | null;
  spentNanoUsd: number;
  heldNanoUsd: number;
  resetsAtMs: number | null;
}

export interface Verdict {
  heldNanoUsd: number;
  clamped: boolean;
  /** lowered output, all answers together; null = as asked */
  maxOutputTokens: number | null;
  /** ids of `warn` budgets that this call takes over one of their limits */
  warnings: string[];
}

export type Ask = Pick<
  ReserveRequest,
  'model' | 'ceilingNanoUsd' | 'inputNanoUsd' | 'clampable' | 'worstUsage' | 'leastOutputTokens'
>;

const leftInWindow = (standing: Standing): number =>
  standing.limitNanoUsd === null
    ? Number.POSITIVE_INFINITY
    : standing.limitNanoUsd - standing.spentNanoUsd - standing.heldNanoUsd;

/** What one call may cost at most: the window's rest, or the budget's cost per run where that is less. */
const leftOf = (standing: Standing): number =>
  Math.min(leftInWindow(standing), standing.maxCostPerRunNanoUsd ?? Number.POSITIVE_INFINITY);

/**
 * Judges a call against every budget it belongs to. Tokens per run come first, since a lowered output also costs less. A ceiling of 0
 * always passes what is counted in money (B15); a ceiling that does not fit is lowered to what the tightest budget leaves when the
 * caller allows it and the input itself fits (B04), otherwise refused by that budget.
 */
export function judge(standings: readonly Standing[], ask: Ask): Result<Verdict, ReserveRefusal> {
  if (ask.ceilingNanoUsd === null) {
    if (standings.length > 0) return err({ reason: 'model_unpriced', model: ask.model });
    return ok({ heldNanoUsd: 0, clamped: false, maxOutputTokens: null, warnings: [] });
  }
  const { inputTokens, outputTokens } = ask.worstUsage ?? { inputTokens: 0, outputTokens: 0 };
  const blocking = standings.filter(({ policy }) => policy === 'block');

  const fewest = least(blocking, (one) => one.maxTokensPerRun ?? Number.POSITIVE_INFINITY);
  const room = fewest ? fewest.maxTokensPerRun! - inputTokens : Number.POSITIVE_INFINITY;
  if (fewest && outputTokens > room && !(ask.clampable && outputTokens > 0 && room >= leastOutputOf(ask)))
    return err(refusalBy(fewest, 'max_tokens_per_run', ask));
  const output = Math.min(outputTokens, room);
  const asked = output < outputTokens ? ceilingAt(output, ask) : ask.ceilingNanoUsd;

  const tightest = least(blocking, leftOf);
  let held = asked;
  if (tightest && asked > 0 && asked > leftOf(tightest)) {
    const left = leftOf(tightest);
    if (!ask.clampable || left <= ask.inputNanoUsd)
      return err(
        refusalBy(tightest, left < leftInWindow(tightest) ? 'max_cost_per_run' : 'window', {
          ...ask,
          ceilingNanoUsd: asked,
        }),
      );
    held = left;
  }
  const passes = (one: Standing) =>
    held > leftOf(one) || (one.maxTokensPerRun !== null && inputTokens + output > one.maxTokensPerRun);
  const warnings = standings.flatMap((one) =>
    one.policy === 'warn' && one.budgetId !== null && passes(one) ? [one.budgetId] : [],
  );
  return ok({
    heldNanoUsd: held,
    clamped: held < ask.ceilingNanoUsd || output < outputTokens,
    maxOutputTokens: output < outputTokens ? output : null,
    warnings,
  });
}

/** The standing with the least of something, the first of equals; null when none has any limit of that kind. */
function least(standings: readonly Standing[], of: (standing: Standing) => number): Standing | null {
  let found: Standing | null = null;
  for (const standing of standings)
    if (of(standing) < (found ? of(found) : Number.POSITIVE_INFINITY)) found = standing;
  return found;
}

const leastOutputOf = (ask: Ask): number => ask.leastOutputTokens ?? 1;

/**
 * An upper bound of the ceiling with less output. A ceiling is linear in output tokens but for rounding up, so the line through its
 * values at the least and at the full output lies nowhere below it.
 */
function ceilingAt(outputTokens: number, ask: Ask): number {
  const full = ask.ceilingNanoUsd!;
  const fewest = leastOutputOf(ask);
  const most = ask.worstUsage!.outputTokens;
  const low = ask.inputNanoUsd + 1;
  if (full <= low || most <= fewest) return full;
  const [rise, run] = [BigInt(full - low) * BigInt(outputTokens - fewest), BigInt(most - fewest)];
  return Math.min(full, low + Number((rise + run - 1n) / run));
}

function refusalBy(
  standing: Standing,
  limit: BudgetExceeded['limit'],
  { ceilingNanoUsd, worstUsage }: Ask,
): BudgetExceeded {
  const perRun = limit === 'max_cost_per_run';
  return {
    reason: 'budget_exceeded',
    budgetId: standing.budgetId,
    scope: standing.scope,
    limit,
    limitNanoUsd: perRun ? standing.maxCostPerRunNanoUsd : standing.limitNanoUsd,
    spentNanoUsd: perRun ? 0 : standing.spentNanoUsd,
    heldNanoUsd: perRun ? 0 : standing.heldNanoUsd,
    askedNanoUsd: ceilingNanoUsd!,
    ...(limit === 'max_tokens_per_run'
      ? {
          limitTokens: standing.maxTokensPerRun!,
          askedTokens: worstUsage!.inputTokens + worstUsage!.outputTokens,
        }
      : {}),
    // What one run may take does not come back with a new period.
    resetsAt:
      limit === 'window' && standing.resetsAtMs !== null ? new Date(standing.resetsAtMs).toISOString() : null,
  };
}
