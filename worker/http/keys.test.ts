import { describe, expect, it } from 'vitest';
import { anonymous, makeKey, makeTeam, signUp, withKey, type Fetch } from '../../tests/workers/fixtures.ts';

type Shown = { id: string; key: string; prefix: string; tags: string[]; expiresAt: string | null };
const make = async (fetch: Fetch, more: object = {}) => {
  const response = await fetch('/api/keys', { json: { name: 'CI', role: 'runner', ...more } });
  expect(response.status).toBe(201);
  return (await response.json()) as Shown;
};

describe('API keys', () => {
  it('are shown once and then only by their prefix', async () => {
    const team = await makeTeam();
    const made = await make(team.fetch, {
      tags: ['ci', 'ci', 'nightly'],
      expiresAt: '2040-01-01T01:00:00+01:00',
    });
    expect(made.key).toMatch(/^pm_[0-9a-z]{8}_/);
    expect(made.key.startsWith(`${made.prefix}_`)).toBe(true);
    expect(made).toMatchObject({ tags: ['ci', 'nightly'], expiresAt: '2040-01-01T00:00:00.000Z' });
    expect(made).not.toHaveProperty('hash');
    const list = await (await team.fetch('/api/keys')).text();
    expect(list).toContain(made.id);
    expect(list).not.toContain(made.key);
    expect(list).not.toContain(team.key);
    expect(list).not.toContain('hash');
  });

  it('work at once with their role, and not any more when deleted', async () => {
    const team = await makeTeam();
    const made = await make(team.fetch);
    const key = withKey(made.key);
    expect(await (await key('/api/me')).json()).toMatchObject({ role: 'runner', key: { id: made.id } });
    expect((await team.fetch(`/api/keys/${made.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await key('/api/me')).status).toBe(401);
    expect((await team.fetch(`/api/keys/${made.id}`, { method: 'DELETE' })).status).toBe(404);
  });

  it('cannot have a higher role than who makes them', async () => {
    const team = await makeTeam('admin');
    const response = await team.fetch('/api/keys', { json: { name: 'up', role: 'owner' } });
    expect(response.status).toBe(403);
    const owner = await makeKey(team.teamId, 'owner');
    expect((await make(owner.fetch, { role: 'owner' })).id).toBeTruthy();
  });

  it('are not made by a viewer', async () => {
    const viewer = await makeTeam('viewer');
    const response = await viewer.fetch('/api/keys', { json: { nonsense: true } });
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({ error: { code: 'forbidden' } });
  });

  it.each([
    [{ name: '', role: 'viewer' }, 'name'],
    [{ name: 'x', role: 'king' }, 'role'],
    [{ name: 'x', role: 'viewer', expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
    [{ name: 'x', role: 'viewer', expiresAt: 'tomorrow' }, 'expiresAt'],
    [{ name: 'x', role: 'viewer', requestsPerMinute: 0 }, 'requestsPerMinute'],
    [{ name: 'x', role: 'viewer', tags: ['a', 5] }, 'tags.1'],
    [{ name: 'x', role: 'viewer', colour: 'red' }, 'colour'],
  ])('are refused with the place named: %j', async (json, path) => {
    const team = await makeTeam();
    const response = await team.fetch('/api/keys', { json });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid', issues: [{ path }] } });
  });

  it('come page by page', async () => {
    const team = await makeTeam();
    for (let i = 0; i < 4; i++) await makeKey(team.teamId, 'viewer', { name: `key ${i}` });
    type Page = { data: { id: string }[]; nextCursor: string | null };
    const seen: string[] = [];
    let cursor: string | null = '';
    do {
      const page = (await (
        await team.fetch(`/api/keys?limit=2${cursor ? `&cursor=${cursor}` : ''}`)
      ).json()) as Page;
      seen.push(...page.data.map(({ id }) => id));
      cursor = page.nextCursor;
    } while (cursor);
    expect(new Set(seen).size).toBe(5);
    expect(seen).toHaveLength(5);
    expect(seen).toEqual([...seen].sort().reverse());
  });

  it('are held to their calls per minute', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'viewer', { requestsPerMinute: 2 });
    const answers = [await fetch('/api/me'), await fetch('/api/me'), await fetch('/api/me')];
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['1', '0', '0']);
    expect(Number(answers[2]!.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await team.fetch('/api/me')).headers.get('ratelimit-limit')).toBeNull();
  });

  it('leave one audit row each for making and deleting, without the key', async () => {
    const team = await makeTeam();
    const made = await make(team.fetch, { name: 'audited' });
    await team.fetch(`/api/keys/${made.id}`, { method: 'DELETE' });
    const response = await team.fetch(`/api/teams/${team.teamId}/audit-log`);
    const text = await response.text();
    expect(text).not.toContain(made.key);
    expect(JSON.parse(text)).toMatchObject({
      data: [
        { action: 'key.delete', target: made.id, actor: `key:${team.keyId}`, before: { name: 'audited' } },
        { action: 'key.create', target: made.id, after: { name: 'audited', role: 'runner' } },
      ],
    });
  });

  it('can be made from the page of a signed-in owner, but not from a foreign page with their cookie', async () => {
    const ada = await signUp();
    expect((await make(ada.fetch)).key).toBeTruthy();
    const json = { name: 'stolen', role: 'owner' };
    const foreign: Record<string, string>[] = [
      { cookie: ada.cookie, origin: 'https://evil.example' },
      { cookie: ada.cookie, origin: 'null' },
      { cookie: ada.cookie, 'sec-fetch-site': 'cross-site' },
      { cookie: ada.cookie },
    ];
    for (const headers of foreign) expect((await anonymous('/api/keys', { json, headers })).status).toBe(403);
    const same = { cookie: ada.cookie, 'sec-fetch-site': 'same-origin' };
    expect((await anonymous('/api/keys', { json, headers: same })).status).toBe(201);
  });
});
