import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { edge, json, node, start, until } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { deadLetter, execution } from '../store/schema.ts';
import { hashDefinition } from '../store/workflows.ts';
import { insertExecution } from '../store/executions.ts';
import { definitionSchema } from '../domain/workflow/definition.ts';
import { consume, CONSUMERS } from './index.ts';

const record = services(env);

async function giveUp(queue: string, body: unknown) {
  let acked = false;
  const message = {
    id: 'm',
    body,
    attempts: 11,
    timestamp: new Date(),
    ack: () => (acked = true),
    retry() {},
  };
  await consume({ queue, messages: [message] } as unknown as MessageBatch<unknown>, record);
  return acked;
}

describe('a message that its queue gave up', () => {
  it('is a dead letter of its team, and begins the run when it is replayed', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const definition = definitionSchema.parse({
      name: 'Given up',
      nodes: [start, node('out', 'output', { value: 'there' })],
      edges: [edge('start', 'out')],
    });
    const id = record.newId('execution');
    const at = new Date().toISOString();
    await insertExecution(
      { db: record.db, files: env.FILES },
      {
        id,
        teamId,
        workflowId: 'wf_dead',
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
    expect(await giveUp('executions-dead', { executionId: id })).toBe(true);
    expect(await giveUp('executions-dead', { executionId: id })).toBe(true);
    const { data } = await json(await fetch('/api/dead-letters?kind=queue_message'));
    expect(data).toMatchObject([
      { subject: `executions ${id}`, workflowId: 'wf_dead', reason: 'gave_up', attempts: 2, status: 'open' },
    ]);
    const replayed = await fetch(`/api/dead-letters/${data[0].id}/replay`, { method: 'POST' });
    expect(await json(replayed)).toMatchObject({ status: 'replayed', executionId: id });
    await until(fetch, id, 'completed');
    expect((await record.db.select().from(execution).where(eq(execution.id, id)))[0]!.status).toBe(
      'completed',
    );
  });

  it('may be dismissed, and the next of its kind is a new letter', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const letters = async () => (await json(await fetch('/api/dead-letters'))).data;
    await giveUp('ledger-dead', { teamId });
    const [letter] = await letters();
    expect(letter.subject).toBe(`ledger ${teamId}`);
    const dismissed = await fetch(`/api/dead-letters/${letter.id}/dismiss`, { method: 'POST' });
    expect(await json(dismissed)).toMatchObject({ status: 'dismissed', executionId: null });
    expect((await fetch(`/api/dead-letters/${letter.id}/replay`, { method: 'POST' })).status).toBe(409);
    await giveUp('ledger-dead', { teamId });
    expect((await letters()).map(({ status }: { status: string }) => status)).toEqual(['open', 'dismissed']);
  });

  it('that is none of ours is kept where only operators count it', async () => {
    await giveUp('notices-dead', { surprise: true });
    const rows = await record.db
      .select()
      .from(deadLetter)
      .where(eq(deadLetter.subject, 'notices {"surprise":true}'));
    expect(rows).toMatchObject([{ teamId: null, kind: 'queue_message' }]);
  });
});

describe('a message that fails again and again', () => {
  afterEach(() => vi.restoreAllMocks());

  it('is tried as often as its queue says, then it is a dead letter; replayed, it goes through', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const letters = async () => (await json(await fetch('/api/dead-letters'))).data;
    const real = CONSUMERS.ledger!;
    const attempts: number[] = [];
    const cannot = {
      ...record,
      team: () => {
        throw new Error('the object does not answer');
      },
    };
    // the consumer and the queue are the real ones; only the waits between the attempts, six minutes together, are left out
    vi.spyOn(CONSUMERS, 'ledger').mockImplementation(async (batch, services) => {
      const mine = batch.messages.filter(({ body }) => (body as { teamId?: string }).teamId === teamId);
      attempts.push(...mine.map((message) => message.attempts));
      const hurried = batch.messages.map((message) => ({
        ...{ id: message.id, body: message.body, attempts: message.attempts, timestamp: message.timestamp },
        ack: () => message.ack(),
        retry: () => message.retry(),
      }));
      const isMine = (message: { body: unknown }) => mine.some(({ body }) => body === message.body);
      const part = (messages: unknown[]) =>
        ({ queue: batch.queue, messages }) as unknown as MessageBatch<unknown>;
      await real(part(hurried.filter(isMine)), cannot);
      await real(part(hurried.filter((message) => !isMine(message))), services);
    });
    await env.LEDGER.send({ teamId });
    await vi.waitFor(async () => expect(await letters()).toHaveLength(1), { timeout: 30_000, interval: 100 });
    expect(attempts).toEqual(Array.from({ length: 11 }, (_, index) => index + 1));
    const [letter] = await letters();
    expect(letter).toMatchObject({
      kind: 'queue_message',
      subject: `ledger ${teamId}`,
      reason: 'gave_up',
      attempts: 1,
      status: 'open',
    });

    vi.restoreAllMocks();
    const through = vi.spyOn(CONSUMERS, 'ledger');
    expect((await fetch(`/api/dead-letters/${letter.id}/replay`, { method: 'POST' })).status).toBe(200);
    await vi.waitFor(() => {
      const seen = through.mock.calls.flatMap(([batch]) => batch.messages.map(({ body }) => body));
      expect(seen).toContainEqual({ teamId });
    });
    await Promise.all(through.mock.results.map(({ value }) => value as Promise<void>));
    expect((await letters()).map(({ status }: { status: string }) => status)).toEqual(['replayed']);
  });
});
