import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { definitionSchema } from '../domain/workflow/definition.ts';
import { sweepLines } from '../cron/sweeper.ts';
import { services } from '../services.ts';
import { lateExecutions } from './executions.ts';
import { execution } from './schema.ts';
import { grantSlots, isLineFull, MAX_QUEUED, SLOT_MS } from './slots.ts';
import { startRun } from './start-run.ts';

const record = services(env);
const { db } = record;
const NOW = Date.parse('2026-11-27T12:00:00.000Z');
const definition = definitionSchema.parse({
  name: 'Limited',
  nodes: [],
  edges: [],
  settings: { maxConcurrent: 2 },
});

/** Runs that stand in line, none of them ever begun: nobody takes their messages. */
async function line(length: number, nowMs = NOW) {
  const { teamId } = await makeTeam('editor');
  const workflowId = record.newId('workflow');
  const silent = {
    ...record,
    env: { ...env, EXECUTIONS: { send: async () => {}, sendBatch: async () => {} } } as unknown as Env,
    now: () => nowMs,
  };
  const ids: string[] = [];
  for (let i = 0; i < length; i++) {
    const started = await startRun(silent, {
      teamId,
      workflowId,
      version: null,
      definition,
      trigger: 'api',
      input: null,
      keyId: null,
      memberId: null,
      groupIds: [],
    });
    ids.push(started.ok ? started.value.executionId : 'refused');
  }
  const grant = (atMs = nowMs) => grantSlots(silent.env, workflowId, atMs);
  const end = (id: string) =>
    db
      .update(execution)
      .set({ status: 'completed', endedAt: 'x', slotUntil: null })
      .where(eq(execution.id, id));
  const held = async (atMs = nowMs) =>
    (await db.select().from(execution).where(eq(execution.workflowId, workflowId)))
      .filter(({ slotUntil }) => slotUntil !== null && Date.parse(slotUntil) > atMs)
      .map(({ id }) => id);
  return { ids, workflowId, silent, grant, end, held };
}

describe('the line of a workflow that limits its runs', () => {
  it('lets as many go as there are slots, in the order in which they came', async () => {
    const { ids, grant, end, held } = await line(5);
    expect(await held()).toEqual(ids.slice(0, 2));
    expect(await grant()).toEqual([]);
    await end(ids[1]!);
    expect(await grant()).toEqual([ids[2]]);
    await end(ids[0]!);
    await end(ids[2]!);
    expect(await grant()).toEqual(ids.slice(3));
  });

  it('never gives one slot twice, however many ask at once', async () => {
    const { ids, grant, end, held } = await line(30);
    for (let ended = 0; ended < 30; ended += 2) {
      for (const id of await held()) await end(id);
      const granted = (await Promise.all(Array.from({ length: 8 }, () => grant()))).flat();
      expect(new Set(granted).size).toBe(granted.length);
      expect(await held()).toEqual(ids.slice(ended + 2, ended + 4));
    }
  });

  it('takes a slot back whose holder shows no life, and puts the holder back in front when it returns', async () => {
    const { ids, grant, held } = await line(4);
    const later = NOW + SLOT_MS + 1;
    // one of the two was only granted, the other had begun and is gone
    await db.update(execution).set({ status: 'running' }).where(eq(execution.id, ids[0]!));
    expect(await grant(later)).toEqual([ids[1], ids[2]]);
    await db.update(execution).set({ status: 'queued', slotUntil: null }).where(eq(execution.id, ids[0]!));
    await db
      .update(execution)
      .set({ slotUntil: null, endedAt: 'x', status: 'completed' })
      .where(eq(execution.id, ids[1]!));
    expect(await grant(later)).toEqual([ids[0]]);
    expect((await held(later)).sort()).toEqual([ids[0], ids[2]].sort());
  });

  it('is not poked by the sweeper, which gives free slots instead', async () => {
    const { ids, silent, workflowId, end, held } = await line(3, Date.now() - 300_000);
    const late = await lateExecutions(db, Date.now(), 1_000);
    expect(late.filter((id) => ids.includes(id))).toEqual([]);
    await end(ids[0]!);
    await sweepLines({ ...silent, now: () => Date.now() });
    expect(await held(Date.now())).toEqual([ids[1], ids[2]]);
    expect(await isLineFull(db, workflowId, Date.now())).toBe(false);
  });

  it('is bounded: who would be one too many is told so', async () => {
    const { ids, silent, workflowId } = await line(3);
    await env.DB.prepare(
      `INSERT INTO execution (id, team_id, workflow_id, definition_hash, status, "trigger", created_at, max_concurrent)
       SELECT 'exec_full_' || value, 't', ?, 'h', 'queued', 'api', 'x', 2 FROM generate_series(1, ?)`.replace(
        'generate_series(1, ?)',
        '(WITH RECURSIVE n(value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM n WHERE value < ?) SELECT value FROM n)',
      ),
    )
      .bind(workflowId, MAX_QUEUED)
      .run();
    const refused = await startRun(silent, {
      teamId: 't',
      workflowId,
      version: null,
      definition,
      trigger: 'api',
      input: null,
      keyId: null,
      memberId: null,
      groupIds: [],
    });
    expect(refused).toMatchObject({ ok: false, error: { reason: 'rate_limited' } });
    expect(ids).not.toContain('refused');
  });
});
