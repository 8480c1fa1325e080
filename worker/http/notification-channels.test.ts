import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { describe, expect, inject, it } from 'vitest';
import type { Received } from '../../tests/receiver.ts';
import { makeKey, makeTeam } from '../../tests/workers/fixtures.ts';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { noticeOfAlert } from '../domain/budget/alert-notice.ts';
import { deliveryAttempts } from '../notify-deps.ts';
import { services, type Services } from '../services.ts';
import { findChannel } from '../store/channels.ts';
import { claimDelivery, dueDeliveries, finishTry, LEASE_MS } from '../store/deliveries.ts';
import { postNotice } from '../store/notices.ts';
import { announceAlerts } from '../queues/notices.ts';
import { everyMinute } from '../cron/index.ts';

const receiver = inject('receiver');
const record = services(env);
type Team = Awaited<ReturnType<typeof makeTeam>>;

const receivedAt = async (path: string) =>
  (await (await fetch(`${receiver}/requests?path=${path}`)).json()) as Received[];
const place = () => `/${crypto.randomUUID()}`;

async function create(team: Team, json: unknown) {
  const response = await team.fetch('/api/notification-channels', { json });
  const body = (await response.json()) as { id: string; secret: string } & Record<string, unknown>;
  return { status: response.status, body };
}
async function patch(team: Team, id: string, json: unknown) {
  const response = await team.fetch(`/api/notification-channels/${id}`, { method: 'PATCH', json });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}
interface Shown {
  id: string;
  status: string;
  tries: number;
  nextTryAt: string | null;
  notice: { kind: string; title: string; level: string };
  log: { number: number; ok: boolean | null; code: number | null; text: string; ms: number }[];
}
async function log(team: Team, id: string): Promise<Shown[]> {
  const response = await team.fetch(`/api/notification-channels/${id}/deliveries`);
  return ((await response.json()) as { data: Shown[] }).data;
}
const post = async (team: Team, path: string) => {
  const response = await team.fetch(path, { method: 'POST' });
  return { status: response.status, body: (await response.json()) as Shown };
};
/** Spends on a budget of $1 a day with a limit of its own tag; $0.30 per 100k tokens in. */
async function budgetOf(team: Team, tag: string, limitNanoUsd: number) {
  const response = await team.fetch('/api/token-tracking/budget', {
    json: { scope: { type: 'tag', id: tag }, window: 'day', timeZone: 'UTC', limitNanoUsd, policy: 'warn' },
  });
  return ((await response.json()) as { id: string }).id;
}
const spend = (team: Team, tag: string, inputTokens: number, occurredAt?: string) =>
  team.fetch('/api/token-tracking/log', {
    json: {
      model: 'sandbox-small',
      inputTokens,
      outputTokens: 0,
      tags: [tag],
      ...(occurredAt ? { occurredAt } : {}),
    },
  });
/** The same services at another time: what is due is tried by the test, not by the clock. */
const at = (nowMs: number): Services => {
  const later = { ...record, now: () => nowMs };
  return { ...later, attemptDelivery: deliveryAttempts(later) };
};

