/**
 * Fires of schedules: claimed by setting the schedule's next fire on (compare and set) in the transaction that writes them down, then begun under
 * an execution id that was given with the claim. So a minute that dies, or two at once, neither lose nor repeat one.
 */
import { dueFires } from '../domain/schedule/schedule.ts';
import type { CoreServices } from '../services.ts';
import { buryLetter } from './dead-letters.ts';
import { dueSchedules, type FireRow, type ScheduleRow } from './schedules.ts';
import { publishedOf, startPublished } from './start-published.ts';

type Deps = Pick<CoreServices, 'db' | 'env' | 'newId' | 'now'>;

const SCHEDULES_AT_ONCE = 200;
const FIRES_AT_ONCE = 500;
/** So many fires of one schedule wait for the runs before them; a further one is left out. */
export const MOST_WAITING = 100;
/** A fire that cannot be begun is tried again every minute, so often. */
export const MOST_ATTEMPTS = 5;
const KEPT_MS = 90 * 86_400_000;

const iso = (ms: number) => new Date(ms).toISOString();

const INSERT_FIRES = `
INSERT INTO schedule_fire (schedule_id, fire_at, team_id, workflow_id, status, execution_id, note, attempts, created_at)
SELECT s.id, f.value ->> 'fireAt', s.team_id, s.workflow_id, f.value ->> 'status', f.value ->> 'executionId', f.value ->> 'note', 0, ?1
FROM json_each(?2) f JOIN schedule s ON s.id = ?3 AND s.next_fire_at = ?4
WHERE true ON CONFLICT DO NOTHING`;

/** Writes down which fires of a schedule are to be made and sets it on. False = another minute did. */
export async function claimFires({ env, newId, now }: Deps, due: ScheduleRow): Promise<boolean> {
  const { run, missed, nextMs } = dueFires(due, Date.parse(due.nextFireAt), now());
  const fires = run.map((ms) => ({
    fireAt: iso(ms),
    status: 'due',
    executionId: newId('execution'),
    note: null as string | null,
  }));
  if (missed)
    fires.unshift({
      fireAt: iso(missed.fromMs),
      status: 'missed',
      executionId: newId('execution'),
      note: `Nobody was there from this fire until before ${iso(missed.untilMs)}; the schedule does not make them up.`,
    });
  const [, moved] = await env.DB.batch([
    env.DB.prepare(INSERT_FIRES).bind(iso(now()), JSON.stringify(fires), due.id, due.nextFireAt),
    env.DB.prepare('UPDATE schedule SET next_fire_at = ? WHERE id = ? AND next_fire_at = ?').bind(
      iso(nextMs),
      due.id,
      due.nextFireAt,
    ),
    env.DB.prepare(
      `DELETE FROM schedule_fire WHERE schedule_id = ? AND fire_at < ? AND status NOT IN ('due', 'waiting', 'started')`,
    ).bind(due.id, iso(now() - KEPT_MS)),
  ]);
  return moved!.meta.changes > 0;
}

/** Everything that is due is claimed; answers how many schedules were. */
export async function claimDueSchedules(deps: Deps, mayGoOn: () => boolean): Promise<number> {
  let claimed = 0;
  for (;;) {
    const due = await dueSchedules(deps.db, iso(deps.now()), SCHEDULES_AT_ONCE);
    for (const row of due) {
      if (!mayGoOn()) return claimed;
      if (await claimFires(deps, row)) claimed++;
    }
    if (due.length < SCHEDULES_AT_ONCE) return claimed;
  }
}

/** Said in the index's own words, beside a condition that means less, so that SQLite uses it: it does not infer the one from the other. */
const open = (alias: string) => `${alias}.status IN ('due', 'waiting', 'started')`;

/** Is a run of this schedule still going? */
const GOES = `EXISTS (SELECT 1 FROM schedule_fire g JOIN execution e ON e.id = g.execution_id
  WHERE g.schedule_id = f.schedule_id AND ${open('g')} AND g.status = 'started' AND e.ended_at IS NULL)`;

type OpenFire = FireRow &
  Pick<ScheduleRow, 'overlap' | 'cron' | 'timeZone'> & { goes: number; waiting: number };

/** Fires that are due, and of those that wait the first of each schedule whose run has ended; oldest first. */
async function fireable({ env }: Deps): Promise<OpenFire[]> {
  await env.DB.prepare(
    `UPDATE schedule_fire SET status = 'ended' WHERE ${open('schedule_fire')} AND status = 'started'
     AND EXISTS (SELECT 1 FROM execution e WHERE e.id = schedule_fire.execution_id AND e.ended_at IS NOT NULL)`,
  ).run();
  const { results } = await env.DB.prepare(
    `SELECT schedule_id AS scheduleId, fire_at AS fireAt FROM schedule_fire f WHERE ${open('f')} AND status = 'due'
     UNION ALL
     SELECT schedule_id, min(fire_at) FROM schedule_fire f WHERE ${open('f')} AND status = 'waiting' AND NOT ${GOES} GROUP BY schedule_id
     ORDER BY 2 LIMIT ?`,
  )
    .bind(FIRES_AT_ONCE)
    .all<Pick<FireRow, 'scheduleId' | 'fireAt'>>();
  return results as OpenFire[];
}

