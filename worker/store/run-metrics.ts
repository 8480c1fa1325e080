/** How runs go: counted from their index rows, of all teams for operators, of one team or workflow for its people. */
import type { EndedRun } from '../domain/metrics/run-series.ts';
import type { ExecutionStatus } from '../domain/workflow/state.ts';
import type { CoreServices } from '../services.ts';

type Deps = Pick<CoreServices, 'env' | 'now'>;

/** So many of the latest runs stand for all of a stretch. */
const MOST_RUNS = 10_000;

export interface RunFilter {
  /** null = every team's */
  teamId: string | null;
  workflowId?: string;
  sinceMs: number;
}

export interface RunStats {
  /** runs that have not ended */
  open: Partial<Record<ExecutionStatus, number>>;
  /** runs that ended since then */
  ended: Partial<Record<ExecutionStatus, number>>;
  /** completed, of those that completed, failed or need a person; null = none did */
  successRate: number | null;
  /** how long the oldest run waits that could begin; null = none waits */
  queueAgeMs: number | null;
  /** how long the oldest run waits for a slot of its workflow; null = none does */
  lineAgeMs: number | null;
  /** of those that ended, at most the latest 10,000: from being accepted to beginning, from beginning to end, and what of that the engine took */
  waitMs: number[];
  durationMs: number[];
  engineMs: number[];
  /** the same runs one by one, latest first */
  runs: EndedRun[];
  /** there were more of them: what is older than these is not counted */
  cut: boolean;
}

export async function runStats(
  { env, now }: Deps,
  { teamId, workflowId, sinceMs }: RunFilter,
): Promise<RunStats> {
  const mine = [
    ...(teamId === null ? [] : ['team_id = ?1']),
    ...(workflowId === undefined ? [] : ['workflow_id = ?2']),
    '(?1 IS NULL OR 1) AND (?2 IS NULL OR 1)',
  ].join(' AND ');
  const given = [teamId, workflowId ?? null] as const;
  const [open, ended] = await env.DB.batch<Record<string, number | string | null>>([
    env.DB.prepare(
      `SELECT status, max_concurrent IS NOT NULL AND slot_until IS NULL AS inLine, count(*) AS n, min(created_at) AS oldest
       FROM execution WHERE ended_at IS NULL AND ${mine} GROUP BY 1, 2`,
    ).bind(...given),
    env.DB.prepare(
      `SELECT status, created_at AS createdAt, started_at AS startedAt, ended_at AS endedAt, engine_ms AS engineMs, cost_nano_usd AS costNanoUsd
       FROM execution WHERE ended_at IS NOT NULL AND ended_at >= ?3 AND ${mine} ORDER BY ended_at DESC LIMIT ?4`,
    ).bind(...given, new Date(sinceMs).toISOString(), MOST_RUNS),
  ]);
  const stats: RunStats = {
    open: {},
    ended: {},
    successRate: null,
    queueAgeMs: null,
    lineAgeMs: null,
    waitMs: [],
    durationMs: [],
    engineMs: [],
    runs: [],
    cut: ended!.results.length === MOST_RUNS,
  };
  for (const row of open!.results) {
    const status = row.status as ExecutionStatus;
    stats.open[status] = (stats.open[status] ?? 0) + Number(row.n);
    if (status === 'queued')
      stats[row.inLine ? 'lineAgeMs' : 'queueAgeMs'] = Math.max(0, now() - Date.parse(String(row.oldest)));
  }
  for (const { createdAt, startedAt, engineMs, ...row } of ended!.results) {
    const [status, endedMs] = [row.status as ExecutionStatus, Date.parse(String(row.endedAt))];
    const startedMs = startedAt === null ? null : Date.parse(String(startedAt));
    const durationMs = startedMs === null ? null : endedMs - startedMs;
    stats.ended[status] = (stats.ended[status] ?? 0) + 1;
    stats.runs.push({ status, endedMs, durationMs, costNanoUsd: Number(row.costNanoUsd) });
    if (startedMs === null) continue;
    stats.waitMs.push(Math.max(0, startedMs - Date.parse(String(createdAt))));
    stats.durationMs.push(durationMs!);
    if (engineMs !== null) stats.engineMs.push(Number(engineMs));
  }
  const { completed = 0, failed = 0, needs_review = 0 } = stats.ended;
  const judged = completed + failed + needs_review;
  if (judged > 0) stats.successRate = completed / judged;
  return stats;
}

export interface BacklogStats {
  deadLetters: Record<string, number>;
  schedules: number;
  /** how long the oldest fire that nobody claimed is due; null = none is */
  scheduleLagMs: number | null;
  firesWaiting: number;
  deliveriesDue: number;
}

/** What else waits, of all teams. */
export async function backlogStats({ env, now }: Deps): Promise<BacklogStats> {
  const at = new Date(now()).toISOString();
  const one = (sql: string, ...values: string[]) => env.DB.prepare(sql).bind(...values);
  const [letters, schedules, late, fires, deliveries] = await env.DB.batch<
    Record<string, number | string | null>
  >([
    one(`SELECT kind, count(*) AS n FROM dead_letter WHERE status = 'open' GROUP BY kind`),
    one('SELECT count(*) AS n FROM schedule'),
    one('SELECT min(next_fire_at) AS oldest FROM schedule WHERE next_fire_at <= ?', at),
    one(
      `SELECT count(*) AS n FROM schedule_fire WHERE status IN ('due', 'waiting', 'started') AND status IN ('due', 'waiting')`,
    ),
    one('SELECT count(*) AS n FROM delivery WHERE next_try_at IS NOT NULL AND next_try_at <= ?', at),
  ]);
  const count = (result: D1Result<Record<string, number | string | null>> | undefined) =>
    Number(result?.results[0]?.n ?? 0);
  const oldest = late!.results[0]?.oldest ?? null;
  return {
    deadLetters: Object.fromEntries(letters!.results.map(({ kind, n }) => [String(kind), Number(n)])),
    schedules: count(schedules),
    scheduleLagMs: oldest === null ? null : now() - Date.parse(String(oldest)),
    firesWaiting: count(fires),
    deliveriesDue: count(deliveries),
  };
}