describe('channels', () => {
  it('a webhook shows its secret once, and never again', async () => {
    const team = await makeTeam();
    const url = `${receiver}${place()}`;
    const made = await create(team, { type: 'webhook', name: 'Ours', url });
    expect(made.status).toBe(201);
    expect(made.body.secret).toMatch(/^whsec_[A-Za-z0-9+/]{32}$/);
    expect(made.body).toMatchObject({
      url,
      levels: ['info', 'warning', 'urgent'],
      events: [],
      enabled: true,
    });
    const listed = await (await team.fetch('/api/notification-channels')).text();
    expect(listed).toContain('Ours');
    expect(listed).not.toContain('whsec_');
    const audited = await (await team.fetch(`/api/teams/${team.teamId}/audit-log`)).text();
    expect(audited).toContain('notification_channel.create');
    expect(audited).not.toContain('whsec_');
    const { results } = await env.DB.prepare('SELECT * FROM notification_channel WHERE id = ?')
      .bind(made.body.id)
      .all();
    expect(JSON.stringify(results)).not.toContain('whsec_');
  });

  it("Slack's and Discord's addresses are kept sealed and shown as host and hint", async () => {
    const team = await makeTeam();
    for (const type of ['slack', 'discord']) {
      const secret = 'T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXa1b2';
      const made = await create(team, { type, webhookUrl: `https://hooks.example.com/services/${secret}` });
      expect(made.body).toMatchObject({ url: null, urlHint: 'hooks.example.com …a1b2', secret: null });
      const { results } = await env.DB.prepare('SELECT * FROM notification_channel WHERE id = ?')
        .bind(made.body.id)
        .all();
      expect(JSON.stringify(results)).not.toContain(secret);
    }
  });

  it.each([
    [{ type: 'pager', url: 'https://a.example' }, 'type'],
    [{ type: 'webhook', url: 'ftp://a.example' }, 'url'],
    [{ type: 'webhook', url: 'https://me:pw@a.example' }, 'url'],
    [{ type: 'webhook', url: 'https://a.example', to: ['a@example.com'] }, 'to'],
    [{ type: 'slack', url: 'https://a.example' }, 'webhookUrl'],
    [{ type: 'webhook', url: 'https://a.example', events: ['nothing.happened'] }, 'events.0'],
    [{ type: 'webhook', url: 'https://a.example', levels: [] }, 'levels'],
    [{ type: 'email', to: ['not an address'] }, 'to.0'],
  ])('%j is refused at %s', async (json, path) => {
    const made = await create(await makeTeam(), json);
    expect(made.status).toBe(422);
    expect(JSON.stringify(made.body)).toContain(`"path":"${path}"`);
  });

  it('mail is refused while the server cannot send any, and says who can change that', async () => {
    const team = await makeTeam();
    const made = await create(team, { type: 'email', to: ['ada@example.com'] });
    expect(made.status).toBe(422);
    expect(JSON.stringify(made.body)).toContain('Whoever runs the server sets SMTP_URL');
    const tested = await post(team, '/api/notification-channels/default-email/test');
    expect(tested.status).toBe(422);
  });

  it('the default channel can be switched off and told what to take, but not removed or sent elsewhere', async () => {
    const team = await makeTeam();
    const first = (await (await team.fetch('/api/notification-channels/default-email')).json()) as object;
    expect(first).toMatchObject({ isDefault: true, enabled: true, to: [`${team.ownerId}@example.com`] });
    expect(await patch(team, 'default-email', { enabled: false, levels: ['urgent'] })).toMatchObject({
      status: 200,
      body: { enabled: false, levels: ['urgent'] },
    });
    expect((await patch(team, 'default-email', { to: ['eve@example.com'] })).status).toBe(422);
    expect((await team.fetch('/api/notification-channels/default-email', { method: 'DELETE' })).status).toBe(
      409,
    );
  });

  it('what a channel has not cannot be changed', async () => {
    const team = await makeTeam();
    const { body } = await create(team, { type: 'webhook', url: `${receiver}/x` });
    expect((await patch(team, body.id, { webhookUrl: 'https://a.example' })).status).toBe(422);
    expect((await patch(team, body.id, { to: ['a@example.com'] })).status).toBe(422);
    expect((await patch(team, body.id, { name: 'New', url: `${receiver}/y` })).body).toMatchObject({
      name: 'New',
      url: `${receiver}/y`,
    });
  });

  it('an editor sees none of it', async () => {
    const team = await makeTeam();
    const { fetch: editor } = await makeKey(team.teamId, 'editor');
    expect((await editor('/api/notification-channels')).status).toBe(403);
  });

  it('a private address is refused, at creation and, when it was kept from before, at each try', async () => {
    const team = await makeTeam();
    const { body } = await create(team, { type: 'webhook', url: `${receiver}${place()}` });
    const closed = services({ ...env, ALLOW_PRIVATE_NETWORK: '0' } as unknown as Env);
    const channel = (await findChannel(closed, team.teamId, body.id))!;
    const notice = {
      id: closed.newId('notice'),
      kind: 'channel.test' as const,
      level: 'info' as const,
      title: 't',
      text: '',
      link: null,
      data: {},
      at: new Date().toISOString(),
    };
    const [id] = await postNotice(closed, team.teamId, { notice, only: channel });
    expect(await closed.attemptDelivery(id!)).toMatchObject({ ok: false, permanent: true });
    expect((await log(team, body.id))[0]).toMatchObject({ status: 'failed', log: [{ code: null }] });
  });
});

