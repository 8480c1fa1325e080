/** Runs that wait for money: after a top-up they go on from the node that was refused (engine.md rule 11). */
import { and, eq, isNull } from 'drizzle-orm';
import type { Services } from '../services.ts';
import { loadOrders } from './executions.ts';
import { runObject } from './run-object.ts';
import { execution } from './schema.ts';
import { logLine } from '../domain/log-line.ts';

const AT_ONCE = 500;

/**
 * Lets every run of the team that is `paused_budget` ask again; one that still does not fit pauses again and costs nothing.
 * Safe to call at any time; answers how many asked. One that fails is left for the person's own resume.
 */
export async function resumeAfterTopUp({ db, env }: Services, teamId: string): Promise<number> {
  const waiting = await db
    .select({ id: execution.id })
    .from(execution)
    .where(
      and(eq(execution.teamId, teamId), eq(execution.status, 'paused_budget'), isNull(execution.endedAt)),
    )
    .limit(AT_ONCE);
  if (waiting.length === 0) return 0;
  const orders = await loadOrders(
    { db, files: env.FILES },
    waiting.map(({ id }) => id),
  );
  for (const [id, order] of orders) {
    await runObject(env, id)
      .resume(order, {})
      .catch((error: unknown) =>
        console.error(
          logLine({ level: 'error', at: 'resumeAfterTopUp', executionId: id, message: String(error) }),
        ),
      );
  }
  return orders.size;
}
