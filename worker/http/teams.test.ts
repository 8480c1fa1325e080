import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { makeTeam, signUp } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { invitation as invitationTable } from '../store/schema.ts';

type Person = Awaited<ReturnType<typeof signUp>>;
type MemberList = { data: { id: string; userId: string; role: string }[] };

const invite = async (by: Person, email: string, role: string) =>
  (await (await by.fetch(`/api/teams/${by.teamId}/invitations`, { json: { email, role } })).json()) as {
    id: string;
    token: string;
  };
const accept = (who: Person, token: string) => who.fetch('/api/invitations/accept', { json: { token } });
const membersOf = async (who: Person, teamId = who.teamId) =>
  ((await (await who.fetch(`/api/teams/${teamId}/members`)).json()) as MemberList).data;
const patchMember = (who: Person, teamId: string, memberId: string, role: string) =>
  who.fetch(`/api/teams/${teamId}/members/${memberId}`, { method: 'PATCH', json: { role } });

/** Ada's team with Bob in it as `role`. */
async function together(role: string) {
  const [ada, bob] = [await signUp('Ada'), await signUp('Bob')];
  const { token } = await invite(ada, bob.email, role);
  expect((await accept(bob, token)).status).toBe(200);
  const members = await membersOf(ada);
  const idOf = (person: Person) => members.find(({ userId }) => userId === person.userId)!.id;
  return { ada, bob, teamId: ada.teamId, adaId: idOf(ada), bobId: idOf(bob) };
}

describe('teams', () => {
  it('are made by a person, who owns them, and are remembered as the one used last', async () => {
    const ada = await signUp('Ada');
    const made = await ada.fetch('/api/teams', { json: { name: 'Second', timeZone: 'Europe/Berlin' } });
    expect(made.status).toBe(201);
    const { id } = (await made.json()) as { id: string };
    expect(await (await ada.fetch('/api/me')).json()).toMatchObject({ team: { id: ada.teamId } });
    await ada.fetch('/api/me', { headers: { 'x-team-id': id } });
    await expect
      .poll(async () => (await ada.fetch('/api/me')).json())
      .toMatchObject({ team: { id, name: 'Second', timeZone: 'Europe/Berlin' }, role: 'owner' });
  });

  it('are not made by a key', async () => {
    const team = await makeTeam('owner');
    expect((await team.fetch('/api/teams', { json: { name: 'x' } })).status).toBe(403);
  });

  it('show amounts in another currency at a stated rate, and in dollars again', async () => {
    const { teamId, fetch } = await makeTeam();
    const set = (displayCurrency: unknown) =>
      fetch(`/api/teams/${teamId}`, { method: 'PATCH', json: { displayCurrency } });
    const euros = { code: 'EUR', perUsd: '0.9231', asOf: '2026-11-27' };
    expect((await set(euros)).status).toBe(200);
    const me = (await (await fetch('/api/me')).json()) as { team: { displayCurrency: unknown } };
    expect(me.team.displayCurrency).toEqual(euros);
    for (const [wrong, path] of [
      [{ ...euros, code: 'EURO' }, 'displayCurrency.code'],
      [{ ...euros, code: 'USD' }, 'displayCurrency.code'],
      [{ ...euros, perUsd: '0,92' }, 'displayCurrency.perUsd'],
      [{ ...euros, perUsd: '0.000' }, 'displayCurrency.perUsd'],
      [{ ...euros, asOf: '2026-02-30' }, 'displayCurrency.asOf'],
    ] as const) {
      const refused = await set(wrong);
      expect(refused.status, JSON.stringify(wrong)).toBe(422);
      expect(JSON.stringify(await refused.json())).toContain(path);
    }
    expect((await set(null)).status).toBe(200);
    const { team } = (await (await fetch('/api/me')).json()) as typeof me;
    expect(team.displayCurrency).toBeNull();
  });

  it('change name and time zone, and the log keeps before and after', async () => {
    const team = await makeTeam();
    const path = `/api/teams/${team.teamId}`;
    const changed = await team.fetch(path, { method: 'PATCH', json: { timeZone: 'Asia/Tokyo' } });
    expect(await changed.json()).toMatchObject({ id: team.teamId, timeZone: 'Asia/Tokyo' });
    expect((await team.fetch(path, { method: 'PATCH', json: { timeZone: 'Mars/Base' } })).status).toBe(422);
    expect(await (await team.fetch(`${path}/audit-log?action=team.update`)).json()).toMatchObject({
      data: [{ before: { timeZone: 'UTC' }, after: { timeZone: 'Asia/Tokyo' } }],
      nextCursor: null,
    });
  });

  it.each([
    `Robert'); DROP TABLE organization;--`,
    '<script>alert(1)</script><img src=x onerror=alert(1)>',
    '{{ 7*7 }} ${7*7} %00 \\u0000 "quoted"',
    'Übergrößenträger 𝔘𝔫𝔦 👩‍👩‍👧 ‮rtl',
  ])('take %s as text and nothing else', async (name) => {
    const [ada, team] = [await signUp(name), await makeTeam()];
    expect(await (await ada.fetch('/api/me')).json()).toMatchObject({ user: { name } });
    await team.fetch(`/api/teams/${team.teamId}`, { method: 'PATCH', json: { name } });
    const answer = await team.fetch(`/api/teams/${team.teamId}`);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json/);
    expect(await answer.json()).toMatchObject({ name });
    const key = await team.fetch('/api/keys', { json: { name, role: 'viewer', tags: [name] } });
    expect(await key.json()).toMatchObject({ name, tags: [name] });
    const cursor = encodeURIComponent(name);
    for (const path of [`/api/keys?cursor=${cursor}`, `/api/keys/${cursor}`, `/api/teams/${cursor}`])
      expect((await team.fetch(path)).status).toBeLessThan(500);
    expect((await team.fetch(`/api/keys/${cursor}`, { method: 'DELETE' })).status).toBe(404);
  });
});

