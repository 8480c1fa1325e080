/** Alerts: what a team should know about its money. A threshold is told once per budget, threshold and period (B20), others once too. */
import { z } from 'zod';
import { formatCost } from '../money-text.ts';
import { scopeSchema, type Scope } from './budget.ts';

export const DEFAULT_THRESHOLDS: readonly number[] = [75, 90, 100];
export const ALERT_LEVELS = ['info', 'warning', 'urgent'] as const;
export const ALERT_KINDS = ['threshold', 'unusual_spend', 'projected_exhaustion'] as const;

export const alertSchema = z.object({
  id: z.string(),
  kind: z.enum(ALERT_KINDS),
  /** null = it is about spend, not about a budget */
  budgetId: z.string().nullable(),
  /** percent of the limit; null = the alert is of another kind */
  threshold: z.number().nullable(),
  level: z.enum(ALERT_LEVELS),
  title: z.string(),
  /** a sentence or two */
  text: z.string(),
  scope: scopeSchema,
  limitNanoUsd: z.int().nullable(),
  spentNanoUsd: z.int(),
  /** ISO: the period (of unusual spend: the day) in which it was noticed */
  periodStart: z.string(),
  /** unusual spend: what is usual by that hour */
  usualNanoUsd: z.int().nullable(),
  /** projected exhaustion: ISO, when the limit is expected to be reached */
  exhaustsAt: z.string().nullable(),
  at: z.string(),
  readAt: z.string().nullable(),
});
export type Alert = z.infer<typeof alertSchema>;
/** What an alert is about, before it is told. */
export type AlertFacts = Omit<Alert, 'id' | 'title' | 'text' | 'at' | 'readAt'>;
/** An alert that the team's object is asked to raise, unless one of the same `once` was raised before. */
export type NewAlert = AlertFacts & { once: string };

export const levelOf = (threshold: number): Alert['level'] =>
  threshold >= 100 ? 'urgent' : threshold >= 90 ? 'warning' : 'info';

/** The least spend that reaches a threshold: exact (bigint inside), at least one nano-USD; null when no safe number reaches it. */
export function amountOf(limitNanoUsd: number, threshold: number): number | null {
  const least = (BigInt(limitNanoUsd) * BigInt(threshold) + 99n) / 100n;
  if (least > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return Math.max(1, Number(least));
}

/** "the team", "tag acme", "API key Production": `name` stands for an id that says nothing to people. */
export function scopeText(scope: Scope, name = scope.id): string {
  if (scope.type === 'team') return 'the team';
  const words = scope.type === 'key' ? 'API key' : scope.type.replace('_', ' ');
  return name ? `${words} ${name}` : words;
}

const day = (iso: string) => `${iso.slice(0, 16).replace('T', ' ')} UTC`;

/** What people read: one line and a sentence or two. */
export function wordsOf(alert: AlertFacts, name?: string): { title: string; text: string } {
  const of = scopeText(alert.scope, name);
  const spent = formatCost(alert.spentNanoUsd);
  const limit = alert.limitNanoUsd === null ? 'no limit' : formatCost(alert.limitNanoUsd);
  switch (alert.kind) {
    case 'threshold':
      return {
        title: `The budget of ${of} reached ${alert.threshold}% of its limit`,
        text: `${spent} of ${limit} is spent since ${day(alert.periodStart)}.`,
      };
    case 'projected_exhaustion':
      return {
        title: `The budget of ${of} is expected to run out early`,
        text: `At the pace of the last days, ${limit} is reached around ${day(alert.exhaustsAt!)}; ${spent} is spent so far.`,
      };
    case 'unusual_spend':
      return {
        title: `Unusual spend of ${of}`,
        text: `${spent} is spent today, where ${formatCost(alert.usualNanoUsd ?? 0)} is usual by this hour.`,
      };
  }
}
