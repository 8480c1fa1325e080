import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { Webhook } from 'standardwebhooks';
import { describe, expect, it } from 'vitest';
import { anonymous, makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { edge, json, node, until } from '../../tests/workers/running.ts';
import { services } from '../services.ts';
import { auditLog, definition, execution, webhook, webhookDelivery, workflow } from '../store/schema.ts';

const { db } = services(env);
const hooked = (more: object = {}) => ({
  name: 'Hooked',
  nodes: [
    node('start', 'trigger', { on: 'webhook', ...more }),
    node('out', 'output', { value: '{{ trigger }}' }),
  ],
  edges: [edge('start', 'out')],
});

async function made(fetch: Fetch, { publish = true } = {}) {
  const { id } = await json(await fetch('/api/workflows', { json: hooked() }));
  if (publish) await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
  const answer = await fetch(`/api/workflows/${id}/webhook`, { method: 'POST' });
  expect(answer.status).toBe(201);
  const { path, secret } = await json(answer);
  return { id: id as string, path: path as string, secret: secret as string };
}
interface Sent {
  id?: string;
  at?: Date;
  /** what is signed, where it differs from what is sent */
  signedBody?: string;
  headers?: Record<string, string>;
}
const send = (path: string, secret: string, body: string, { id, at, signedBody, headers }: Sent = {}) => {
  const event = id ?? `msg_${crypto.randomUUID()}`;
  const when = at ?? new Date();
  return anonymous(path, {
    method: 'POST',
    body,
    headers: {
      'webhook-id': event,
      'webhook-timestamp': String(Math.floor(when.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(event, when, signedBody ?? body),
      ...headers,
    },
  });
};
const runsOf = (id: string) => db.select().from(execution).where(eq(execution.workflowId, id));
const codeOf = async (response: Response) => [response.status, (await json(response)).error.message] as const;

describe('a webhook', () => {
  it('that the library signed begins a run of the published version with its body', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch);
    const answer = await send(path, secret, '{"lead": "Ada ✓", "n": 7}');
    expect(answer.status).toBe(202);
    const { executionId, status } = await json(answer);
    expect(status).toBe('queued');
    const run = await until(fetch, executionId, 'completed');
    expect(run).toMatchObject({
      workflowId: id,
      version: 1,
      trigger: 'webhook',
      input: { lead: 'Ada ✓', n: 7 },
    });
  });

  it('hands on what is no JSON as text, and nothing as null', async () => {
    const { fetch } = await makeTeam('editor');
    const { path, secret } = await made(fetch);
    const inputOf = async (body: string) => {
      const { executionId } = await json(await send(path, secret, body));
      return (await json(await fetch(`/api/executions/${executionId}`))).input;
    };
    expect(await inputOf('name=Ada&n=7')).toBe('name=Ada&n=7');
    expect(await inputOf('')).toBeNull();
    expect(await inputOf('[1,2]')).toEqual([1, 2]);
  });

  it('gives a repeated event the same answer and begins nothing more, also when it comes ten times at once', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch);
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => send(path, secret, '{"n":1}', { id: 'msg_same' })),
    );
    const bodies = await Promise.all(answers.map((answer) => answer.text()));
    expect(new Set(bodies).size).toBe(1);
    // a sender that tries again later signs anew
    const again = await send(path, secret, '{"n":1}', { id: 'msg_same', at: new Date(Date.now() - 60_000) });
    expect([again.status, await again.text()]).toEqual([202, bodies[0]]);
    expect(await runsOf(id)).toHaveLength(1);
    await send(path, secret, '{"n":1}', { id: 'msg_other' });
    expect(await runsOf(id)).toHaveLength(2);
  });

  it('begins the run of an event whose server died after the claim', async () => {
    const { fetch, teamId } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch);
    const executionId = `exec_${teamId.slice(5)}`;
    await db.insert(webhookDelivery).values({
      workflowId: id,
      eventKey: 'id:msg_cut',
      executionId,
      receivedAt: new Date().toISOString(),
      expiresAt: new Date(Date.now() + 60_000).toISOString(),
    });
    const answer = await send(path, secret, '{"n":3}', { id: 'msg_cut' });
    expect(await json(answer)).toEqual({ executionId, status: 'queued' });
    expect(await until(fetch, executionId, 'completed')).toMatchObject({ input: { n: 3 } });
  });

  it('refuses what is not signed, wrongly signed, changed on the way, too old or too new', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch);
    const ago = (seconds: number) => new Date(Date.now() - seconds * 1000);
    const other = `whsec_${btoa('another secret of 24 byte')}`;
    expect(await codeOf(await anonymous(path, { method: 'POST', body: '{}' }))).toEqual([
      401,
      expect.stringMatching(/needed/),
    ]);
    for (const refused of [
      await send(path, other, '{}'),
      await send(path, secret, '{"n":2}', { signedBody: '{"n":1}' }),
      // bytes are signed, not what they mean
      await send(path, secret, '{"n": 1}', { signedBody: '{"n":1}' }),
      await send(path, secret, '{}', { headers: { 'webhook-id': 'msg_another' } }),
      await send(path, secret, '{}', { headers: { 'webhook-signature': 'v1,' } }),
      await send(path, secret, '{}', { headers: { 'webhook-signature': 'v2,abcd nonsense' } }),
    ])
      expect(await codeOf(refused)).toEqual([401, expect.stringMatching(/does not fit/)]);
    expect(await codeOf(await send(path, secret, '{}', { at: ago(301) }))).toEqual([
      401,
      expect.stringMatching(/seconds old/),
    ]);
    expect(await codeOf(await send(path, secret, '{}', { at: ago(-310) }))).toEqual([
      401,
      expect.stringMatching(/future/),
    ]);
    expect(
      await codeOf(await send(path, secret, '{}', { headers: { 'webhook-timestamp': 'yesterday' } })),
    ).toEqual([401, expect.stringMatching(/seconds since/)]);
    expect(await runsOf(id)).toHaveLength(0);
    expect((await send(path, secret, '{}', { at: ago(290) })).status).toBe(202);
    // one of several signatures fits: a sender that is changing its secret
    const good = new Webhook(secret).sign('msg_two', new Date(), '{}');
    const headers = { 'webhook-signature': `v1,${btoa('x'.repeat(32))} ${good}` };
    expect((await send(path, secret, '{}', { id: 'msg_two', headers })).status).toBe(202);
  });

  it('is unknown under any other address, too large above 1 MB, and gone with its workflow', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch);
    expect((await send('/hooks/nobody', secret, '{}')).status).toBe(404);
    expect((await send(`${path}x`, secret, '{}')).status).toBe(404);
    expect((await send(path, secret, `"${'x'.repeat(1_000_001)}"`)).status).toBe(413);
    expect((await send(path, secret, 'x'.repeat(5_000_000))).status).toBe(413);
    await fetch(`/api/workflows/${id}`, { method: 'DELETE' });
    expect((await send(path, secret, '{}')).status).toBe(404);
  });

  it('of which nothing is published keeps the event: it can be replayed once it is', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path, secret } = await made(fetch, { publish: false });
    expect(await codeOf(await send(path, secret, '{"n":5}', { id: 'msg_early' }))).toEqual([
      409,
      expect.stringMatching(/published/),
    ]);
    await send(path, secret, '{"n":5}', { id: 'msg_early' });
    const letters = async (query = '') => (await json(await fetch(`/api/dead-letters${query}`))).data;
    const [letter] = await letters();
    expect(letter).toMatchObject({
      kind: 'webhook_delivery',
      subject: `${id} id:msg_early`,
      reason: 'not_published',
      attempts: 2,
      status: 'open',
      executionId: null,
    });
    expect(JSON.stringify(letter)).not.toContain('"n"');
    const replay = () => fetch(`/api/dead-letters/${letter.id}/replay`, { method: 'POST' });
    expect((await replay()).status).toBe(409);
    await fetch(`/api/workflows/${id}/publish`, { method: 'POST' });
    const closed = await json(await replay());
    expect(closed).toMatchObject({ status: 'replayed', executionId: expect.stringMatching(/^exec_/) });
    expect(await until(fetch, closed.executionId, 'completed')).toMatchObject({ input: { n: 5 } });
    expect((await replay()).status).toBe(409);
    expect(await letters('?status=open')).toEqual([]);
    const [row] = await db.select().from(auditLog).where(eq(auditLog.target, letter.id));
    expect(row).toMatchObject({ action: 'dead_letter.replay' });
    // the sender that tries again now is not a repeat of what failed
    expect((await send(path, secret, '{"n":5}', { id: 'msg_early' })).status).toBe(202);
  });

  it('may be let in unsigned: then an event without an id is known by its body for ten minutes', async () => {
    const { fetch } = await makeTeam('editor');
    const { id, path } = await made(fetch);
    const changed = await fetch(`/api/workflows/${id}/webhook`, {
      method: 'PATCH',
      body: '{"signed":false}',
      headers: { 'content-type': 'application/json' },
    });
    expect(await json(changed)).toMatchObject({ signed: false, active: true });
    const plain = (body: string) => anonymous(path, { method: 'POST', body });
    const first = await (await plain('{"a":1}')).text();
    expect(await (await plain('{"a":1}')).text()).toBe(first);
    expect(await (await plain('{"a":2}')).text()).not.toBe(first);
    await db
      .update(webhookDelivery)
      .set({ expiresAt: new Date(Date.now() - 1).toISOString() })
      .where(eq(webhookDelivery.workflowId, id));
    expect(await (await plain('{"a":1}')).text()).not.toBe(first);
    expect(await runsOf(id)).toHaveLength(3);
  });

  it('shows its secret once, keeps it sealed, and changes it with a day for the one before', async () => {
    const { fetch, teamId } = await makeTeam('admin');
    const { id, path, secret } = await made(fetch);
    const shown = await json(await fetch(`/api/workflows/${id}/webhook`));
    expect(shown).toMatchObject({ path, signed: true, active: true, secretUntil: null, rotatedAt: null });
    const again = await json(await fetch(`/api/workflows/${id}/webhook`, { method: 'POST' }));
    expect(JSON.stringify([shown, again])).not.toContain(secret.slice(6));
    const [row] = await db.select().from(webhook).where(eq(webhook.workflowId, id));
    expect(JSON.stringify(row)).not.toContain(secret.slice(6));
    expect(JSON.stringify(row)).not.toContain(path.slice(7));

    const rotate = async (body: object) =>
      json(await fetch(`/api/workflows/${id}/webhook/rotate`, { json: body }));
    const rotated = await rotate({});
    expect(rotated.secret).not.toBe(secret);
    expect(Date.parse(rotated.secretUntil)).toBeGreaterThan(Date.now());
    expect((await send(path, secret, '{}')).status).toBe(202);
    expect((await send(path, rotated.secret, '{}')).status).toBe(202);
    const own = `whsec_${btoa('a secret of our own making')}`;
    expect((await rotate({ secret: own })).secret).toBe(own);
    expect((await send(path, secret, '{}')).status).toBe(401);
    const moved = await rotate({ what: 'address' });
    expect(moved.secret).toBeUndefined();
    expect((await send(path, own, '{}')).status).toBe(404);
    expect((await send(moved.path, own, '{}')).status).toBe(202);
    expect((await fetch(`/api/workflows/${id}/webhook/rotate`, { json: { secret: 'short' } })).status).toBe(
      422,
    );

    const log = await db.select().from(auditLog).where(eq(auditLog.teamId, teamId));
    expect(log.filter(({ action }) => action.startsWith('webhook.')).map(({ action }) => action)).toEqual([
      'webhook.create',
      'webhook.rotate',
      'webhook.rotate',
      'webhook.rotate',
    ]);
    for (const word of [secret, own, rotated.secret])
      expect(JSON.stringify(log)).not.toContain(word.slice(6));
    const viewer = await makeKey(teamId, 'runner');
    expect((await viewer.fetch(`/api/workflows/${id}/webhook`)).status).toBe(403);
  });

  it('takes its secret out of the draft that brings it', async () => {
    const { fetch } = await makeTeam('editor');
    const secret = `whsec_${btoa('given with the definition')}`;
    const created = await json(await fetch('/api/workflows', { json: hooked({ secret }) }));
    expect(created.nodes[0].config).toEqual({ on: 'webhook' });
    await fetch(`/api/workflows/${created.id}/publish`, { method: 'POST' });
    const { path } = await json(await fetch(`/api/workflows/${created.id}/webhook`));
    expect((await send(path, secret, '{"n":1}')).status).toBe(202);
    const next = `whsec_${btoa('given with the next draft')}`;
    const put = (config: object) =>
      fetch(`/api/workflows/${created.id}`, {
        method: 'PUT',
        body: JSON.stringify(hooked(config)),
        headers: { 'content-type': 'application/json' },
      });
    expect((await put({ secret: next })).status).toBe(200);
    expect((await put({})).status).toBe(200);
    const { executionId } = await json(await send(path, next, '{"n":2}'));
    await until(fetch, executionId, 'completed');
    for (const wrong of ['no base64', '{{ trigger.secret }}']) {
      const refused = await put({ secret: wrong });
      expect(refused.status).toBe(422);
      expect((await json(refused)).error.issues[0].path).toBe('nodes.0.config.secret');
    }
    const stored = JSON.stringify([
      await db.select().from(workflow).where(eq(workflow.id, created.id)),
      await db.select().from(definition),
    ]);
    expect(stored).not.toContain(secret.slice(6));
    expect(stored).not.toContain(next.slice(6));
  });
});
