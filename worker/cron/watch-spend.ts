/** Looks at what teams spend: unusual for this hour, or so fast that a budget runs out early. Reads rollups; the team's object tells each once. */
import type { NewAlert } from '../domain/budget/alerts.ts';
import { fullDaysBefore, runsOutSoon } from '../domain/budget/projection.ts';
import { scopeKey } from '../domain/budget/scopes.ts';
import { FLOOR_NANO_USD, LOOK_BACK_DAYS, unusual } from '../domain/budget/unusual.ts';
import { periodAt } from '../domain/budget/periods.ts';
import type { Services } from '../services.ts';
import { projectionsOf, teamsThatSpent, todayAndBefore } from '../store/spend-history.ts';

/** Whose spend is looked at. */
const SUBJECTS = ['team', 'key', 'workflow'] as const;
const EVERY_MS = 5 * 60_000;
/** Where nothing was spent lately, nothing is unusual and no budget runs out earlier than it did. */
const LATELY_MS = 3_600_000;

/** The stretch of five minutes that was looked at last, in this isolate: looking twice changes nothing but costs reads. */
let lookedAt = -1;

export async function watchSpend(services: Services): Promise<void> {
  const stretch = Math.floor(services.now() / EVERY_MS);
  if (stretch === lookedAt) return;
  lookedAt = stretch;
  const teams = await teamsThatSpent(services.env.DB, services.now() - LATELY_MS);
  const looks = [];
  for (const team of teams) looks.push(...(await Promise.allSettled([watchTeam(services, team)])));
  const failed = looks.find((look) => look.status === 'rejected');
  if (failed) throw failed.reason;
}

/** One team; safe to run at any time and as often as one likes. Answers how many alerts are new. */
export async function watchTeam(
  services: Services,
  { id: teamId, timeZone }: { id: string; timeZone: string },
): Promise<number> {
  const found = [
    ...(await unusualSpend(services, { teamId, timeZone })),
    ...(await earlyEnds(services, teamId)),
  ];
  return found.length === 0 ? 0 : services.team(teamId).raiseAlerts(found);
}

async function unusualSpend(
  { env, now }: Services,
  { teamId, timeZone }: { teamId: string; timeZone: string },
): Promise<NewAlert[]> {
  const nowMs = now();
  const midnightMs = periodAt({ window: 'day', timeZone, anchor: {} }, nowMs).startMs;
  const days = fullDaysBefore(timeZone, nowMs, LOOK_BACK_DAYS);
  const alerts: NewAlert[] = [];
  for (const type of SUBJECTS) {
    const subjects = await todayAndBefore(env.DB, teamId, {
      dimension: type,
      nowMs,
      days,
      midnightMs,
      leastNanoUsd: FLOOR_NANO_USD,
    });
    for (const { key, todayNanoUsd, past } of subjects) {
      const verdict = unusual(todayNanoUsd, past);
      if (!verdict) continue;
      const scope = type === 'team' ? { type } : { type, id: key };
      const periodStart = new Date(midnightMs).toISOString();
      alerts.push({
        once: `unusual ${scopeKey(scope)} ${periodStart}`,
        kind: 'unusual_spend',
        budgetId: null,
        threshold: null,
        level: 'warning',
        scope,
        limitNanoUsd: null,
        spentNanoUsd: todayNanoUsd,
        periodStart,
        usualNanoUsd: verdict.usualNanoUsd,
        exhaustsAt: null,
      });
    }
  }
  return alerts;
}

async function earlyEnds({ env, now, team }: Services, teamId: string): Promise<NewAlert[]> {
  const nowMs = now();
  const budgets = (await team(teamId).listBudgets()).filter(({ limitNanoUsd }) => limitNanoUsd !== null);
  const projections = await projectionsOf(env.DB, teamId, { budgets, nowMs });
  return budgets.flatMap((budget): NewAlert[] => {
    const projection = projections.get(budget.id) ?? null;
    if (!runsOutSoon(projection, budget, nowMs)) return [];
    const { id, scope, limitNanoUsd, spentNanoUsd, periodStart } = budget;
    return [
      {
        once: `exhaustion ${id} ${periodStart}`,
        kind: 'projected_exhaustion',
        budgetId: id,
        threshold: null,
        level: 'warning',
        scope,
        limitNanoUsd,
        spentNanoUsd,
        periodStart,
        usualNanoUsd: null,
        exhaustsAt: projection!.exhaustsAt,
      },
    ];
  });
}
