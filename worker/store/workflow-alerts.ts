/** Alerts of workflows: what is asked for, and the look at each run that ended or goes on for long. Announced through notices (ADR 0010). */
import { and, eq } from 'drizzle-orm';
import {
  NO_RUN_ALERTS,
  noticesOfRun,
  USUAL_RUNS,
  type RunAlertSettings,
  type RunFacts,
} from '../domain/workflow/run-alerts.ts';
import type { ExecutionStatus, RunError } from '../domain/workflow/state.ts';
import type { CoreServices, Db } from '../services.ts';
import { postNotice } from './notices.ts';
import { workflowAlert } from './schema.ts';

export async function alertsOfWorkflow(
  db: Db,
  teamId: string,
  workflowId: string,
): Promise<RunAlertSettings> {
  const [row] = await db
    .select({
      onFailure: workflowAlert.onFailure,
      slowMs: workflowAlert.slowMs,
      costPercent: workflowAlert.costPercent,
    })
    .from(workflowAlert)
    .where(and(eq(workflowAlert.teamId, teamId), eq(workflowAlert.workflowId, workflowId)));
  return row ?? NO_RUN_ALERTS;
}

export async function setWorkflowAlerts(
  { db, now }: Pick<CoreServices, 'db' | 'now'>,
  of: { teamId: string; workflowId: string },
  settings: RunAlertSettings,
): Promise<void> {
  const updatedAt = new Date(now()).toISOString();
  await db
    .insert(workflowAlert)
    .values({ ...of, ...settings, updatedAt })
    .onConflictDoUpdate({ target: workflowAlert.workflowId, set: { ...settings, updatedAt } });
}

interface Row {
  executionId: string;
  teamId: string;
  workflowId: string;
  workflowName: string;
  status: string;
  error: string | null;
  startedAt: string | null;
  endedAt: string | null;
  costNanoUsd: number;
  onFailure: number;
  slowMs: number | null;
  costPercent: number | null;
}

const RUN = `
SELECT e.id AS executionId, e.team_id AS teamId, e.workflow_id AS workflowId, coalesce(w.name, '') AS workflowName, e.status, e.error,
  e.started_at AS startedAt, e.cost_nano_usd AS costNanoUsd, a.on_failure AS onFailure, a.slow_ms AS slowMs, a.cost_percent AS costPercent`;

/** Writes what is to be told of one run; answers the deliveries that are to be made. */
async function tellOf(services: CoreServices, row: Row): Promise<string[]> {
  const settings = { onFailure: row.onFailure === 1, slowMs: row.slowMs, costPercent: row.costPercent };
  const facts: RunFacts = {
    executionId: row.executionId,
    workflowId: row.workflowId,
    workflowName: row.workflowName,
    status: row.status as ExecutionStatus,
    error: row.error === null ? null : (JSON.parse(row.error) as RunError),
    startedMs: row.startedAt === null ? null : Date.parse(row.startedAt),
    endedMs: row.endedAt === null ? null : Date.parse(row.endedAt),
    costNanoUsd: row.costNanoUsd,
    costsBefore:
      settings.costPercent === null || row.endedAt === null ? [] : await costsBefore(services, row),
  };
  const due: string[] = [];
  for (const notice of noticesOfRun(facts, settings, services.now()))
    due.push(...(await postNotice(services, row.teamId, { notice })));
  return due;
}

async function costsBefore({ env }: CoreServices, { workflowId, executionId }: Row): Promise<number[]> {
  const { results } = await env.DB.prepare(
    `SELECT cost_nano_usd AS cost FROM execution WHERE workflow_id = ? AND status = 'completed' AND id < ? ORDER BY id DESC LIMIT ?`,
  )
    .bind(workflowId, executionId, USUAL_RUNS)
    .all<{ cost: number }>();
  return results.map(({ cost }) => cost);
}

/** Looks at a run that ended; the row that asks for it goes only once all that is to be told is written. Safe to call twice. */
export async function tellOfEndedRun(services: CoreServices, executionId: string): Promise<string[]> {
  const { results } = await services.env.DB.prepare(
    `${RUN}, r.ended_at AS endedAt FROM ended_run r JOIN execution e ON e.id = r.execution_id
     JOIN workflow_alert a ON a.workflow_id = e.workflow_id LEFT JOIN workflow w ON w.id = e.workflow_id
     WHERE r.execution_id = ? AND e.ended_at = r.ended_at`,
  )
    .bind(executionId)
    .all<Row>();
  const due: string[] = [];
  for (const row of results) due.push(...(await tellOf(services, row)));
  const told = results.map(({ endedAt }) => endedAt);
  // of an end that is not the run's last one any more, nothing is told
  await services.env.DB.prepare(
    `DELETE FROM ended_run WHERE execution_id = ?1 AND (ended_at IN (SELECT value FROM json_each(?2))
       OR NOT EXISTS (SELECT 1 FROM execution e WHERE e.id = ?1 AND e.ended_at = ended_run.ended_at))`,
  )
    .bind(executionId, JSON.stringify(told))
    .run();
  return due;
}

/** Ended runs that nobody has looked at for a while: their message was lost. */
export async function forgottenEnds({ env, now }: CoreServices, limit: number): Promise<string[]> {
  const { results } = await env.DB.prepare(
    'SELECT DISTINCT execution_id AS id FROM ended_run WHERE ended_at < ? LIMIT ?',
  )
    .bind(new Date(now() - 30_000).toISOString(), limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

/** Looks at runs that still go and have done so for longer than their workflow's runs are expected to. */
export async function tellOfSlowRuns(services: CoreServices, limit: number): Promise<string[]> {
  const nowMs = services.now();
  const { results } = await services.env.DB.prepare(
    `${RUN}, e.ended_at AS endedAt FROM workflow_alert a JOIN execution e ON e.workflow_id = a.workflow_id AND e.ended_at IS NULL
     LEFT JOIN workflow w ON w.id = e.workflow_id
     WHERE a.slow_ms IS NOT NULL AND e.wake_at IS NOT NULL
       AND e.started_at < strftime('%Y-%m-%dT%H:%M:%fZ', (?1 - a.slow_ms) / 1000.0, 'unixepoch')
       AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.id = 'ntc_' || substr(e.id, 6) || '_slow') LIMIT ?2`,
  )
    .bind(nowMs, limit)
    .all<Row>();
  const due: string[] = [];
  for (const row of results) due.push(...(await tellOf(services, row)));
  return due;
}
