/** Teams, keys and sessions for the tests in the Workers runtime: real rows, and a `fetch` that calls the real Worker with them. */
import { env, exports } from 'cloudflare:workers';
import { makeApiKey } from '../../worker/domain/access/api-key.ts';
import type { Role } from '../../worker/domain/access/roles.ts';
import { services } from '../../worker/services.ts';
import { insertKey, keyRow, type ApiKey } from '../../worker/store/keys.ts';
import { user } from '../../worker/store/schema.ts';
import { insertTeam } from '../../worker/store/teams.ts';

export const ORIGIN = 'http://test';

/** Calls the Worker; an object as `json` becomes a JSON body (POST unless `method` says otherwise). */
export type Fetch = (path: string, init?: RequestInit & { json?: unknown }) => Promise<Response>;

function fetchWith(headers: Record<string, string>): Fetch {
  return (path, { json, ...init } = {}) => {
    const all = new Headers(headers);
    if (json !== undefined) all.set('content-type', 'application/json');
    new Headers(init.headers).forEach((value, name) => all.set(name, value));
    return exports.default.fetch(`${ORIGIN}${path}`, {
      ...(json === undefined ? {} : { method: 'POST', body: JSON.stringify(json) }),
      ...init,
      headers: all,
    });
  };
}

/** Without any credentials. */
export const anonymous: Fetch = fetchWith({});
export const withKey = (key: string): Fetch => fetchWith({ authorization: `Bearer ${key}` });

/** Stores a key of the team and answers its text, which is shown nowhere else. */
export async function makeKey(
  teamId: string,
  role: Role,
  more: Partial<
    Pick<
      ApiKey,
      | 'name'
      | 'tags'
      | 'expiresAt'
      | 'requestsPerMinute'
      | 'tokensPerMinute'
      | 'cacheTtlSeconds'
      | 'allowedModels'
      | 'deniedModels'
      | 'maxInputTokens'
      | 'createdBy'
    >
  > = {},
): Promise<{ key: string; keyId: string; fetch: Fetch }> {
  const { db, newId, now } = services(env);
  const key = makeApiKey(crypto.getRandomValues(new Uint8Array(48)));
  const row = await keyRow(key, {
    id: newId('key'),
    teamId,
    name: 'test key',
    role,
    tags: [],
    requestsPerMinute: null,
    tokensPerMinute: null,
    cacheTtlSeconds: null,
    allowedModels: null,
    deniedModels: [],
    maxInputTokens: null,
    createdBy: null,
    createdAt: new Date(now()).toISOString(),
    expiresAt: null,
    ...more,
  });
  await insertKey(db, row);
  return { key, keyId: row.id, fetch: withKey(key) };
}

/** A new team with an owner, and a key with the role (admin unless told) that `fetch` sends. */
export async function makeTeam(role: Role = 'admin') {
  const { db, newId, now } = services(env);
  const teamId = newId('team');
  const ownerId = newId('user');
  const at = new Date(now());
  const name = `Owner of ${teamId}`;
  await db
    .insert(user)
    .values({ id: ownerId, name, email: `${ownerId}@example.com`, createdAt: at, updatedAt: at });
  await db.batch(
    insertTeam(db, {
      teamId,
      memberId: newId('member'),
      name: `Team ${teamId}`,
      timeZone: 'UTC',
      ownerId,
      nowMs: now(),
    }),
  );
  return { teamId, ownerId, ...(await makeKey(teamId, role, { createdBy: ownerId })) };
}

/** Signs a new person up through the real endpoint; `fetch` sends the session cookie and our own Origin. */
export async function signUp(name = 'Ada', password = 'correct horse') {
  const email = `${crypto.randomUUID()}@example.com`;
  const response = await anonymous('/api/auth/sign-up/email', { json: { name, email, password } });
  if (!response.ok) throw new Error(`sign-up answered ${response.status}: ${await response.text()}`);
  const cookie = cookiesOf(response);
  const session = fetchWith({ cookie, origin: ORIGIN });
  const me = (await (await session('/api/me')).json()) as { user: { id: string }; team: { id: string } };
  return { email, password, cookie, userId: me.user.id, teamId: me.team.id, fetch: session };
}

/** The cookies an answer sets, as a Cookie header. */
export const cookiesOf = (response: Response): string =>
  response.headers
    .getSetCookie()
    .map((cookie) => cookie.split(';')[0])
    .join('; ');
