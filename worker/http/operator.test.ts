import { env } from 'cloudflare:workers';
import { count } from 'drizzle-orm';
import { describe, expect, it, onTestFinished } from 'vitest';
import { anonymous, withKey } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { seedContent } from '../store/seed.ts';
import { organization, user } from '../store/schema.ts';

const TOKEN = 'operator-token-of-the-tests';
const seed = (json: unknown, token = TOKEN) =>
  anonymous('/api/operator/seed', { json, headers: { 'x-operator-token': token } });
const signIn = (password: string) =>
  anonymous('/api/auth/sign-in/email', { json: { email: 'demo@example.com', password } });
const first = { password: 'first-password', apiKey: 'pm_demo_0123456789abcdefghij' };

/** these tests tell one story in order, on the storage of this file */
describe('the demo team', () => {
  it('is not made for anybody but the launcher', async () => {
    expect((await anonymous('/api/operator/seed', { json: first })).status).toBe(404);
    expect((await seed(first, 'another token')).status).toBe(404);
    expect((await seed({ ...first, apiKey: 'short' })).status).toBe(422);
    expect(await services(env).db.query.user.findFirst()).toBeUndefined();
  });

  it('is finished by the next start when its content could not be made', async () => {
    const seen: string[] = [];
    let broken = true;
    const entry = async (_: unknown, teamId: string) => {
      if (broken) throw new Error('killed');
      seen.push(teamId);
    };
    seedContent.push(entry);
    onTestFinished(() => void seedContent.splice(seedContent.indexOf(entry), 1));
    expect((await seed(first)).status).toBe(500);
    broken = false;
    expect((await seed(first)).status).toBe(200);
    expect((await seed(first)).status).toBe(200);
    expect(seen).toHaveLength(1);
  });

  it('has the printed key as admin and the printed sign-in as owner', async () => {
    const me = await (await withKey(first.apiKey)('/api/me')).json();
    expect(me).toMatchObject({
      key: { name: 'Demo key' },
      team: { name: 'Demo team', timeZone: 'Europe/Berlin' },
      role: 'admin',
    });
    expect((await signIn(first.password)).status).toBe(200);
  });

  it('is made once, and takes the key and password of a later start', async () => {
    const second = { password: 'second-password', apiKey: 'pm_other_0123456789abcdefghij' };
    expect(await (await seed(second)).json()).toEqual({ seeded: false });
    expect((await withKey(second.apiKey)('/api/me')).status).toBe(200);
    expect((await signIn(second.password)).status).toBe(200);
    expect((await signIn(first.password)).status).toBe(401);
    const { db } = services(env);
    const rows = async (table: typeof user | typeof organization) =>
      (await db.select({ n: count() }).from(table))[0]!.n;
    expect([await rows(user), await rows(organization)]).toEqual([1, 1]);
  });
});
