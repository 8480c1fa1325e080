/** Removes what is left of runs, and dead letters, that are older than their team keeps them, a bounded part every minute. */
import type { Services } from '../services.ts';
import { forgetRun, removeLetters, runsToForget, teamsThatForget } from '../store/run-retention.ts';

const DAY_MS = 86_400_000;
const AT_ONCE = 100;
const MINUTES_SHARE_MS = 5_000;
/** Letters of no team have nobody who could set it. */
const TEAMLESS_DAYS = 90;

export async function retainRuns(services: Services): Promise<void> {
  const { db, now } = services;
  const untilMs = now() + MINUTES_SHARE_MS;
  const before = (days: number) => new Date(now() - days * DAY_MS).toISOString();
  await removeLetters(services, null, { before: before(TEAMLESS_DAYS), limit: AT_ONCE });
  for (const { id, days } of await teamsThatForget(db)) {
    await removeLetters(services, id, { before: before(days), limit: AT_ONCE });
    for (let left = AT_ONCE; left === AT_ONCE;) {
      const runs = await runsToForget(db, id, { before: before(days), limit: AT_ONCE });
      left = runs.length;
      for (const run of runs) {
        if (now() >= untilMs) return;
        await forgetRun(services, run);
      }
    }
  }
}
