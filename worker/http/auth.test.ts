import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { describe, expect, it } from 'vitest';
import { anonymous, makeKey, makeTeam, signUp, withKey } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { apiKey } from '../store/schema.ts';

describe('a caller with an API key', () => {
  it.each([
    ['authorization', (key: string) => `Bearer ${key}`],
    ['x-api-key', (key: string) => key],
    ['x-goog-api-key', (key: string) => key],
  ])('is known by the header %s', async (name, value) => {
    const team = await makeTeam('editor');
    const response = await anonymous('/api/me', { headers: { [name]: value(team.key) } });
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      key: { id: team.keyId },
      user: null,
      team: { id: team.teamId },
      role: 'editor',
    });
  });

  it('is known by ?key=', async () => {
    const team = await makeTeam();
    expect((await anonymous(`/api/me?key=${team.key}`)).status).toBe(200);
  });

  it('gets one and the same 401 for garbage, forged, deleted and expired keys', async () => {
    const team = await makeTeam();
    const forged = `${team.key.slice(0, -1)}${team.key.endsWith('0') ? '1' : '0'}`;
    const expired = await makeKey(team.teamId, 'admin', { expiresAt: '2020-01-01T00:00:00.000Z' });
    const seen = new Set<string>();
    for (const key of [
      'garbage',
      `pm_${'x'.repeat(9000)}_y`,
      "pm_a'--_bbbbbbbbbbbbbbbbbbbbbbbb",
      forged,
      expired.key,
    ]) {
      const response = await withKey(key)('/api/me');
      expect(response.status).toBe(401);
      const { error } = (await response.json()) as { error: { code: string; message: string } };
      expect(error.code).toBe('unauthenticated');
      expect(error.message).not.toContain(key);
      seen.add(error.message);
    }
    expect(seen.size).toBe(1);
  });

  it('is asked for a key when there is none', async () => {
    const response = await anonymous('/api/me');
    expect(response.status).toBe(401);
    expect(response.headers.get('x-request-id')).toBeTruthy();
  });

  it('cannot name another team', async () => {
    const [a, b] = [await makeTeam(), await makeTeam()];
    expect((await a.fetch('/api/me', { headers: { 'x-team-id': b.teamId } })).status).toBe(404);
    expect((await a.fetch('/api/me', { headers: { 'x-team-id': a.teamId } })).status).toBe(200);
  });

  it('leaves the time of its last use, once a minute at most', async () => {
    const team = await makeTeam();
    const { db } = services(env);
    const lastUsedAt = async () =>
      (await db.query.apiKey.findFirst({ where: eq(apiKey.id, team.keyId) }))!.lastUsedAt;
    expect(await lastUsedAt()).toBeNull();
    await team.fetch('/api/me');
    await expect.poll(lastUsedAt).not.toBeNull();
    const first = await lastUsedAt();
    await team.fetch('/api/me');
    expect(await lastUsedAt()).toBe(first);
  });
});

describe('a caller with a session', () => {
  it('starts with a team of their own, as its owner', async () => {
    const ada = await signUp('Ada');
    const me = await (await ada.fetch('/api/me')).json();
    expect(me).toMatchObject({
      user: { id: ada.userId, name: 'Ada', email: ada.email },
      key: null,
      team: { name: "Ada's team" },
      role: 'owner',
    });
  });

  it('cannot name another team', async () => {
    const [ada, team] = [await signUp(), await makeTeam()];
    expect((await ada.fetch('/api/me', { headers: { 'x-team-id': team.teamId } })).status).toBe(404);
  });

  it('is a stranger again after sign-out', async () => {
    const ada = await signUp();
    expect((await ada.fetch('/api/auth/sign-out', { json: {} })).status).toBe(200);
    expect((await ada.fetch('/api/me')).status).toBe(401);
  });

  it('is not believed with a changed cookie', async () => {
    const ada = await signUp();
    const cookie = ada.cookie.replace(/session_token=./, 'session_token=0');
    expect((await anonymous('/api/me', { headers: { cookie } })).status).toBe(401);
  });
});
