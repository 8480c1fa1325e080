/** How much to think: providers say it in words or in tokens. The steps are those of Google's own OpenAI-compatible address. */
import type { Effort } from './conversation.ts';

const BUDGETS: Readonly<Record<Effort, number>> = {
  minimal: 1_024,
  low: 1_024,
  medium: 8_192,
  high: 24_576,
  xhigh: 32_768,
  max: 65_536,
};

export const budgetOfEffort = (effort: Effort): number => BUDGETS[effort];

/** The lowest effort that may think so much. */
export const effortOfBudget = (tokens: number): Effort =>
  (['low', 'medium', 'high'] as const).find((effort) => tokens <= BUDGETS[effort]) ?? 'xhigh';
