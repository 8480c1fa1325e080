import { Webhook } from 'standardwebhooks';
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readMail, selfSigned, startMailServer } from '../mail-server.ts';
import { startReceiver } from '../receiver.ts';
import { eventually, freePort, freshFolder, killLeftovers, startServer, type Started } from './server.ts';
import { ENDED, makeWorkflow, trigger } from './workflow.ts';

let folder: ReturnType<typeof freshFolder>;
beforeEach(() => void (folder = freshFolder()));
afterEach(async () => {
  await killLeftovers();
  folder.remove();
});
const certificate = selfSigned();
afterAll(certificate.remove);

interface Shown {
  id: string;
  status: string;
  tries: number;
  log: { ok: boolean | null; code: number | null; text: string }[];
}
const channel = async (server: Started, json: unknown) => {
  const made = await server.api('POST', '/api/notification-channels', json);
  expect(made.status, JSON.stringify(made.body)).toBe(201);
  return made.body as { id: string; secret: string };
};
const logOf = async (server: Started, id: string) =>
  (await server.api('GET', `/api/notification-channels/${id}/deliveries`)).body.data as Shown[];

/** A notify step over the same server: delivered in one mail, tried again when it was "not now", and clear about a mailbox that is not there. */
async function workflowsMail(server: Started, mail: Awaited<ReturnType<typeof startMailServer>>) {
  const told = async (to: string) => {
    const config = {
      channel: 'email',
      to,
      subject: 'Grüße an {{ trigger.name }}',
      body: 'Hello {{ trigger.name }},\nit is done.',
    };
    const steps = [
      { id: 'start', kind: 'trigger', config: { on: 'api' } },
      { id: 'tell', kind: 'notify', config, retry: { maxAttempts: 2, intervalMs: 100 } },
      { id: 'keep', kind: 'output', config: {} },
    ];
    const id = await trigger(server, await makeWorkflow(server, { name: `Tell ${to}`, steps }), {
      name: 'Ada',
    });
    const { body } = await eventually(
      () => server.api('GET', `/api/executions/${id}`),
      (answer) => ENDED.includes(answer.body.status),
    );
    const taken = mail.taken.filter((one) => to.includes(one.to[0]!));
    return { ...body, taken, node: body.nodes.find(({ nodeId }: { nodeId: string }) => nodeId === 'tell') };
  };
  const [both, busy, refused] = await Promise.all([
    told('ada@example.com, bob@example.com'),
    told('busy-lead@example.com'),
    told('refused-lead@example.com'),
  ]);
  expect([both.status, both.taken.length]).toEqual(['completed', 1]);
  const [{ to, raw, secure, user }] = both.taken;
  expect({ to, secure, user }).toEqual({
    to: ['ada@example.com', 'bob@example.com'],
    secure: true,
    user: 'alerts@pm.example.com',
  });
  const { headers, subject, bodies } = readMail(raw);
  expect(subject).toBe('Grüße an Ada');
  expect(headers['message-id']).toContain(both.node.output.id);
  for (const { body } of bodies) expect(body).toMatch(/Hello Ada,(\r\n|\n|<br>)it is done\./);
  expect([busy.status, busy.node.attempts, busy.taken.length]).toEqual(['completed', 2, 1]);
  expect([refused.status, refused.taken]).toEqual(['failed', []]);
  expect(refused.error).toMatchObject({ reason: 'refused', message: expect.stringContaining('550') });
}

