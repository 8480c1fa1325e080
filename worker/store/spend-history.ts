/** What was spent in the past, per subject and piece of time: from rollups only. */
import type { BudgetStatus, Scope } from '../domain/budget/budget.ts';
import {
  daysAhead,
  fullDaysBefore,
  HORIZON_MS,
  project,
  type Projection,
} from '../domain/budget/projection.ts';
import { readCells, type Cell, type Span } from './stats.ts';

/** The dimension of rollups that a scope is summed in; scopes without one have no history here. */
const DIMENSIONS: Partial<Record<Scope['type'], string>> = {
  team: 'team',
  member: 'member',
  group: 'group',
  key: 'key',
  prompt: 'prompt',
  workflow: 'workflow',
  tag: 'tag',
  model: 'model',
};
const ROLLUP_MS = 900_000;

/** Spend per key of a dimension in each piece; the pieces stand in order and do not overlap. */
async function cellsOf(
  db: D1Database,
  teamId: string,
  { dimension, pieces }: { dimension: string; pieces: readonly Span[] },
): Promise<Cell[]> {
  if (pieces.length === 0) return [];
  const span = { from: pieces[0]!.from, to: pieces.at(-1)!.to };
  return (await readCells(db, teamId, { span, pieces, dimensions: [dimension] }))[0]!;
}

/** By "<from of the piece> <key>". */
const costByPiece = (cells: readonly Cell[]): Map<string, number> =>
  new Map(cells.map(({ from, key, costNanoUsd }) => [`${from} ${key}`, costNanoUsd]));

/** The projection of each budget, by its id; null where there is too little to say. */
export async function projectionsOf(
  db: D1Database,
  teamId: string,
  { budgets, nowMs }: { budgets: readonly BudgetStatus[]; nowMs: number },
): Promise<Map<string, Projection | null>> {
  const projectable = budgets.filter(({ scope, each }) => !each && DIMENSIONS[scope.type] !== undefined);
  // budgets of one zone and dimension are read together
  const groups = new Map<string, { timeZone: string; dimension: string; budgets: BudgetStatus[] }>();
  for (const budget of projectable) {
    const { timeZone, scope } = budget;
    const dimension = DIMENSIONS[scope.type]!;
    const name = `${timeZone} ${dimension}`;
    if (!groups.has(name)) groups.set(name, { timeZone, dimension, budgets: [] });
    groups.get(name)!.budgets.push(budget);
  }
  const asked = [...groups.values()].map((group) => ({
    ...group,
    days: fullDaysBefore(group.timeZone, nowMs),
  }));
  const answers = await Promise.all(
    asked.map(async ({ dimension, days }) =>
      cellsOf(db, teamId, {
        dimension,
        pieces: days.map(({ startMs, endMs }) => ({ from: startMs / 1000, to: endMs / 1000 })),
      }),
    ),
  );
  const found = new Map<string, Projection | null>(budgets.map(({ id }) => [id, null]));
  const aheadBy = new Map<string, ReturnType<typeof daysAhead>>();
  asked.forEach(({ timeZone, days, budgets: of }, at) => {
    const cost = costByPiece(answers[at]!);
    for (const { id, scope, spentNanoUsd, limitNanoUsd, resetsAt } of of) {
      const endMs = resetsAt === null ? nowMs + HORIZON_MS : Date.parse(resetsAt);
      const name = `${timeZone} ${endMs}`;
      const ahead = aheadBy.get(name) ?? daysAhead(timeZone, nowMs, endMs);
      aheadBy.set(name, ahead);
      const past = days.map(({ startMs, weekday }) => ({
        weekday,
        spentNanoUsd: cost.get(`${startMs / 1000} ${scope.id ?? ''}`) ?? 0,
      }));
      found.set(id, project({ past, ahead, spentNanoUsd, limitNanoUsd }));
    }
  });
  return found;
}

export interface TodayAndBefore {
  key: string;
  todayNanoUsd: number;
  /** the same stretch of each past day since the subject's first, oldest first */
  past: number[];
}

/**
 * Subjects of a dimension that spent more than `leastNanoUsd` since local midnight, and what they spent in the same stretch of the days
 * before. The quarter that is running counts as whole on the days before, so that it never makes today look large.
 */
export async function todayAndBefore(
  db: D1Database,
  teamId: string,
  {
    dimension,
    nowMs,
    days,
    midnightMs,
    leastNanoUsd,
  }: {
    dimension: string;
    nowMs: number;
    /** full days before today, oldest first */
    days: readonly { startMs: number }[];
    midnightMs: number;
    leastNanoUsd: number;
  },
): Promise<TodayAndBefore[]> {
  const elapsedMs = Math.ceil((nowMs - midnightMs + 1) / ROLLUP_MS) * ROLLUP_MS;
  const stretch = (startMs: number): Span => ({ from: startMs / 1000, to: (startMs + elapsedMs) / 1000 });
  const today = costByPiece(await cellsOf(db, teamId, { dimension, pieces: [stretch(midnightMs)] }));
  const loud = [...today]
    .map(([name, costNanoUsd]) => ({ key: name.slice(name.indexOf(' ') + 1), costNanoUsd }))
    .filter(({ costNanoUsd }) => costNanoUsd > leastNanoUsd);
  if (loud.length === 0) return [];
  const keys = loud.map(({ key }) => key);
  const firstMs = days[0]?.startMs ?? midnightMs;
  const [cells, firsts] = await Promise.all([
    cellsOf(db, teamId, { dimension, pieces: days.map(({ startMs }) => stretch(startMs)) }),
    db
      .prepare(
        `SELECT key, min(start) AS first FROM rollup WHERE team_id = ?1 AND dimension = ?2 AND start >= ?3
         AND key IN (SELECT value FROM json_each(?4)) GROUP BY key`,
      )
      .bind(teamId, dimension, firstMs / 1000, JSON.stringify(keys))
      .all<{ key: string; first: number }>(),
  ]);
  const cost = costByPiece(cells);
  const firstOf = new Map(firsts.results.map(({ key, first }) => [key, first * 1000]));
  return loud.map(({ key, costNanoUsd }) => ({
    key,
    todayNanoUsd: costNanoUsd,
    past: days
      .filter(({ startMs }) => startMs + elapsedMs > (firstOf.get(key) ?? nowMs))
      .map(({ startMs }) => cost.get(`${startMs / 1000} ${key}`) ?? 0),
  }));
}

/** Teams that spent something since then: one look into the rollups per team, none into the ledger. */
export async function teamsThatSpent(
  db: D1Database,
  sinceMs: number,
): Promise<{ id: string; timeZone: string }[]> {
  const { results } = await db
    .prepare(
      `SELECT id, time_zone AS timeZone FROM organization WHERE EXISTS (
         SELECT 1 FROM rollup WHERE team_id = organization.id AND dimension = 'team' AND start >= ?)`,
    )
    .bind(Math.floor(sinceMs / 1000))
    .all<{ id: string; timeZone: string }>();
  return results;
}
