/** Settlements of calls that were let through while the budget could not be asked (B22): kept here until its object has booked them. */
import { and, asc, eq } from 'drizzle-orm';
import type { Settlement } from '../domain/budget/budget.ts';
import type { CoreServices } from '../services.ts';
import { organization, unbooked } from './schema.ts';

/** Did the team choose to let calls through unchecked? False when that cannot be read either. */
export async function failsOpen({ db }: CoreServices, teamId: string): Promise<boolean> {
  const team = await db.query.organization
    .findFirst({ where: eq(organization.id, teamId), columns: { onBudgetUnavailable: true } })
    .catch(() => null);
  return team?.onBudgetUnavailable === 'allow';
}

/** Throws when it cannot be kept: the call must then not be told as a success. */
export async function keepUnbooked({ db, now }: CoreServices, settlement: Settlement): Promise<void> {
  const { subject, runId, attempt } = settlement;
  const createdAt = new Date(now()).toISOString();
  await db
    .insert(unbooked)
    .values({ teamId: subject.teamId, runId, attempt, settlement, createdAt })
    .onConflictDoNothing();
}

const ROWS_AT_ONCE = 200;

/** Has what is kept booked, oldest first. A row that cannot be booked stays for the next time; booking it twice changes nothing. */
export async function bookUnbooked(services: CoreServices): Promise<number> {
  const { db } = services;
  const rows = await db.select().from(unbooked).orderBy(asc(unbooked.createdAt)).limit(ROWS_AT_ONCE);
  const unreachable = new Set<string>();
  let booked = 0;
  for (const { teamId, runId, attempt, settlement } of rows) {
    if (unreachable.has(teamId)) continue;
    try {
      await services.judge(teamId).settle(settlement);
    } catch {
      unreachable.add(teamId);
      continue;
    }
    await db
      .delete(unbooked)
      .where(and(eq(unbooked.teamId, teamId), eq(unbooked.runId, runId), eq(unbooked.attempt, attempt)));
    booked++;
  }
  return booked;
}