const openFire = ({ env }: Deps, { scheduleId, fireAt }: Pick<FireRow, 'scheduleId' | 'fireAt'>) =>
  env.DB.prepare(
    `SELECT f.schedule_id AS scheduleId, f.fire_at AS fireAt, f.team_id AS teamId, f.workflow_id AS workflowId, f.status, f.note, f.attempts,
       f.execution_id AS executionId, s.overlap, s.cron, s.time_zone AS timeZone, ${GOES} AS goes,
       (SELECT count(*) FROM schedule_fire w WHERE w.schedule_id = f.schedule_id AND ${open('w')} AND w.status = 'waiting') AS waiting
     FROM schedule_fire f JOIN schedule s ON s.id = f.schedule_id WHERE f.schedule_id = ? AND f.fire_at = ? AND f.status IN ('due', 'waiting')`,
  )
    .bind(scheduleId, fireAt)
    .first<OpenFire>();

/** What became of a fire, as it is written down. */
async function mark(
  { env }: Deps,
  fire: FireRow,
  to: Pick<FireRow, 'status'> & Partial<Pick<FireRow, 'note' | 'attempts'>>,
): Promise<FireOutcome> {
  const outcome = { status: to.status, note: to.note ?? null, executionId: fire.executionId };
  await env.DB.prepare(
    `UPDATE schedule_fire SET status = ?, note = ?, attempts = ? WHERE schedule_id = ? AND fire_at = ? AND status IN ('due', 'waiting')`,
  )
    .bind(outcome.status, outcome.note, to.attempts ?? fire.attempts, fire.scheduleId, fire.fireAt)
    .run();
  return outcome;
}

export type FireOutcome = Pick<FireRow, 'status' | 'note' | 'executionId'>;

/** Begins one fire, or says what became of it instead; null = it was not to be made. Safe to call twice and by two at once: the execution id is the fire's own. */
export async function makeFire(
  deps: Deps,
  at: Pick<FireRow, 'scheduleId' | 'fireAt'>,
): Promise<FireOutcome | null> {
  const fire = await openFire(deps, at);
  if (!fire) return null;
  if (fire.overlap !== 'parallel' && fire.goes) {
    if (fire.overlap === 'skip')
      return mark(deps, fire, { status: 'skipped', note: 'The run before was still going.' });
    if (fire.status === 'waiting') return fire;
    return fire.waiting < MOST_WAITING
      ? mark(deps, fire, { status: 'waiting' })
      : mark(deps, fire, { status: 'skipped', note: `${MOST_WAITING} fires wait already.` });
  }
  const begun = await begin(deps, fire).catch((error: unknown) => ({
    reason: 'failed',
    message: String(error),
  }));
  if (begun === null) return mark(deps, fire, { status: 'started' });
  const attempts = fire.attempts + 1;
  if (attempts < MOST_ATTEMPTS)
    return mark(deps, fire, { status: fire.status, note: begun.message, attempts });
  await buryLetter(deps, {
    teamId: fire.teamId,
    kind: 'schedule_fire',
    subject: `${fire.scheduleId} ${fire.fireAt}`,
    workflowId: fire.workflowId,
    ...begun,
    payload: { scheduleId: fire.scheduleId, fireAt: fire.fireAt },
  });
  return mark(deps, fire, { status: 'failed', note: begun.message, attempts });
}

/** Null = it is begun; otherwise why it could not be. */
async function begin(deps: Deps, fire: OpenFire): Promise<{ reason: string; message: string } | null> {
  const published = await publishedOf(deps.db, fire.workflowId);
  if (!published) return { reason: 'not_published', message: 'The workflow has no published version.' };
  const { scheduleId, fireAt, cron, timeZone, executionId } = fire;
  const started = await startPublished(deps, published, {
    executionId,
    trigger: 'schedule',
    input: { scheduledAt: fireAt, scheduleId, cron, timeZone },
  });
  return started.ok
    ? null
    : {
        reason: started.error.reason,
        message:
          'message' in started.error ? (started.error.message ?? started.error.reason) : started.error.reason,
      };
}

/** Begins what is to be begun; those of one schedule in the order of their times. */
export async function makeFires(deps: Deps, mayGoOn: () => boolean): Promise<void> {
  for (const fire of await fireable(deps)) {
    if (!mayGoOn()) return;
    await makeFire(deps, fire);
  }
}

/** Makes a fire that failed, was left out or missed due again; false = it is not one of those. */
export async function fireAgain(
  { env }: Deps,
  { scheduleId, fireAt }: Pick<FireRow, 'scheduleId' | 'fireAt'>,
) {
  const { meta } = await env.DB.prepare(
    `UPDATE schedule_fire SET status = 'due', note = NULL, attempts = 0
     WHERE schedule_id = ? AND fire_at = ? AND status IN ('failed', 'skipped', 'missed')`,
  )
    .bind(scheduleId, fireAt)
    .run();
  return meta.changes > 0;
}
