/** /api/auth/*: better-auth's own paths for people: sign up, in and out, session, password. Teams live at /api/teams. */
import type { Context } from 'hono';
import { AUTH_PATH, identity } from '../store/identity.ts';
import { clearWindow, countInWindow, sweepWindows } from '../store/rate-windows.ts';
import { Refused } from './errors.ts';
import { hashKey } from '../store/keys.ts';
import { newRoutes, type AppEnv } from './routes.ts';

const WINDOW_MS = 60_000;
/** per account and address; the sixth wrong try in a minute is refused (AUTH-3) */
const TRIES_PER_ADDRESS = 5;
/** per account whatever the address: a forged or rotating address does not open the door */
const TRIES_PER_ACCOUNT = 30;

export const signIn = newRoutes();
signIn.on(['GET', 'POST'], `${AUTH_PATH}/*`, async (c) => {
  const path = c.req.path.slice(AUTH_PATH.length);
  // organization's own endpoints would change teams past our audit log
  if (path.startsWith('/organization'))
    throw new Refused({ reason: 'not_found', message: 'Teams are at /api/teams.' });
  if (path === '/sign-in/email' && c.req.method === 'POST') return limitedSignIn(c);
  return people(c);
});

/** better-auth's answer; what it did not expect becomes our own 500 without a word of its own. */
async function people(c: Context<AppEnv>): Promise<Response> {
  const answer = await identity(c.get('services'), new URL(c.req.url).origin).handler(c.req.raw);
  if (answer.status >= 500) throw new Error(`better-auth answered ${answer.status}: ${await answer.text()}`);
  return answer;
}

/** Tries are counted before the password is looked at, so that a hundred at once are not a hundred guesses. */
async function limitedSignIn(c: Context<AppEnv>): Promise<Response> {
  const { db, now } = c.get('services');
  const account = await accountOf(c.req.raw.clone());
  const address = c.req.header('cf-connecting-ip') ?? 'unknown';
  const windows = [
    { key: `sign-in:${account}:${address}`, limit: TRIES_PER_ADDRESS },
    { key: `sign-in:${account}`, limit: TRIES_PER_ACCOUNT },
  ];
  for (const { key, limit } of windows) {
    const { count, resetsAtMs } = await countInWindow(db, { key, windowMs: WINDOW_MS, nowMs: now() });
    if (count <= limit) continue;
    const retryAfterSeconds = Math.max(1, Math.ceil((resetsAtMs - now()) / 1000));
    throw new Refused({
      reason: 'rate_limited',
      message: `Too many tries. Wait ${retryAfterSeconds} seconds.`,
      retryAfterSeconds,
    });
  }
  const answer = await people(c);
  if (answer.ok) await Promise.all(windows.map(({ key }) => clearWindow(db, key)));
  else c.executionCtx.waitUntil(sweepWindows(db, now()));
  return answer;
}

/** The account that is tried, as a hash: the table of counts need not know e-mail addresses. */
async function accountOf(request: { json(): Promise<unknown> }): Promise<string> {
  const body: unknown = await request.json().catch(() => null);
  const email = (body as { email?: unknown } | null)?.email;
  return hashKey(typeof email === 'string' ? email.trim().toLowerCase() : '');
}
