/** Thresholds: which were reached, and how loud is each? An alert is told once per budget, threshold and period (B20). */
import { z } from 'zod';
import { scopeSchema } from './budget.ts';

export const DEFAULT_THRESHOLDS: readonly number[] = [75, 90, 100];
export const ALERT_LEVELS = ['info', 'warning', 'urgent'] as const;

export const alertSchema = z.object({
  id: z.string(),
  budgetId: z.string(),
  /** percent of the limit */
  threshold: z.number(),
  level: z.enum(ALERT_LEVELS),
  scope: scopeSchema,
  limitNanoUsd: z.int(),
  spentNanoUsd: z.int(),
  /** ISO: the period in which it was reached */
  periodStart: z.string(),
  at: z.string(),
  readAt: z.string().nullable(),
});
export type Alert = z.infer<typeof alertSchema>;

export const levelOf = (threshold: number): Alert['level'] =>
  threshold >= 100 ? 'urgent' : threshold >= 90 ? 'warning' : 'info';

/** The least spend that reaches a threshold: exact (bigint inside), at least one nano-USD; null when no safe number reaches it. */
export function amountOf(limitNanoUsd: number, threshold: number): number | null {
  const least = (BigInt(limitNanoUsd) * BigInt(threshold) + 99n) / 100n;
  if (least > BigInt(Number.MAX_SAFE_INTEGER)) return null;
  return Math.max(1, Number(least));
}
