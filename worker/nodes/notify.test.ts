import { describe, expect, it } from 'vitest';
import { nodeContext, nodeContract } from '../../tests/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { notify, type NotifyDeps } from './notify.ts';

nodeContract(notify, { channel: 'slack', to: 'Sales', subject: 'Hi', body: 'There', safeToRepeat: true });

const sent: Parameters<NotifyDeps['notify']>[0][] = [];
const deps: NotifyDeps = {
  async notify(message) {
    sent.push(message);
    return message.to.includes('nobody@example.com')
      ? err({ reason: 'unknown', message: 'no answer' })
      : ok({ id: message.id });
  },
};
const run = async (config: Partial<Parameters<typeof notify.run>[0]>) => {
  const outcome = await notify.run(
    { channel: 'email', to: 'a@example.com', body: 'Hello', ...config },
    nodeContext({ deps, scope: { workflow: { name: 'Leads' } } }),
  );
  return outcome.ok ? outcome.value.output : outcome.error;
};

describe('notify', () => {
  it('mails to everybody named, under an id that is the same in every attempt', async () => {
    expect(await run({ to: 'a@example.com, b@example.com', subject: 'New lead' })).toEqual({
      delivered: true,
      id: 'msg_abc',
    });
    expect(sent.pop()).toEqual({
      teamId: 'team_1',
      id: 'msg_abc',
      channel: 'email',
      to: ['a@example.com', 'b@example.com'],
      subject: 'New lead',
      body: 'Hello',
    });
  });

  it('speaks for its workflow when it has no subject', async () => {
    await run({ channel: 'slack', to: 'Sales' });
    expect(sent.pop()).toMatchObject({ subject: 'Message from Leads', to: ['Sales'] });
  });

  it.each([
    [{ to: 'nobody' }, '"nobody" is not an e-mail address'],
    [{ to: ',' }, 'names nobody'],
    [{ channel: 'webhook' as const, to: ['https://a', 'https://b'] }, 'one channel'],
  ])('refuses %j', async (config, message) => {
    expect(await run(config)).toMatchObject({
      reason: 'refused',
      field: 'to',
      message: expect.stringContaining(message),
    });
    expect(notify.configSchema.safeParse({ channel: 'email', body: 'x', ...config }).success).toBe(false);
  });

  it('may hold templates where people are named', () =>
    expect(
      notify.configSchema.safeParse({ channel: 'email', to: '{{ item.email }}', body: 'x' }).success,
    ).toBe(true));

  it('is not sent again by itself, unless the workflow says that it may be', () => {
    const may = notify.idempotent as (config: object) => boolean;
    expect([may({}), may({ safeToRepeat: true })]).toEqual([false, true]);
  });

  it('says what went wrong', async () =>
    expect(await run({ to: 'nobody@example.com' })).toEqual({ reason: 'unknown', message: 'no answer' }));
});
