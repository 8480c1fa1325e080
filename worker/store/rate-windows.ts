/** Counting inside a window of time, in D1 so that every isolate sees the same count. */
import { eq, lt, sql } from 'drizzle-orm';
import type { Db } from '../services.ts';
import { rateWindow } from './schema.ts';

/** Adds to the window's count, starting a new window when the last one is over. Answers the count with the addition. */
export async function countInWindow(
  db: Db,
  { key, amount = 1, windowMs, nowMs }: { key: string; amount?: number; windowMs: number; nowMs: number },
): Promise<{ count: number; resetsAtMs: number }> {
  const now = new Date(nowMs).toISOString();
  const resetsAt = new Date(nowMs + windowMs).toISOString();
  const over = sql`${rateWindow.resetsAt} <= ${now}`;
  const [row] = await db
    .insert(rateWindow)
    .values({ key, count: amount, resetsAt })
    .onConflictDoUpdate({
      target: rateWindow.key,
      set: {
        count: sql`CASE WHEN ${over} THEN ${amount} ELSE ${rateWindow.count} + ${amount} END`,
        resetsAt: sql`CASE WHEN ${over} THEN ${resetsAt} ELSE ${rateWindow.resetsAt} END`,
      },
    })
    .returning();
  return { count: row!.count, resetsAtMs: Date.parse(row!.resetsAt) };
}

export async function clearWindow(db: Db, key: string): Promise<void> {
  await db.delete(rateWindow).where(eq(rateWindow.key, key));
}

/** Windows that are over say nothing any more. */
export async function sweepWindows(db: Db, nowMs: number): Promise<void> {
  await db.delete(rateWindow).where(lt(rateWindow.resetsAt, new Date(nowMs).toISOString()));
}
