import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { edge, json, node, start, until } from '../../tests/workers/running.ts';
import { tellOfRuns } from '../cron/tell-of-runs.ts';
import { services } from '../services.ts';
import { auditLog, delivery, endedRun, execution, notice } from '../store/schema.ts';
import { tellOfEndedRun } from '../store/workflow-alerts.ts';

const record = services(env);
const { db } = record;
const CENT = 10_000_000;
const off = { onFailure: false, slowMs: null, costPercent: null };

const put = (fetch: Fetch, id: string, body: object) =>
  fetch(`/api/workflows/${id}/alerts`, {
    method: 'PUT',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
async function made(fetch: Fetch, settings: object) {
  const definition = {
    name: 'Watched',
    nodes: [start, node('bad', 'transform', { expression: '$error("no such lead")' })],
    edges: [edge('start', 'bad')],
  };
  const { id } = await json(await fetch('/api/workflows', { json: definition }));
  expect((await put(fetch, id, { ...off, ...settings })).status).toBe(200);
  return id as string;
}
const toldTo = (teamId: string) => db.select().from(notice).where(eq(notice.teamId, teamId));

/** A run as it stands in the index. */
async function runRow(teamId: string, workflowId: string, more: Partial<typeof execution.$inferInsert>) {
  const id = record.newId('execution');
  await db.insert(execution).values({
    id,
    teamId,
    workflowId,
    definitionHash: '',
    status: 'completed',
    trigger: 'api',
    createdAt: '2026-11-27T10:00:00.000Z',
    startedAt: '2026-11-27T10:00:00.000Z',
    endedAt: '2026-11-27T10:00:01.000Z',
    ...more,
  });
  return id;
}

describe('alerts of a workflow', () => {
  it('tell of a run that failed, once, through the channels of the team', async () => {
    const { fetch, teamId } = await makeTeam('admin');
    await fetch('/api/notification-channels', {
      json: { type: 'webhook', name: 'ours', url: 'http://127.0.0.1:9/told', events: ['workflow.failed'] },
    });
    const id = await made(fetch, { onFailure: true });
    const { executionId } = await json(await fetch(`/api/workflows/${id}/trigger`, { method: 'POST' }));
    await until(fetch, executionId, 'failed');
    const [told] = await vi.waitFor(
      async () => {
        const rows = await toldTo(teamId);
        expect(rows).toHaveLength(1);
        return rows;
      },
      { timeout: 10_000 },
    );
    expect(told).toMatchObject({
      kind: 'workflow.failed',
      title: 'A run of "Watched" failed',
      text: expect.stringContaining('no such lead'),
      link: `/dashboard/executions/${executionId}`,
      data: { workflowId: id, executionId, nodeId: 'bad' },
    });
    const sent = await db.select().from(delivery).where(eq(delivery.noticeId, told!.id));
    expect(sent.length).toBeGreaterThanOrEqual(1);
    await vi.waitFor(async () =>
      expect(await db.select().from(endedRun).where(eq(endedRun.executionId, executionId))).toEqual([]),
    );
    // a repeated message, and the end written down once more by an object that did not hear of it
    await db.insert(endedRun).values({ executionId, endedAt: told!.at });
    await tellOfEndedRun(record, executionId);
    expect(await toldTo(teamId)).toHaveLength(1);
    expect(await db.select().from(delivery).where(eq(delivery.noticeId, told!.id))).toHaveLength(sent.length);
  });

  it('say nothing where nobody asked', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch, {});
    const { executionId } = await json(await fetch(`/api/workflows/${id}/trigger`, { method: 'POST' }));
    await until(fetch, executionId, 'failed');
    await tellOfRuns(record);
    await tellOfEndedRun(record, executionId);
    expect(await toldTo(teamId)).toEqual([]);
  });

  it('are told by the minute when the message of an end was lost', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch, { costPercent: 200 });
    for (let n = 0; n < 10; n++) await runRow(teamId, id, { costNanoUsd: CENT });
    const dear = await runRow(teamId, id, { costNanoUsd: 4 * CENT });
    await db.insert(endedRun).values({ executionId: dear, endedAt: '2026-11-27T10:00:01.000Z' });
    await tellOfRuns({ ...record, now: () => Date.parse('2026-11-27T10:01:00Z') });
    await vi.waitFor(async () => expect(await toldTo(teamId)).toHaveLength(1), { timeout: 10_000 });
    expect((await toldTo(teamId))[0]).toMatchObject({
      kind: 'workflow.costly',
      text: 'It cost $0.04, where $0.01 is usual.',
      data: { costNanoUsd: 4 * CENT, usualNanoUsd: CENT },
    });
  });

  it('tell of a slow run while it goes, and not again when it ends', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch, { slowMs: 60_000 });
    const open = { status: 'running', endedAt: null, wakeAt: '2026-11-27T11:00:00.000Z' };
    const slow = await runRow(teamId, id, open);
    await runRow(teamId, id, { ...open, startedAt: '2026-11-27T10:01:00.000Z' });
    const at = (time: string) => ({ ...record, now: () => Date.parse(`2026-11-27T${time}Z`) });
    await tellOfRuns(at('10:01:00'));
    expect(await toldTo(teamId)).toEqual([]);
    await tellOfRuns(at('10:01:01'));
    await tellOfRuns(at('10:01:30'));
    expect(await toldTo(teamId)).toMatchObject([
      { kind: 'workflow.slow', data: { executionId: slow, slowMs: 60_000 } },
    ]);
    const endedAt = '2026-11-27T10:05:00.000Z';
    await db.update(execution).set({ status: 'completed', endedAt }).where(eq(execution.id, slow));
    await db.insert(endedRun).values({ executionId: slow, endedAt });
    await tellOfEndedRun(at('10:05:00'), slow);
    expect(await toldTo(teamId)).toHaveLength(1);
  });

  it('are set by editors, in bounds, and audited', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const id = await made(fetch, { slowMs: 5_000 });
    expect(await json(await fetch(`/api/workflows/${id}/alerts`))).toEqual({ ...off, slowMs: 5_000 });
    for (const wrong of [{}, { ...off, slowMs: 0 }, { ...off, costPercent: 100 }, { ...off, more: 1 }])
      expect((await put(fetch, id, wrong)).status).toBe(422);
    expect((await put((await makeKey(teamId, 'runner')).fetch, id, off)).status).toBe(403);
    expect((await put(fetch, 'wf_nobody', off)).status).toBe(404);
    const log = await db.select().from(auditLog).where(eq(auditLog.target, id));
    expect(log).toMatchObject([{ action: 'workflow.alerts', before: off, after: { ...off, slowMs: 5_000 } }]);
  });
});
