/** A budget in words: what it covers, when it starts anew, how far it is, who can raise it. */
import type { Budget, BudgetStatus, Scope } from '$domain/budget/budget.ts';
import { percentOf } from '../numbers.ts';

const SCOPE_WORDS: Record<Scope['type'], string> = {
  team: 'Whole team',
  member: 'Member',
  group: 'Group',
  key: 'API key',
  prompt: 'Prompt',
  prompt_version: 'Prompt version',
  workflow: 'Workflow',
  execution: 'Execution',
  tag: 'Tag',
  model: 'Model',
};
export const WINDOW_WORDS: Record<Budget['window'], string> = {
  day: 'per day',
  week: 'per week',
  month: 'per month',
  year: 'per year',
  total: 'in total',
};

/** "Tag acme", "Whole team", "Prompt version Greeting, version 3"; `names` gives ids their names. */
export function scopeWords(scope: Scope, names: ReadonlyMap<string, string> = new Map()): string {
  const { type, id } = scope;
  if (!id) return SCOPE_WORDS[type];
  const [, promptId, version] = (type === 'prompt_version' && /^(.+)@(\d+)$/.exec(id)) || [];
  if (promptId) return `${SCOPE_WORDS[type]} ${names.get(promptId) ?? promptId}, version ${version}`;
  return `${SCOPE_WORDS[type]} ${names.get(id) ?? id}`;
}

/** "Each member", "Each API key" */
export const eachWords = (type: Scope['type']): string =>
  `Each ${type === 'key' ? SCOPE_WORDS.key : SCOPE_WORDS[type].toLowerCase()}`;

/** What a budget covers; a default is for each of its kind. */
export const budgetWords = (
  budget: Pick<Budget, 'scope' | 'each'>,
  names?: ReadonlyMap<string, string>,
): string => (budget.each ? eachWords(budget.scope.type) : scopeWords(budget.scope, names));

export type BudgetLevel = 'calm' | 'watch' | 'warning' | 'full';

/** From 75% "Watch", from 90% "Warning", from 100% "Limit reached". */
export function levelOfBudget(budget: Pick<BudgetStatus, 'spentNanoUsd' | 'limitNanoUsd'>): BudgetLevel {
  const used = percentOf(budget.spentNanoUsd, budget.limitNanoUsd);
  if (budget.limitNanoUsd === 0 || (used !== null && used >= 100)) return 'full';
  if (used === null || used < 75) return 'calm';
  return used >= 90 ? 'warning' : 'watch';
}
