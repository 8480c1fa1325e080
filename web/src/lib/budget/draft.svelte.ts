/** What the form of a budget holds while it is filled in, what is wrong with it, and what it sends. */
import type { Budget, Scope } from '$domain/budget/budget.ts';
import { usd } from '../money.ts';
import type { BudgetStatus } from '../shapes.ts';
import { parseDollars } from './dollars.ts';

const MOST_TOKENS = 1_000_000_000;
const amount = (nanoUsd: number | null | undefined) => (nanoUsd == null ? '' : usd(nanoUsd));

/** "" -> none (null), "4000" -> 4000; undefined = not a whole number from 1 to a thousand million. */
export function parseTokens(text: string): number | null | undefined {
  const clean = text.trim().replace(/[\s,_]/g, '');
  if (clean === '') return null;
  const tokens = /^\d+$/.test(clean) ? Number(clean) : 0;
  return tokens >= 1 && tokens <= MOST_TOKENS ? tokens : undefined;
}

export class BudgetDraft {
  readonly start: BudgetStatus | null = null;
  scopeType = $state<Scope['type']>('team');
  scopeId = $state('');
  /** of a prompt version only: the prompt it is of */
  promptId = $state('');
  each = $state(false);
  window = $state<Budget['window']>('month');
  timeZone = $state('UTC');
  hour = $state(0);
  weekday = $state(1);
  dayOfMonth = $state(1);
  month = $state(1);
  limit = $state('');
  tokensPerRun = $state('');
  costPerRun = $state('');
  policy = $state<Budget['policy']>('block');
  thresholds = $state('75, 90, 100');

  constructor(start: BudgetStatus | null, timeZone: string) {
    this.start = start;
    this.timeZone = timeZone;
    if (!start) return;
    this.scopeType = start.scope.type;
    this.scopeId = start.scope.id ?? '';
    if (start.scope.type === 'prompt_version') this.promptId = this.scopeId.replace(/@\d+$/, '');
    this.each = start.each ?? false;
    this.window = start.window;
    this.timeZone = start.timeZone;
    this.hour = start.anchor.hour ?? 0;
    this.weekday = start.anchor.weekday ?? 1;
    this.dayOfMonth = start.anchor.dayOfMonth ?? 1;
    this.month = start.anchor.month ?? 1;
    this.limit = amount(start.limitNanoUsd);
    this.tokensPerRun = start.maxTokensPerRun == null ? '' : String(start.maxTokensPerRun);
    this.costPerRun = amount(start.maxCostPerRunNanoUsd);
    this.policy = start.policy;
    this.thresholds = start.thresholds.join(', ');
  }

  /** Another kind of thing is covered: what was picked of the old kind is nothing now. */
  forgetScope() {
    this.scopeId = '';
    this.promptId = '';
    this.each = this.scopeType === 'execution';
  }

  parsedLimit = $derived(parseDollars(this.limit));
  parsedCost = $derived(parseDollars(this.costPerRun));
  parsedTokens = $derived(parseTokens(this.tokensPerRun));
  steps = $derived(
    this.thresholds
      .split(/[\s,;]+/)
      .filter(Boolean)
      .map(Number),
  );
  faults = $derived({
    scopeId:
      this.scopeType !== 'team' && !this.each && !this.scopeId.trim()
        ? 'Choose what this budget covers.'
        : undefined,
    limit: this.parsedLimit.ok ? undefined : this.parsedLimit.message,
    costPerRun: this.parsedCost.ok ? undefined : this.parsedCost.message,
    tokensPerRun: this.parsedTokens === undefined ? 'A whole number from 1, such as 4000.' : undefined,
    thresholds:
      this.steps.length <= 10 &&
      this.steps.every((step) => Number.isInteger(step) && step >= 1 && step <= 1000) &&
      this.steps.every((step, at) => at === 0 || step > this.steps[at - 1]!)
        ? undefined
        : 'At most ten whole percentages, ascending, such as 75, 90, 100.',
  });
  /** what is spent already, where the limit is below that (BUD-6); a default for each spends nothing itself */
  below = $derived(
    this.start &&
      this.parsedLimit.ok &&
      this.parsedLimit.nanoUsd !== null &&
      this.parsedLimit.nanoUsd < this.start.spentNanoUsd
      ? this.start.spentNanoUsd
      : null,
  );

  /** Only what the window has, and only what differs from midnight of its first day. */
  private anchor(): Budget['anchor'] {
    const { window, hour, weekday, dayOfMonth, month } = this;
    if (window === 'total') return {};
    return {
      ...(window === 'year' && month !== 1 ? { month } : {}),
      ...((window === 'year' || window === 'month') && dayOfMonth !== 1 ? { dayOfMonth } : {}),
      ...(window === 'week' && weekday !== 1 ? { weekday } : {}),
      ...(hour !== 0 ? { hour } : {}),
    };
  }
  private scope(): Scope {
    const { scopeType: type, scopeId, each } = this;
    return type === 'team' || each ? { type } : { type, id: scopeId.trim() };
  }

  /** null = something is wrong (`faults`). What a budget covers is sent with a new one only. */
  body() {
    const { parsedLimit: limit, parsedCost: cost, parsedTokens: tokens } = this;
    if (Object.values(this.faults).some(Boolean) || !limit.ok || !cost.ok || tokens === undefined)
      return null;
    return {
      ...(this.start
        ? {}
        : { scope: this.scope(), ...(this.each && this.scopeType !== 'team' ? { each: true } : {}) }),
      window: this.window,
      timeZone: this.timeZone,
      anchor: this.anchor(),
      limitNanoUsd: limit.nanoUsd,
      maxTokensPerRun: tokens,
      maxCostPerRunNanoUsd: cost.nanoUsd,
      policy: this.policy,
      thresholds: this.steps,
    };
  }
}
