/** /api/schedules: what fires when. Schedules are made by publishing a workflow whose trigger is one; here they are looked at. */
import { createRoute, z } from '@hono/zod-openapi';
import { cronFault, timeZoneFault } from '../domain/schedule/cron.ts';
import { firesAfter } from '../domain/schedule/fires.ts';
import { MISFIRES, OVERLAPS } from '../domain/schedule/schedule.ts';
import type { Issue } from '../domain/refusal.ts';
import { findSchedule, listFires, listSchedules } from '../store/schedules.ts';
import { Refused } from './errors.ts';
import { answers, idParam, newRoutes, pageOf, pageQuery } from './routes.ts';

const scheduleSchema = z
  .object({
    id: z.string(),
    workflowId: z.string(),
    workflowName: z.string(),
    nodeId: z.string(),
    cron: z.string(),
    timeZone: z.string(),
    misfire: z.enum(MISFIRES),
    maxCatchUp: z.int(),
    overlap: z.enum(OVERLAPS),
    nextFireAt: z.iso.datetime(),
    lastFireAt: z.iso.datetime().nullable(),
  })
  .openapi('Schedule');

const fireSchema = z
  .object({
    fireAt: z.iso.datetime().openapi({ description: 'the instant it was due' }),
    status: z.enum(['due', 'waiting', 'started', 'ended', 'skipped', 'missed', 'failed']).openapi({
      description:
        'waiting: for the run before; skipped: its overlap policy left it out; missed: nobody was there and its misfire policy does not make it up; failed: see GET /api/dead-letters',
    }),
    executionId: z.string().nullable().openapi({ description: 'null = it began no run' }),
    note: z.string().nullable(),
    attempts: z.int(),
  })
  .openapi('ScheduleFire');

/** "2026-03-29 03:30": what a clock in the zone shows. */
const localText = (ms: number, timeZone: string) =>
  new Intl.DateTimeFormat('sv-SE', { timeZone, dateStyle: 'short', timeStyle: 'short' }).format(ms);

export const schedules = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/schedules',
      summary: 'The schedules of published workflows, newest first',
      request: { query: pageQuery.extend({ workflowId: z.string().max(64).optional() }) },
      responses: answers(200, 'One page.', pageOf(scheduleSchema)),
    }),
    async (c) =>
      c.json(await listSchedules(c.get('services').db, c.get('actor').teamId, c.req.valid('query')), 200),
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/schedules/preview',
      summary: 'When a cron expression would fire next',
      description: 'Nothing is stored. `local` is what a clock in the zone shows, also where clocks change.',
      request: {
        query: z.object({
          cron: z.string().max(200),
          timeZone: z.string().max(64).default('UTC'),
          count: z.coerce.number().int().min(1).max(20).default(5),
        }),
      },
      responses: answers(
        200,
        'The next fires.',
        z.object({ data: z.array(z.object({ at: z.iso.datetime(), local: z.string() })) }),
      ),
    }),
    (c) => {
      const { cron, timeZone, count } = c.req.valid('query');
      const issues: Issue[] = [];
      const wrong = cronFault(cron);
      if (wrong) issues.push({ path: 'cron', message: wrong });
      const nowhere = timeZoneFault(timeZone);
      if (nowhere) issues.push({ path: 'timeZone', message: nowhere });
      if (issues.length > 0) throw new Refused({ reason: 'invalid', issues });
      const fires = firesAfter({ cron: cron.trim(), timeZone }, c.get('services').now(), count);
      const data = fires.map((ms) => ({ at: new Date(ms).toISOString(), local: localText(ms, timeZone) }));
      return c.json({ data }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/schedules/{id}/fires',
      summary: 'What a schedule did, newest first',
      description: 'Kept for 90 days.',
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'One page.', pageOf(fireSchema)),
    }),
    async (c) => {
      const { id } = c.req.valid('param');
      const { db } = c.get('services');
      if (!(await findSchedule(db, c.get('actor').teamId, id)))
        throw new Refused({ reason: 'not_found', message: `There is no schedule "${id}".` });
      const { data, nextCursor } = await listFires(db, id, c.req.valid('query'));
      const shown = data.map(({ fireAt, status, executionId, note, attempts }) => ({
        fireAt,
        status: status as z.infer<typeof fireSchema>['status'],
        executionId: status === 'started' || status === 'ended' ? executionId : null,
        note,
        attempts,
      }));
      return c.json({ data: shown, nextCursor }, 200);
    },
  );
