import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { anonymous, cookiesOf, ORIGIN, signUp } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';

const signIn = (email: string, password: string, headers: Record<string, string> = {}) =>
  anonymous('/api/auth/sign-in/email', { json: { email, password }, headers });

describe('signing in', () => {
  it('works as a page does it in this process: no cookie yet, no browser headers', async () => {
    const ada = await signUp('Ada', 'correct horse');
    const response = await signIn(ada.email, 'correct horse');
    expect(response.status).toBe(200);
    expect(response.headers.getSetCookie()[0]).toMatch(/HttpOnly; SameSite=Lax/i);
    const me = await anonymous('/api/me', { headers: { cookie: cookiesOf(response) } });
    expect(await me.json()).toMatchObject({ user: { email: ada.email } });
  });

  it('works over an old cookie when our own page asks', async () => {
    const ada = await signUp();
    const headers = { cookie: ada.cookie, origin: ORIGIN };
    expect((await signIn(ada.email, ada.password, headers)).status).toBe(200);
    const foreign = { cookie: ada.cookie, origin: 'https://evil.example' };
    expect((await signIn(ada.email, ada.password, foreign)).status).toBe(403);
  });

  it('says the same about an unknown address and a wrong password', async () => {
    const ada = await signUp();
    const wrong = await signIn(ada.email, 'wrong password');
    const unknown = await signIn('nobody@example.com', 'wrong password');
    expect([wrong.status, unknown.status]).toEqual([401, 401]);
    expect(await wrong.text()).toBe(await unknown.text());
  });

  it('makes the sixth wrong try in a minute wait, even when all come at once', async () => {
    const ada = await signUp();
    const tries = await Promise.all(
      Array.from({ length: 9 }, () => signIn(ada.email.toUpperCase(), 'wrong password')),
    );
    const statuses = tries.map(({ status }) => status).sort();
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429, 429, 429]);
    const refused = tries.find(({ status }) => status === 429)!;
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await refused.json()).toMatchObject({ error: { code: 'rate_limited' } });
    const elsewhere = { 'cf-connecting-ip': '203.0.113.7' };
    expect((await signIn(ada.email, ada.password, elsewhere)).status).toBe(200);
  });

  it('forgets the wrong tries after a right one', async () => {
    const ada = await signUp();
    for (let i = 0; i < 4; i++) expect((await signIn(ada.email, 'wrong password')).status).toBe(401);
    expect((await signIn(ada.email, ada.password)).status).toBe(200);
    for (let i = 0; i < 5; i++) expect((await signIn(ada.email, 'wrong password')).status).toBe(401);
  });
});

describe('signing up', () => {
  it('wants a password of 8 characters and a real address', async () => {
    for (const [email, password] of [
      ['short@example.com', '1234567'],
      ["' OR 1=1 --", 'long enough'],
    ]) {
      const response = await anonymous('/api/auth/sign-up/email', { json: { name: 'x', email, password } });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
    }
  });

  it('keeps the password as a salted hash only', async () => {
    const ada = await signUp('Ada', 'correct horse');
    const rows = await services(env).db.query.account.findMany();
    const own = rows.find((row) => row.userId === ada.userId)!;
    expect(own.password).toMatch(/^[0-9a-f]{32}:[0-9a-f]{128}$/);
    expect(own.id).toMatch(/^acc_/);
  });

  it.each([['not json at all'], ['{"email":'], ['[]'], ['null'], ['{"email":{"$gt":""},"password":[]}']])(
    'answers bad input with a client error and no insides: %s',
    async (body) => {
      for (const path of ['sign-up', 'sign-in']) {
        const headers = { 'content-type': 'application/json' };
        const response = await anonymous(`/api/auth/${path}/email`, { method: 'POST', body, headers });
        expect(response.status).toBeGreaterThanOrEqual(400);
        expect(response.status).toBeLessThan(500);
        expect(await response.text()).not.toMatch(/ at \w|node_modules|select |insert /i);
      }
    },
  );

  it("leaves better-auth's own team endpoints closed", async () => {
    const ada = await signUp();
    const json = { name: 'past the audit log', slug: 'x' };
    expect((await ada.fetch('/api/auth/organization/create', { json })).status).toBe(404);
  });
});
