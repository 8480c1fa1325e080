import { env } from 'cloudflare:workers';
import { and, eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { edge, json, node, type Answer } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { claimFires, makeFire, MOST_ATTEMPTS } from '../store/schedule-fires.ts';
import { execution, schedule, scheduleFire, workflow } from '../store/schema.ts';
import { fireSchedules } from './fire-schedules.ts';

const real = services(env);
const MINUTE = 60_000;
const DAY = 86_400_000;
/** queues are real: what is begun here also runs */
const at = (nowMs: number) => ({ ...real, now: () => nowMs });

const definition = (config: object) => ({
  name: 'On time',
  nodes: [
    node('start', 'trigger', { on: 'schedule', timeZone: 'UTC', ...config }),
    node('out', 'output', { value: '{{ trigger.scheduledAt }}' }),
  ],
  edges: [edge('start', 'out')],
});

/** A published workflow whose schedule is next to fire at `fromMs`. */
async function published(
  fetch: Fetch,
  config: object,
  fromMs: number,
): Promise<{ id: string; scheduleId: string }> {
  const { id } = await json(await fetch('/api/workflows', { json: definition(config) }));
  const answer = await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
  if (answer.status !== 201) throw new Error(await answer.text());
  const [row] = await real.db
    .update(schedule)
    .set({ nextFireAt: new Date(fromMs).toISOString() })
    .where(eq(schedule.workflowId, id))
    .returning();
  return { id, scheduleId: row!.id };
}
const firesOf = async (fetch: Fetch, scheduleId: string): Promise<Answer[]> =>
  (await json(await fetch(`/api/schedules/${scheduleId}/fires?limit=200`))).data.reverse();
const statuses = async (fetch: Fetch, scheduleId: string) =>
  (await firesOf(fetch, scheduleId)).map(({ fireAt, status }) => `${fireAt.slice(11, 16)} ${status}`);
const begun = async (workflowId: string) =>
  (await real.db.select().from(execution).where(eq(execution.workflowId, workflowId))).map(({ id }) => id);
const end = (workflowId: string) =>
  real.db
    .update(execution)
    .set({ status: 'completed', endedAt: new Date().toISOString(), wakeAt: null })
    .where(eq(execution.workflowId, workflowId));
/** so that the run of a fire neither starts nor ends by itself */
const hold = (workflowId: string) =>
  real.db
    .update(execution)
    .set({ status: 'paused', endedAt: null })
    .where(eq(execution.workflowId, workflowId));

describe('schedules', () => {
  it.each([
    ['Europe/Berlin', '2026-03-29T00:30:00Z', ['2026-03-29T01:30:00.000Z', '2026-03-30T00:30:00.000Z']],
    ['Europe/Berlin', '2026-10-25T00:00:00Z', ['2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z']],
    ['America/New_York', '2026-03-08T06:30:00Z', ['2026-03-08T07:30:00.000Z', '2026-03-09T06:30:00.000Z']],
    ['America/New_York', '2026-11-01T05:30:00Z', ['2026-11-01T07:30:00.000Z', '2026-11-02T07:30:00.000Z']],
  ])('at 02:30 in %s fire once on the night of %s, minute by minute', async (timeZone, from, expected) => {
    const { fetch } = await makeTeam('editor');
    const first = Date.parse(expected[0]!);
    const { id, scheduleId } = await published(
      fetch,
      { cron: '30 2 * * *', timeZone, overlap: 'parallel' },
      first,
    );
    for (let nowMs = Date.parse(from); nowMs <= Date.parse(from) + 2.5 * 3_600_000; nowMs += MINUTE)
      await fireSchedules(at(nowMs));
    for (
      let nowMs = Date.parse(expected[1]!) - 2 * MINUTE;
      nowMs <= Date.parse(expected[1]!) + MINUTE;
      nowMs += MINUTE
    )
      await fireSchedules(at(nowMs));
    expect((await firesOf(fetch, scheduleId)).map(({ fireAt }) => fireAt)).toEqual(expected);
    expect(await begun(id)).toHaveLength(2);
  });

  it('hand the run its time, and the run is of the published version', async () => {
    const { fetch } = await makeTeam('editor');
    const due = Date.parse('2026-11-27T12:00:00Z');
    const { id, scheduleId } = await published(fetch, { cron: '0 * * * *' }, due);
    await fireSchedules(at(due + 500));
    const [fire] = await firesOf(fetch, scheduleId);
    const run = await json(await fetch(`/api/executions/${fire!.executionId}`));
    expect(run).toMatchObject({
      workflowId: id,
      version: 1,
      trigger: 'schedule',
      input: { scheduledAt: '2026-11-27T12:00:00.000Z', scheduleId, cron: '0 * * * *', timeZone: 'UTC' },
    });
    const { data } = await json(await fetch(`/api/schedules?workflowId=${id}`));
    expect(data).toMatchObject([
      { nextFireAt: '2026-11-27T13:00:00.000Z', lastFireAt: '2026-11-27T12:00:00.000Z' },
    ]);
  });

  it('after the server was down follow the misfire policy', async () => {
    const { fetch } = await makeTeam('editor');
    const from = Date.parse('2026-11-27T11:00:00Z');
    const made = async (misfire: string) => {
      const config = { cron: '*/5 * * * *', misfire, maxCatchUp: 3, overlap: 'parallel' };
      return (await published(fetch, config, from)).scheduleId;
    };
    const [skip, once, catchUp] = [await made('skip'), await made('once'), await made('catch_up')];
    await fireSchedules(at(Date.parse('2026-11-27T12:03:00Z')));
    expect(await statuses(fetch, skip)).toEqual(['11:00 missed']);
    expect(await statuses(fetch, once)).toEqual(['11:00 missed', '12:00 started']);
    expect(await statuses(fetch, catchUp)).toEqual([
      '11:00 missed',
      '11:50 started',
      '11:55 started',
      '12:00 started',
    ]);
    expect((await firesOf(fetch, skip))[0]!.note).toContain('2026-11-27T12:05:00.000Z');
  });

  it('while the run before goes leave a fire out, put it behind, or begin it beside', async () => {
    const { fetch } = await makeTeam('editor');
    const from = Date.parse('2026-11-27T12:00:00Z');
    const made = (overlap: string) => published(fetch, { cron: '* * * * *', overlap }, from);
    const [skip, queue, parallel] = [await made('skip'), await made('queue'), await made('parallel')];
    await fireSchedules(at(from));
    for (const { id } of [skip, queue, parallel]) await hold(id);
    await fireSchedules(at(from + MINUTE));
    await fireSchedules(at(from + 2 * MINUTE));
    for (const { id } of [skip, queue, parallel]) await hold(id);
    expect(await statuses(fetch, skip.scheduleId)).toEqual([
      '12:00 started',
      '12:01 skipped',
      '12:02 skipped',
    ]);
    expect(await statuses(fetch, queue.scheduleId)).toEqual([
      '12:00 started',
      '12:01 waiting',
      '12:02 waiting',
    ]);
    expect(await statuses(fetch, parallel.scheduleId)).toEqual([
      '12:00 started',
      '12:01 started',
      '12:02 started',
    ]);
    await end(queue.id);
    await fireSchedules(at(from + 2 * MINUTE + 1));
    await hold(queue.id);
    // the first that waited begins, the one behind it goes on waiting
    const [first, second, third] = await statuses(fetch, queue.scheduleId);
    expect(first!.slice(0, 5) + second + third).toBe('12:0012:01 started12:02 waiting');
    expect(await begun(queue.id)).toHaveLength(2);
  });

  it('are made once by two minutes at once, and by one that died between claim and start', async () => {
    const { fetch } = await makeTeam('editor');
    const due = Date.parse('2026-11-27T12:00:00Z');
    const { id, scheduleId } = await published(fetch, { cron: '0 * * * *', overlap: 'parallel' }, due);
    await Promise.all(Array.from({ length: 5 }, () => fireSchedules(at(due + 100))));
    expect(await begun(id)).toHaveLength(1);

    const [row] = await real.db.select().from(schedule).where(eq(schedule.id, scheduleId));
    const next = at(Date.parse(row!.nextFireAt));
    expect(await claimFires(next, row!)).toBe(true);
    // the other minute had read the same row
    expect(await claimFires(next, row!)).toBe(false);
    expect(await statuses(fetch, scheduleId)).toEqual(['12:00 started', '13:00 due']);
    const fireAt = row!.nextFireAt;
    await makeFire(next, { scheduleId, fireAt });
    expect(await begun(id)).toHaveLength(2);
    // died after the run was written, before the fire was marked
    await real.db
      .update(scheduleFire)
      .set({ status: 'due' })
      .where(and(eq(scheduleFire.scheduleId, scheduleId), eq(scheduleFire.fireAt, fireAt)));
    await fireSchedules(next);
    expect(await begun(id)).toHaveLength(2);
    expect((await firesOf(fetch, scheduleId)).at(-1)).toMatchObject({ status: 'started' });
  });

  it('that cannot begin is tried a few minutes and then put before a person', async () => {
    const { fetch } = await makeTeam('editor');
    const due = Date.parse('2026-11-27T12:00:00Z');
    const { id, scheduleId } = await published(fetch, { cron: '0 0 1 1 *' }, due);
    await real.db.update(workflow).set({ publishedVersion: 99 }).where(eq(workflow.id, id));
    for (let n = 0; n < MOST_ATTEMPTS; n++) await fireSchedules(at(due + n * MINUTE));
    expect(await firesOf(fetch, scheduleId)).toMatchObject([
      {
        status: 'failed',
        executionId: null,
        attempts: MOST_ATTEMPTS,
        note: 'The workflow has no published version.',
      },
    ]);
    expect(await begun(id)).toHaveLength(0);
  });

  it('follow publishing: the same times go on, others begin anew, and they end with unpublishing and deleting', async () => {
    const { fetch } = await makeTeam('editor');
    const far = Date.now() + 30 * DAY;
    const { id, scheduleId } = await published(fetch, { cron: '0 8 * * *' }, far);
    const listed = async () => (await json(await fetch(`/api/schedules?workflowId=${id}`))).data as Answer[];
    const publish = async (config: object) => {
      const body = JSON.stringify(definition(config));
      const headers = { 'content-type': 'application/json' };
      expect((await fetch(`/api/workflows/${id}`, { method: 'PUT', body, headers })).status).toBe(200);
      expect((await fetch(`/api/workflows/${id}/publish`, { method: 'POST' })).status).toBe(201);
    };
    await publish({ cron: '0 8 * * *', overlap: 'queue' });
    expect(await listed()).toMatchObject([
      { id: scheduleId, overlap: 'queue', nextFireAt: new Date(far).toISOString() },
    ]);
    await publish({ cron: '0 9 * * *' });
    const [moved] = await listed();
    expect(moved!.id).toBe(scheduleId);
    expect(Date.parse(moved!.nextFireAt) - Date.now()).toBeLessThanOrEqual(DAY);
    expect((await fetch(`/api/workflows/${id}/unpublish`, { method: 'POST' })).status).toBe(200);
    expect(await listed()).toEqual([]);
    expect((await fetch(`/api/workflows/${id}/unpublish`, { method: 'POST' })).status).toBe(409);
    expect((await fetch(`/api/schedules/${scheduleId}/fires`)).status).toBe(404);
    await publish({ cron: '0 9 * * *' });
    expect(await listed()).toHaveLength(1);
    await fetch(`/api/workflows/${id}`, { method: 'DELETE' });
    expect(await listed()).toEqual([]);
  });

  it('that never fire, or in a zone that does not exist, are refused when the draft is saved', async () => {
    const { fetch } = await makeTeam('editor');
    const refused = await fetch('/api/workflows', {
      json: definition({ cron: '0 0 31 2 *', timeZone: 'Mars/Base' }),
    });
    expect(refused.status).toBe(422);
    expect((await json(refused)).error.issues).toEqual([
      { path: 'nodes.0.config.cron', message: 'never fires: no month it names has such a day' },
      {
        path: 'nodes.0.config.timeZone',
        message: 'there is no time zone "Mars/Base"; give one like "Europe/Berlin"',
      },
    ]);
  });

  it('whose times are a template can be saved but not published', async () => {
    const { fetch } = await makeTeam('editor');
    const { id } = await json(
      await fetch('/api/workflows', { json: definition({ cron: '{{ trigger.at }}' }) }),
    );
    const refused = await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
    expect(refused.status).toBe(422);
    expect((await json(refused)).error.issues[0]).toMatchObject({ path: 'nodes.0.config.cron' });
  });

  it('can be tried before: the next five fires on the clocks of the zone', async () => {
    const { fetch } = await makeTeam('viewer');
    const ask = (query: Record<string, string>) =>
      fetch(`/api/schedules/preview?${new URLSearchParams(query)}`);
    const { data } = await json(await ask({ cron: '30 2 * * *', timeZone: 'Europe/Berlin' }));
    expect(data).toHaveLength(5);
    for (const { local } of data) expect(local).toMatch(/^\d{4}-\d\d-\d\d 0[23]:30$/);
    const refused = await ask({ cron: '0 0 30 2 *', timeZone: 'Nowhere' });
    expect(refused.status).toBe(422);
    expect((await json(refused)).error.issues.map(({ path }: Answer) => path)).toEqual(['cron', 'timeZone']);
    expect((await ask({ cron: '* * * * *', count: '21' })).status).toBe(422);
  });
});