describe('alerts on their way out of the started server', () => {
  it('B20: are mailed over STARTTLS, tried again, and survive kill -9 in the middle of a delivery with the same webhook-id', async () => {
    const receiver = await startReceiver();
    const mail = await startMailServer({ key: certificate.key, cert: certificate.cert, authOptional: false });
    const port = await freePort();
    const env = {
      SMTP_URL: `smtp://alerts%40pm.example.com:secret@localhost:${mail.port}`,
      PUBLIC_URL: `http://localhost:${port}`,
      NODE_EXTRA_CA_CERTS: `${certificate.folder}/cert.pem`,
    };
    const first = await startServer({ port, dataDir: folder.dataDir, env });
    const refused = await channel(first, { type: 'email', to: ['refused@example.com'], levels: ['urgent'] });
    const busy = await channel(first, { type: 'email', to: ['busy@example.com'], levels: ['urgent'] });

    const budget = { scope: { type: 'team' }, window: 'total', limitNanoUsd: 300_000_000, policy: 'warn' };
    expect((await first.api('POST', '/api/token-tracking/budget', budget)).status).toBe(201);
    const usage = { model: 'sandbox-small', inputTokens: 1_100_000, outputTokens: 0 };
    expect((await first.api('POST', '/api/token-tracking/log', usage)).status).toBe(201);

    // the default channel: 90 and 100% to the owner, over TLS, signed in
    const toOwner = await eventually(
      async () => mail.taken.filter(({ to }) => to.includes('demo@example.com')),
      (taken) => taken.length === 2,
    );
    expect(toOwner[0]).toMatchObject({ user: 'alerts@pm.example.com', secure: true });
    const subjects = toOwner.map(({ raw }) => readMail(raw).subject).sort();
    expect(subjects[0]).toBe('The budget of the team reached 100% of its limit');
    expect(readMail(toOwner[0]!.raw).bodies[0]!.body).toContain(`http://localhost:${port}/dashboard/budgets`);
    const [given] = await eventually(
      () => logOf(first, refused.id),
      ([log]) => log?.status === 'failed',
    );
    expect(given).toMatchObject({ tries: 1, log: [{ code: 550 }] });
    const [later] = await eventually(
      () => logOf(first, busy.id),
      ([log]) => log?.status === 'delivered',
    );
    expect(later!.log.map(({ code }) => code)).toEqual([451, 250]);

    await workflowsMail(first, mail);

    const hanging = await channel(first, {
      type: 'webhook',
      url: `${receiver.url}/hanging?fail=1&slow=600000`,
      levels: ['urgent'],
    });
    const failing = await channel(first, {
      type: 'webhook',
      url: `${receiver.url}/failing?fail=2`,
      levels: ['urgent'],
    });
    const other = { ...budget, scope: { type: 'tag', id: 'acme' } };
    expect((await first.api('POST', '/api/token-tracking/budget', other)).status).toBe(201);
    const more = await first.api('POST', '/api/token-tracking/log', { ...usage, tags: ['acme'] });
    expect(more.status).toBe(201);
    // the receiver has it, and the server will never hear that
    await eventually(
      async () => receiver.received.filter(({ path }) => path === '/hanging'),
      (got) => got.length === 1,
    );
    // its first try is over and written down
    await eventually(
      () => logOf(first, failing.id),
      ([log]) => log?.log[0]?.code === 503,
    );
    await first.kill9();
    const second = await startServer({ port, dataDir: folder.dataDir, env });
    const got = await eventually(
      async () => receiver.received.filter(({ path }) => path === '/hanging'),
      (all) => all.length === 2,
      200_000,
    );
    expect(got[0]!.headers['webhook-id']).toBe(got[1]!.headers['webhook-id']);
    for (const { headers, body } of got)
      expect(new Webhook(hanging.secret).verify(body, headers)).toMatchObject({
        type: 'budget.threshold_reached',
        data: { threshold: 100, spentNanoUsd: 330_000_000, scope: { type: 'tag', id: 'acme' } },
      });
    const [resumed] = await eventually(
      () => logOf(second, hanging.id),
      ([log]) => log?.status === 'delivered',
    );
    // the try that was cut off is in the log, without a result
    expect(resumed!.log.map(({ ok }) => ok)).toEqual([null, true]);
    const [retried] = await eventually(
      () => logOf(second, failing.id),
      ([log]) => log?.status === 'delivered',
      120_000,
    );
    expect(retried!.log.map(({ code }) => code)).toEqual([503, 503, 204]);
    const retries = receiver.received.filter(({ path }) => path === '/failing');
    expect(new Set(retries.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([retried!.id]));
    // nothing was told twice to those who had it: two thresholds of two budgets
    const letters = await eventually(
      async () => mail.taken.filter(({ to }) => to.includes('demo@example.com')),
      (taken) => taken.length >= 4,
      100_000,
    );
    expect(new Set(letters.map(({ raw }) => readMail(raw).headers['message-id'])).size).toBe(4);
    await second.stop();
    await receiver.close();
    await mail.close();
  }, 400_000);
});
