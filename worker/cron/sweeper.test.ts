import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { findExecution, insertExecution, lateExecutions, unendedExecutions } from '../store/executions.ts';
import { execution } from '../store/schema.ts';
import { hashDefinition } from '../store/workflows.ts';
import { definitionSchema } from '../domain/workflow/definition.ts';
import { everyMinute } from './index.ts';

const record = services(env);
const definition = definitionSchema.parse({
  name: 'Swept',
  nodes: [
    { id: 'start', kind: 'trigger', config: { on: 'api' } },
    { id: 'out', kind: 'output', config: { value: 'there' } },
  ],
  edges: [{ id: 'e', source: 'start', target: 'out' }],
});

async function rowOf(teamId: string, ageMs: number) {
  const at = new Date(Date.now() - ageMs).toISOString();
  const id = record.newId('execution');
  await insertExecution(
    { db: record.db, files: env.FILES },
    {
      id,
      teamId,
      workflowId: 'wf_swept',
      version: null,
      definitionHash: await hashDefinition(definition),
      status: 'queued',
      trigger: 'api',
      input: null,
      createdAt: at,
      wakeAt: at,
    },
    definition,
  );
  return id;
}

describe('the sweeper', () => {
  it('begins an execution whose message was lost', async () => {
    const { teamId } = await makeTeam();
    const id = await rowOf(teamId, 60_000);
    await everyMinute(record);
    let status: string | undefined;
    for (let i = 0; i < 200 && status !== 'completed'; i++) {
      await scheduler.wait(20);
      status = (await findExecution(record.db, teamId, id))?.status;
    }
    expect(status).toBe('completed');
  });

  it('leaves alone what is young, looked after or ended', async () => {
    const { teamId } = await makeTeam();
    const young = await rowOf(teamId, 5_000);
    const running = await rowOf(teamId, 60_000);
    const ended = await rowOf(teamId, 600_000);
    const late = await rowOf(teamId, 600_000);
    const { db } = record;
    await db.update(execution).set({ status: 'running' }).where(eq(execution.id, running));
    await db.update(execution).set({ endedAt: new Date().toISOString() }).where(eq(execution.id, ended));
    await db.update(execution).set({ status: 'running' }).where(eq(execution.id, late));
    const found = await lateExecutions(db, Date.now(), 100);
    expect(found).toContain(late);
    for (const id of [young, running, ended]) expect(found).not.toContain(id);
  });

  it('after a start takes up whatever was under way at once, but nobody who stands in line', async () => {
    const { teamId } = await makeTeam();
    const { db } = record;
    const queued = await rowOf(teamId, 10);
    const running = await rowOf(teamId, 10);
    const waiting = await rowOf(teamId, 10);
    const inLine = await rowOf(teamId, 10);
    const ended = await rowOf(teamId, 10);
    const is = (id: string, columns: Partial<typeof execution.$inferInsert>) =>
      db.update(execution).set(columns).where(eq(execution.id, id));
    await is(running, { status: 'running' });
    await is(waiting, { status: 'paused' });
    await is(inLine, { maxConcurrent: 1 });
    await is(ended, { status: 'completed', endedAt: new Date().toISOString() });
    const found = await unendedExecutions(db, Date.now(), 1_000);
    for (const id of [queued, running]) expect(found).toContain(id);
    for (const id of [waiting, inLine, ended]) expect(found).not.toContain(id);
    await everyMinute(record, { afterStart: true });
    let status: string | undefined;
    for (let i = 0; i < 200 && status !== 'completed'; i++) {
      await scheduler.wait(20);
      status = (await findExecution(db, teamId, queued))?.status;
    }
    expect(status).toBe('completed');
  });
});