describe('members', () => {
  it('join by an invitation with its role, once', async () => {
    const { ada, bob, teamId } = await together('editor');
    expect(await (await bob.fetch('/api/me', { headers: { 'x-team-id': teamId } })).json()).toMatchObject({
      team: { id: teamId },
      role: 'editor',
    });
    const list = await (await ada.fetch(`/api/teams/${teamId}/invitations`)).json();
    expect(list).toMatchObject({ data: [{ status: 'accepted', token: null }] });
  });

  it('feel a new role at their next request', async () => {
    const { ada, bob, teamId, bobId } = await together('admin');
    const header = { headers: { 'x-team-id': teamId } };
    expect((await bob.fetch('/api/keys', header)).status).toBe(200);
    expect((await patchMember(ada, teamId, bobId, 'viewer')).status).toBe(200);
    expect((await bob.fetch('/api/keys', header)).status).toBe(403);
  });

  it('are not made owners by an admin, who cannot touch owners either', async () => {
    const { bob, teamId, adaId, bobId } = await together('admin');
    expect((await patchMember(bob, teamId, bobId, 'owner')).status).toBe(403);
    expect((await patchMember(bob, teamId, adaId, 'viewer')).status).toBe(403);
    const removal = await bob.fetch(`/api/teams/${teamId}/members/${adaId}`, { method: 'DELETE' });
    expect(removal.status).toBe(403);
    const invitation = { json: { email: 'new@example.com', role: 'owner' } };
    expect((await bob.fetch(`/api/teams/${teamId}/invitations`, invitation)).status).toBe(403);
  });

  it('always have an owner among them', async () => {
    const { ada, bob, teamId, adaId, bobId } = await together('owner');
    const answers = await Promise.all([
      patchMember(ada, teamId, bobId, 'viewer'),
      patchMember(bob, teamId, adaId, 'viewer'),
    ]);
    expect(answers.map(({ status }) => status)).toContain(200);
    const [winner] = answers[0]!.status === 200 ? [ada] : [bob];
    const owners = (await membersOf(winner!, teamId)).filter(({ role }) => role === 'owner');
    expect(owners).toHaveLength(1);
    expect((await winner!.fetch(`/api/teams/${teamId}/leave`, { method: 'POST' })).status).toBe(409);
  });

  it('leave, and see nothing of the team any more', async () => {
    const { bob, teamId } = await together('viewer');
    expect((await bob.fetch(`/api/teams/${teamId}/leave`, { method: 'POST' })).status).toBe(204);
    expect((await bob.fetch(`/api/teams/${teamId}/members`)).status).toBe(404);
  });
});

describe('invitations', () => {
  it('are for the invited address alone', async () => {
    const [ada, eve] = [await signUp(), await signUp()];
    const { token } = await invite(ada, 'bob@example.com', 'admin');
    expect((await accept(eve, token)).status).toBe(403);
    expect((await accept(eve, `${token}x`)).status).toBe(404);
    expect((await accept(eve, 'garbage')).status).toBe(404);
    const link = await eve.fetch(`/api/invitations/${token}`);
    expect(await link.json()).toEqual({
      email: 'bob@example.com',
      role: 'admin',
      status: 'pending',
      teamName: "Ada's team",
    });
  });

  it('end after 72 hours, when cancelled, and when a newer one takes their place', async () => {
    const [ada, bob] = [await signUp(), await signUp('Bob')];
    const first = await invite(ada, bob.email, 'viewer');
    const second = await invite(ada, bob.email.toUpperCase(), 'editor');
    expect((await accept(bob, first.token)).status).toBe(409);
    const { db } = services(env);
    await db
      .update(invitationTable)
      .set({ expiresAt: new Date(Date.now() - 1) })
      .where(eq(invitationTable.id, second.id));
    const late = await accept(bob, second.token);
    expect(late.status).toBe(409);
    expect(await late.json()).toMatchObject({ error: { message: expect.stringContaining('Ask for a new') } });
    const third = await invite(ada, bob.email, 'runner');
    const path = `/api/teams/${ada.teamId}/invitations/${third.id}`;
    expect((await ada.fetch(path, { method: 'DELETE' })).status).toBe(204);
    expect((await accept(bob, third.token)).status).toBe(409);
  });

  it('are not needed by who is in the team already', async () => {
    const { ada, bob, teamId } = await together('viewer');
    const json = { email: bob.email, role: 'admin' };
    expect((await ada.fetch(`/api/teams/${teamId}/invitations`, { json })).status).toBe(409);
  });
});
