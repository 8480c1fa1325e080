/** Who is behind a request: the team API key it carries, or the person of its session cookie. */
import type { Context } from 'hono';
import { isApiKey } from '../domain/access/api-key.ts';
import { identity, ownOrigins } from '../store/identity.ts';
import { findKeyByHash, hashKey, touchKey, type ApiKey } from '../store/keys.ts';
import { membershipsOf } from '../store/teams.ts';
import { Refused } from './errors.ts';
import { knownKeys } from './key-cache.ts';
import type { AppEnv, Caller } from './routes.ts';

const SESSION_COOKIE = /(^|;\s*)(__Secure-)?pm\.session_token=/;
const TOUCH_MS = 60_000;

/** Throws 401 when nobody we know is calling. A key that is sent is what counts, even beside a cookie. */
export async function callerOf(c: Context<AppEnv>): Promise<Caller> {
  const text = sentKey(c);
  if (text !== null) return { kind: 'key', key: await keyOf(c, text) };
  if (SESSION_COOKIE.test(c.req.header('cookie') ?? '')) return personOf(c);
  throw new Refused({ reason: 'unauthenticated' });
}

/** The key as each official SDK sends it; null when there is none. */
function sentKey(c: Context<AppEnv>): string | null {
  const bearer = /^Bearer\s+(.*)$/i.exec(c.req.header('authorization') ?? '')?.[1];
  return bearer ?? c.req.header('x-api-key') ?? c.req.header('x-goog-api-key') ?? c.req.query('key') ?? null;
}

/** One message for garbage, forged, deleted and expired keys: nobody learns which it was. */
const refusedKey = () => new Refused({ reason: 'unauthenticated', message: 'The API key is not valid.' });

async function keyOf(c: Context<AppEnv>, text: string): Promise<ApiKey> {
  const { db, now } = c.get('services');
  const key = text.trim();
  if (!isApiKey(key)) throw refusedKey();
  const found = await knownKeys.get(key, now, () => findKeyByHash(db, hashKey(key)));
  if (!found) throw refusedKey();
  if (found.expiresAt !== null && Date.parse(found.expiresAt) <= now()) throw refusedKey();
  if (found.lastUsedAt === null || Date.parse(found.lastUsedAt) < now() - TOUCH_MS) {
    found.lastUsedAt = new Date(now()).toISOString();
    // only a note for people: the call goes on without it
    c.executionCtx.waitUntil(touchKey(db, found.id, now()).catch(() => {}));
  }
  return found;
}

/** A cookie travels by itself, so what changes something (or opens a socket) must come from our own pages. */
function refuseForeignPages(c: Context<AppEnv>) {
  const reads = ['GET', 'HEAD', 'OPTIONS'].includes(c.req.method);
  if (reads && c.req.header('upgrade')?.toLowerCase() !== 'websocket') return;
  const origin = c.req.header('origin');
  const own =
    origin !== undefined && origin !== 'null'
      ? ownOrigins(c.get('services'), new URL(c.req.url).origin).includes(origin)
      : c.req.header('sec-fetch-site') === 'same-origin';
  if (own) return;
  throw new Refused({
    reason: 'forbidden',
    message: 'A session may only be used from our own pages. Programs use a team API key.',
  });
}

async function personOf(c: Context<AppEnv>): Promise<Caller> {
  const services = c.get('services');
  const { response: found, headers } = await identity(services, new URL(c.req.url).origin).api.getSession({
    headers: c.req.raw.headers,
    returnHeaders: true,
  });
  if (!found)
    throw new Refused({ reason: 'unauthenticated', message: 'The session has ended. Sign in again.' });
  refuseForeignPages(c);
  for (const cookie of headers.getSetCookie()) c.header('set-cookie', cookie, { append: true });
  const { user, session } = found;
  return {
    kind: 'user',
    user: { id: user.id, name: user.name, email: user.email },
    sessionId: session.id,
    lastTeamId: session.activeOrganizationId ?? null,
    memberships: await membershipsOf(services.db, user.id),
  };
}
