import { describe, expect, it } from 'vitest';
import { letterWords } from './dead-letter.ts';

const letter = (more: Partial<Parameters<typeof letterWords>[0]>) => ({
  kind: 'webhook_delivery' as const,
  subject: 'wf_1 id:msg_1',
  reason: 'not_published',
  message: 'The workflow has no published version with a webhook trigger.',
  ...more,
});

describe('a dead letter in plain words', () => {
  it('says that a workflow was not published, and to publish it first', () => {
    expect(letterWords(letter({}))).toMatchObject({
      title: 'An event of a webhook began no run',
      why: 'The workflow had no published version that a webhook starts.',
      todo: 'Publish the workflow with this trigger, then try again.',
      executionId: null,
    });
  });

  it('tells any other reason in the words of whoever refused', () => {
    const words = letterWords(
      letter({ reason: 'budget_exceeded', message: 'The budget of Acme is used up.' }),
    );
    expect(words.why).toBe('The budget of Acme is used up.');
    expect(words.todo).toContain('is kept');
  });

  it('names the instant a start was due, and nothing where the subject holds none', () => {
    const fire = letter({ kind: 'schedule_fire', subject: 'sch_1 2026-11-27T08:00:00.000Z' });
    expect(letterWords(fire).dueAt).toBe('2026-11-27T08:00:00.000Z');
    expect(letterWords({ ...fire, subject: 'sch_1' }).dueAt).toBeNull();
  });

  it('leads from the work of a run to the run', () => {
    const work = letter({ kind: 'queue_message', subject: 'executions exec_7', reason: 'gave_up' });
    expect(letterWords(work)).toMatchObject({ title: 'A run did not move on', executionId: 'exec_7' });
    expect(letterWords({ ...work, subject: 'notices dlv_7' })).toMatchObject({
      title: 'A message was not sent',
      executionId: null,
    });
    expect(letterWords({ ...work, subject: '{"odd":1}' }).title).toBe('Work behind the scenes was given up');
  });
});
