import { describe, expect, inject, it } from 'vitest';
import { makeTeam } from './fixtures.ts';
import { edge, json, node, of, run, start, until, type Answer } from './running.ts';

const requests = async (path: string) =>
  (await (await fetch(`${inject('receiver')}/requests?path=${path}`)).json()) as Answer[];
const tells = (config: object, more: object = {}) => ({
  nodes: [
    start,
    node('tell', 'notify', { body: 'Hello {{ trigger.name }}', ...config }, more),
    node('out', 'output', {}),
  ],
  edges: [edge('start', 'tell'), edge('tell', 'out')],
});

describe('a notify node', () => {
  it('posts through a channel of the team, by its name, signed as its notices are', async () => {
    const { fetch } = await makeTeam('admin');
    const path = `/told-${crypto.randomUUID()}`;
    await fetch('/api/notification-channels', {
      json: { type: 'webhook', name: 'Ops', url: `${inject('receiver')}${path}` },
    });
    const { id } = await run(fetch, tells({ channel: 'webhook', to: 'Ops', subject: 'New lead' }), {
      name: 'Ada',
    });
    const done = await until(fetch, id, 'completed', 'failed', 'needs_review');
    expect(of(done, 'out').output).toEqual({ delivered: true, id: expect.stringMatching(/^msg_/) });
    const [posted] = await requests(path);
    expect(posted!.headers).toMatchObject({
      'webhook-id': of(done, 'out').output.id,
      'webhook-signature': expect.stringMatching(/^v1,/),
    });
    expect(JSON.parse(posted!.body)).toMatchObject({
      type: 'workflow.message',
      data: { title: 'New lead', text: 'Hello Ada' },
    });
  });

  it('says clearly that this server cannot send mail', async () => {
    const { fetch } = await makeTeam('admin');
    const { id } = await run(fetch, tells({ channel: 'email', to: 'ada@example.com' }), { name: 'Ada' });
    const done = await until(fetch, id, 'completed', 'failed', 'needs_review');
    // the tests' deployment has no mail server of its own
    expect([done.status, done.error?.message ?? '']).toEqual(['failed', expect.stringContaining('SMTP_URL')]);
  });

  it('is not repeated when nobody knows whether it arrived, and fails clearly when it was refused', async () => {
    const { fetch } = await makeTeam('admin');
    const path = `/told-${crypto.randomUUID()}`;
    const lost = await run(
      fetch,
      tells({ channel: 'webhook', to: `${inject('receiver')}${path}?fail=1&status=500` }),
      { name: 'A' },
    );
    const review = await until(fetch, lost.id, 'completed', 'failed', 'needs_review');
    expect([review.status, (await requests(path)).length]).toEqual(['needs_review', 1]);
    const refused = await run(fetch, tells({ channel: 'slack', to: 'No such channel' }), { name: 'A' });
    expect((await until(fetch, refused.id, 'completed', 'failed', 'needs_review')).error).toMatchObject({
      reason: 'refused',
      message: expect.stringContaining('has no Slack channel "No such channel"'),
    });
    expect(await json(await fetch(`/api/executions/${refused.id}`))).toMatchObject({ status: 'failed' });
  });
});