describe('deliveries', () => {
  it('SET-4: a test and its replay verify with the reference library: same webhook-id, new timestamp and signature', async () => {
    const team = await makeTeam();
    const path = place();
    const { body: channel } = await create(team, { type: 'webhook', url: receiver + path });
    const tested = await post(team, `/api/notification-channels/${channel.id}/test`);
    expect(tested).toMatchObject({
      status: 200,
      body: { status: 'delivered', tries: 1, log: [{ ok: true, code: 204 }] },
    });
    await scheduler.wait(1100);
    const replayed = await post(team, `/api/deliveries/${tested.body.id}/replay`);
    expect(replayed.body).toMatchObject({ id: tested.body.id, status: 'delivered', tries: 2 });
    const got = await receivedAt(path);
    expect(got).toHaveLength(2);
    for (const { headers, body } of got)
      expect(new Webhook(channel.secret).verify(body, headers)).toMatchObject({ type: 'channel.test' });
    expect(got.map(({ headers }) => headers['webhook-id'])).toEqual([tested.body.id, tested.body.id]);
    expect(got[0]!.body).toBe(got[1]!.body);
    expect(new Set(got.map(({ headers }) => headers['webhook-timestamp'])).size).toBe(2);
    expect(new Set(got.map(({ headers }) => headers['webhook-signature'])).size).toBe(2);
  });

  it('after its secret was changed, the old one still verifies beside the new one', async () => {
    const team = await makeTeam();
    const path = place();
    const { body: channel } = await create(team, { type: 'webhook', url: receiver + path });
    const rotated = await post(team, `/api/notification-channels/${channel.id}/rotate-secret`);
    const { secret } = rotated.body as unknown as { secret: string };
    expect(secret).not.toBe(channel.secret);
    await post(team, `/api/notification-channels/${channel.id}/test`);
    const [got] = await receivedAt(path);
    for (const each of [channel.secret, secret]) new Webhook(each).verify(got!.body, got!.headers);
    expect((await post(team, '/api/notification-channels/default-email/rotate-secret')).status).toBe(422);
  });

  it('B20: a jump over 75, 90 and 100% is delivered once each, and again in the next period', async () => {
    const team = await makeTeam();
    const path = place();
    const tag = 'jump';
    const { body: channel } = await create(team, {
      type: 'webhook',
      url: receiver + path,
      events: ['budget.threshold_reached'],
    });
    // yesterday's alerts and today's belong to different periods; $0.30 per million tokens
    await budgetOf(team, tag, 300_000_000);
    await spend(team, tag, 1_200_000);
    await expect.poll(async () => (await receivedAt(path)).length, { timeout: 10_000 }).toBe(3);
    const events = (await receivedAt(path)).map(({ body, headers }) =>
      new Webhook(channel.secret).verify(body, headers),
    );
    expect(events.map((event) => (event as { data: { threshold: number } }).data.threshold).sort()).toEqual([
      100, 75, 90,
    ]);
    expect(events[0]).toMatchObject({
      type: 'budget.threshold_reached',
      data: { scope: { type: 'tag', id: tag }, limitNanoUsd: 300_000_000 },
    });
    // more spend, lost messages, several consumers: nothing more is sent
    await spend(team, tag, 1_200_000);
    await Promise.all([
      announceAlerts(record, team.teamId),
      announceAlerts(record, team.teamId),
      everyMinute(record),
    ]);
    expect(await dueDeliveries(at(Date.now() + LEASE_MS * 2), 1000)).not.toContainEqual(
      expect.stringContaining(channel.id),
    );
    expect(await receivedAt(path)).toHaveLength(3);
    // the next period: the object's clock is a day on
    const stub = env.TEAM_BUDGET.getByName(team.teamId);
    await runInDurableObject(stub, (object: { clock: () => number }) => {
      object.clock = () => Date.now() + 86_400_000;
    });
    await record.team(team.teamId).settle({
      ...settlementOf({
        runId: record.newId('run'),
        subject: { teamId: team.teamId, tags: [tag] },
        costNanoUsd: 330_000_000,
      }),
    });
    await expect.poll(async () => (await receivedAt(path)).length, { timeout: 10_000 }).toBe(6);
    expect(new Set((await receivedAt(path)).map(({ headers }) => headers['webhook-id'])).size).toBe(6);
    expect((await log(team, channel.id)).map(({ status, tries }) => ({ status, tries }))).toEqual(
      Array.from({ length: 6 }, () => ({ status: 'delivered', tries: 1 })),
    );
  });

  it('a receiver that fails is tried again with the same id until it answers; each try is logged', async () => {
    const team = await makeTeam();
    const path = place();
    const { body: channel } = await create(team, {
      type: 'webhook',
      url: `${receiver}${path}?fail=2&status=503`,
    });
    await budgetOf(team, 'retry', 1_000_000_000);
    await spend(team, 'retry', 2_500_000);
    await expect
      .poll(async () => (await log(team, channel.id))[0]?.log[0]?.code, { timeout: 10_000 })
      .toBe(503);
    const [first] = await log(team, channel.id);
    expect(first).toMatchObject({ status: 'pending', tries: 1 });
    const waitMs = Date.parse(first!.nextTryAt!) - Date.now();
    expect(waitMs).toBeGreaterThan(1_000);
    expect(waitMs).toBeLessThan(7_000);
    expect(await record.attemptDelivery(first!.id)).toBeNull();
    expect(await at(Date.now() + 10_000).attemptDelivery(first!.id)).toMatchObject({ code: 503 });
    expect(await at(Date.now() + 60_000).attemptDelivery(first!.id)).toMatchObject({ ok: true });
    const got = await receivedAt(path);
    expect(new Set(got.map(({ headers }) => headers['webhook-id']))).toEqual(new Set([first!.id]));
    const [ended] = await log(team, channel.id);
    expect(ended).toMatchObject({ status: 'delivered', tries: 3, nextTryAt: null });
    expect(ended!.log.map(({ number, ok, code }) => [number, ok, code])).toEqual([
      [1, false, 503],
      [2, false, 503],
      [3, true, 204],
    ]);
    expect(ended!.log[0]!.text).toHaveLength(500);
  });

  it('gives up after the last try, and a replay begins a new round', async () => {
    const team = await makeTeam();
    const path = place();
    const { body: channel } = await create(team, {
      type: 'webhook',
      url: `${receiver}${path}?fail=8&status=500`,
    });
    await budgetOf(team, 'over', 1_000_000_000);
    await spend(team, 'over', 2_500_000);
    await expect.poll(async () => (await log(team, channel.id))[0]?.tries, { timeout: 10_000 }).toBe(1);
    const [{ id }] = (await log(team, channel.id)) as [Shown];
    for (let hours = 1; hours <= 7; hours++)
      await at(Date.now() + hours * 40 * 3_600_000).attemptDelivery(id);
    expect((await log(team, channel.id))[0]).toMatchObject({ status: 'failed', tries: 8, nextTryAt: null });
    const replayed = await post(team, `/api/deliveries/${id}/replay`);
    expect(replayed.body).toMatchObject({ status: 'delivered', tries: 9 });
  });

  it('two consumers at once send once; a sender that died is followed by another when its lease is over', async () => {
    const team = await makeTeam();
    const path = place();
    const { body: channel } = await create(team, {
      type: 'webhook',
      url: `${receiver}${path}?fail=1&status=500&slow=50`,
    });
    const tested = await post(team, `/api/notification-channels/${channel.id}/test`);
    await env.DB.prepare(
      "UPDATE delivery SET status = 'pending', next_try_at = '2020-01-01T00:00:00.000Z', ended_at = NULL WHERE id = ?",
    )
      .bind(tested.body.id)
      .run();
    const results = await Promise.all([1, 2, 3].map(() => record.attemptDelivery(tested.body.id)));
    expect(results.filter((result) => result !== null)).toHaveLength(1);
    expect(await receivedAt(path)).toHaveLength(2);

    await env.DB.prepare(
      "UPDATE delivery SET status = 'pending', next_try_at = '2020-01-01T00:00:00.000Z', ended_at = NULL WHERE id = ?",
    )
      .bind(tested.body.id)
      .run();
    const dead = (await claimDelivery(record, tested.body.id))!;
    expect(await record.attemptDelivery(tested.body.id)).toBeNull();
    expect(await dueDeliveries(record, 1000)).not.toContain(tested.body.id);
    const later = at(Date.now() + LEASE_MS + 1);
    expect(await dueDeliveries(later, 1000)).toContain(tested.body.id);
    expect(await later.attemptDelivery(tested.body.id)).toMatchObject({ ok: true });
    // the dead one wakes up after all: the delivery stays delivered
    await finishTry(record, dead, {
      result: { ok: false, permanent: false, code: 500, text: '' },
      ms: 1,
      nextAtMs: Date.now(),
    });
    expect((await log(team, channel.id))[0]).toMatchObject({ status: 'delivered', nextTryAt: null });
  });

  it('does not follow a redirect, and switches off a channel whose receiver is gone for good', async () => {
    const team = await makeTeam();
    const [from, elsewhere, gone] = [place(), place(), place()];
    const { body: moved } = await create(team, {
      type: 'webhook',
      url: `${receiver}${from}?fail=9&status=302&location=${encodeURIComponent(receiver + elsewhere)}`,
    });
    expect((await post(team, `/api/notification-channels/${moved.id}/test`)).body).toMatchObject({
      status: 'failed',
      log: [{ code: 302 }],
    });
    expect(await receivedAt(elsewhere)).toEqual([]);
    const { body: left } = await create(team, {
      type: 'webhook',
      url: `${receiver}${gone}?fail=9&status=410`,
    });
    await post(team, `/api/notification-channels/${left.id}/test`);
    expect(await (await team.fetch(`/api/notification-channels/${left.id}`)).json()).toMatchObject({
      enabled: false,
    });
  });

  it('levels and kinds decide what a channel takes; one that is off takes nothing', async () => {
    const team = await makeTeam();
    const [slack, off, kinds] = [place(), place(), place()];
    await create(team, { type: 'slack', webhookUrl: receiver + slack });
    const { body: silent } = await create(team, { type: 'discord', webhookUrl: receiver + off });
    await patch(team, silent.id, { enabled: false });
    await create(team, { type: 'webhook', url: receiver + kinds, events: ['spend.unusual'] });
    await budgetOf(team, 'levels', 300_000_000);
    await spend(team, 'levels', 1_200_000);
    await expect.poll(async () => (await receivedAt(slack)).length, { timeout: 10_000 }).toBe(2);
    const texts = (await receivedAt(slack)).map(({ body }) => (JSON.parse(body) as { text: string }).text);
    expect(texts.sort()[0]).toContain('The budget of tag levels reached 100% of its limit');
    expect(texts[1]).toContain('90%');
    expect([...(await receivedAt(off)), ...(await receivedAt(kinds))]).toEqual([]);
  });

  it('warnings go by mail to owners and admins without any channel being made, over a real SMTP server', async () => {
    const mailing = services({
      ...env,
      SMTP_URL: `smtp://ada:secret@127.0.0.1:${inject('mailPort')}?from=pm@example.com`,
    } as unknown as Env);
    const team = await makeTeam();
    await budgetOf(team, 'mail', 300_000_000);
    // the queue of this runtime has no mail server: take the alerts before it does
    const alert = {
      kind: 'threshold',
      budgetId: 'bud_x',
      threshold: 90,
      level: 'warning',
      scope: { type: 'tag', id: 'mail' },
    } as const;
    const notice = noticeOfAlert({
      ...alert,
      id: record.newId('alert'),
      title: '',
      text: '',
      limitNanoUsd: 1_000_000_000,
      spentNanoUsd: 900_000_000,
      periodStart: '2026-11-01T00:00:00.000Z',
      usualNanoUsd: null,
      exhaustsAt: null,
      at: '2026-11-20T10:00:00.000Z',
      readAt: null,
    });
    const ids = await postNotice(mailing, team.teamId, { notice });
    expect(ids).toHaveLength(1);
    expect(await mailing.attemptDelivery(ids[0]!)).toMatchObject({ ok: true, code: 250 });
    expect(await log(team, 'default-email')).toMatchObject([
      { status: 'delivered', notice: { level: 'warning' } },
    ]);
    // the same notice again, and one below a warning: nothing
    expect(await postNotice(mailing, team.teamId, { notice })).toEqual([]);
    expect(
      await postNotice(mailing, team.teamId, { notice: { ...notice, id: `${notice.id}b`, level: 'info' } }),
    ).toEqual([]);
    // where no mail can be sent, the default channel is silent
    expect(await postNotice(record, team.teamId, { notice: { ...notice, id: `${notice.id}c` } })).toEqual([]);
  });
});

