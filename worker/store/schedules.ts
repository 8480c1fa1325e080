/** Schedules of published versions: written with the version, gone with it. What they do every minute: schedule-fires.ts. */
import { and, asc, desc, eq, lt, sql } from 'drizzle-orm';
import type { NodeSchedule } from '../domain/schedule/schedule.ts';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { schedule, scheduleFire, workflow } from './schema.ts';

export type ScheduleRow = typeof schedule.$inferSelect;
export type FireRow = typeof scheduleFire.$inferSelect;

export interface OfWorkflow {
  teamId: string;
  workflowId: string;
}

const dropFires = (db: Db, { teamId, workflowId }: OfWorkflow, keep: readonly string[]) =>
  db
    .delete(scheduleFire)
    .where(
      sql`${scheduleFire.scheduleId} in (select id from schedule where workflow_id = ${workflowId} and team_id = ${teamId} and node_id not in (select value from json_each(${JSON.stringify(keep)})))`,
    );
const dropSchedules = (db: Db, { teamId, workflowId }: OfWorkflow, keep: readonly string[]) =>
  db
    .delete(schedule)
    .where(
      and(
        eq(schedule.workflowId, workflowId),
        eq(schedule.teamId, teamId),
        sql`${schedule.nodeId} not in (select value from json_each(${JSON.stringify(keep)}))`,
      ),
    );

/** Ends every schedule of a workflow; for the batch that unpublishes or deletes it. */
export const endSchedules = (db: Db, of: OfWorkflow) =>
  [dropFires(db, of, []), dropSchedules(db, of, [])] as const;

/**
 * Makes a workflow's schedules those of the version that is published in the same batch. A schedule whose times are the same goes on
 * from where it is: a fire that is due is neither lost nor made twice by publishing.
 */
export function putSchedules(
  db: Db,
  of: OfWorkflow,
  schedules: readonly (NodeSchedule & { id: string })[],
  at: string,
) {
  const keep = schedules.map(({ nodeId }) => nodeId);
  return [
    dropFires(db, of, keep),
    dropSchedules(db, of, keep),
    ...schedules.map(({ nextFireMs, ...given }) => {
      const rule = {
        cron: given.cron,
        timeZone: given.timeZone,
        misfire: given.misfire,
        maxCatchUp: given.maxCatchUp,
        overlap: given.overlap,
        updatedAt: at,
      };
      return db
        .insert(schedule)
        .values({
          ...of,
          ...rule,
          id: given.id,
          nodeId: given.nodeId,
          nextFireAt: new Date(nextFireMs).toISOString(),
          createdAt: at,
        })
        .onConflictDoUpdate({
          target: [schedule.workflowId, schedule.nodeId],
          set: {
            ...rule,
            nextFireAt: sql`case when ${schedule.cron} = excluded.cron and ${schedule.timeZone} = excluded.time_zone then ${schedule.nextFireAt} else excluded.next_fire_at end`,
          },
        });
    }),
  ];
}

/** Newest first, each with its workflow's name and the fire before the next one. */
export async function listSchedules(db: Db, teamId: string, query: PageOptions & { workflowId?: string }) {
  const rows = await db
    .select({
      id: schedule.id,
      workflowId: schedule.workflowId,
      workflowName: sql<string>`coalesce(${workflow.name}, '')`,
      nodeId: schedule.nodeId,
      cron: schedule.cron,
      timeZone: schedule.timeZone,
      misfire: schedule.misfire,
      maxCatchUp: schedule.maxCatchUp,
      overlap: schedule.overlap,
      nextFireAt: schedule.nextFireAt,
      lastFireAt: sql<
        string | null
      >`(select max(fire_at) from schedule_fire f where f.schedule_id = ${schedule}.id)`,
    })
    .from(schedule)
    .leftJoin(workflow, eq(workflow.id, schedule.workflowId))
    .where(
      and(
        eq(schedule.teamId, teamId),
        query.workflowId ? eq(schedule.workflowId, query.workflowId) : undefined,
        query.cursor ? lt(schedule.id, query.cursor) : undefined,
      ),
    )
    .orderBy(desc(schedule.id))
    .limit(query.limit + 1);
  return pageFrom(rows, query.limit);
}

export async function findSchedule(db: Db, teamId: string, id: string): Promise<ScheduleRow | null> {
  const [row] = await db
    .select()
    .from(schedule)
    .where(and(eq(schedule.teamId, teamId), eq(schedule.id, id)));
  return row ?? null;
}

/** Newest first; the cursor is the instant of the last one. */
export async function listFires(db: Db, scheduleId: string, { limit, cursor }: PageOptions) {
  const rows = await db
    .select()
    .from(scheduleFire)
    .where(and(eq(scheduleFire.scheduleId, scheduleId), cursor ? lt(scheduleFire.fireAt, cursor) : undefined))
    .orderBy(desc(scheduleFire.fireAt))
    .limit(limit + 1);
  return { data: rows.slice(0, limit), nextCursor: rows.length > limit ? rows[limit - 1]!.fireAt : null };
}

/** Schedules whose next fire is due, the longest due first. */
export const dueSchedules = (db: Db, nowIso: string, limit: number): Promise<ScheduleRow[]> =>
  db
    .select()
    .from(schedule)
    .where(sql`${schedule.nextFireAt} <= ${nowIso}`)
    .orderBy(asc(schedule.nextFireAt))
    .limit(limit);