describe('alerts in the application', () => {
  it('are counted as unread until somebody reads them', async () => {
    const team = await makeTeam('viewer');
    const admin = { ...team, ...(await makeKey(team.teamId, 'admin')) };
    await budgetOf(admin, 'read', 300_000_000);
    await spend(admin, 'read', 1_200_000);
    type List = {
      data: { id: string; title: string; kind: string; readAt: string | null }[];
      unread: number;
    };
    const list = async () => (await (await team.fetch('/api/token-tracking/alerts')).json()) as List;
    const first = await list();
    expect(first).toMatchObject({ unread: 3, data: [{ kind: 'threshold', readAt: null }, {}, {}] });
    expect(first.data.map(({ title }) => title)).toContain(
      'The budget of tag read reached 100% of its limit',
    );
    const read = await team.fetch(`/api/token-tracking/alerts/${first.data[0]!.id}/read`, { method: 'POST' });
    expect(((await read.json()) as { readAt: string }).readAt).not.toBeNull();
    expect((await list()).unread).toBe(2);
    const all = await team.fetch('/api/token-tracking/alerts/read-all', { method: 'POST' });
    expect(await all.json()).toEqual({ read: 2 });
    expect((await list()).data.every(({ readAt }) => readAt !== null)).toBe(true);
  });
});
