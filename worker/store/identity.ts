/** People: sign-up, sign-in and sessions through better-auth, its tables in our D1. One instance per request, as the runtime wants it. */
import { createHmac, randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { betterAuth } from 'better-auth/minimal';
import { drizzleAdapter } from 'better-auth/adapters/drizzle';
import { createAccessControl } from 'better-auth/plugins/access';
import { organization } from 'better-auth/plugins/organization';
import { may, PERMISSIONS, ROLES, type Permission, type Role } from '../domain/access/roles.ts';
import type { IdKind } from '../domain/ids.ts';
import type { Services } from '../services.ts';
import * as schema from './schema.ts';
import { insertTeam, membershipsOf } from './teams.ts';

export const AUTH_PATH = '/api/auth';
export const MIN_PASSWORD_LENGTH = 8;
const SCRYPT = { N: 16384, r: 16, p: 1, maxmem: 64 * 1024 * 1024 };
const HASH_BYTES = 64;

const ID_KIND: Record<string, IdKind> = {
  user: 'user',
  session: 'session',
  account: 'account',
  verification: 'verification',
  organization: 'team',
  member: 'member',
  invitation: 'invitation',
};

/** A secret of this deployment for one purpose, derived from MASTER_KEY so that there is only one to keep. */
export const derivedSecret = (masterKey: string, purpose: string): string =>
  createHmac('sha256', Buffer.from(masterKey, 'base64')).update(`prompt-manage/${purpose}`).digest('base64');

const scryptHash = (password: string, salt: string) =>
  new Promise<Buffer>((resolve, reject) =>
    scrypt(password.normalize('NFKC'), salt, HASH_BYTES, SCRYPT, (error, hash) =>
      error ? reject(error) : resolve(hash),
    ),
  );

/** `<salt>:<scrypt hash>`, both hex. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16).toString('hex');
  return `${salt}:${(await scryptHash(password, salt)).toString('hex')}`;
}

export async function verifyPassword({ hash, password }: { hash: string; password: string }) {
  const [salt, expected] = hash.split(':');
  if (!salt || !expected) return false;
  const wanted = Buffer.from(expected, 'hex');
  return wanted.length === HASH_BYTES && timingSafeEqual(wanted, await scryptHash(password, salt));
}

/** The five roles and our permissions, told to better-auth in its own terms: resource -> actions. */
function accessControl() {
  const statement = (held: (permission: Permission) => boolean) => {
    const resources: Record<string, string[]> = {};
    for (const permission of Object.keys(PERMISSIONS) as Permission[]) {
      const [resource, action] = permission.split('.') as [string, string];
      (resources[resource] ??= []).push(...(held(permission) ? [action] : []));
    }
    return resources;
  };
  const ac = createAccessControl(statement(() => true));
  const roles = Object.fromEntries(
    ROLES.map((role) => [role, ac.newRole(statement((permission) => may(role, permission)))]),
  ) as Record<Role, ReturnType<typeof ac.newRole>>;
  return { ac, roles };
}

/** The origins whose pages may use a session: the one that was asked, and PUBLIC_URL. */
export const ownOrigins = (services: Services, requestOrigin: string): string[] =>
  services.vars.PUBLIC_URL ? [requestOrigin, new URL(services.vars.PUBLIC_URL).origin] : [requestOrigin];

/** better-auth for one request that came to `requestOrigin`. A new person gets a team of their own. */
export function identity(services: Services, requestOrigin: string) {
  const { db, vars } = services;
  return betterAuth({
    appName: 'Prompt Manage',
    basePath: AUTH_PATH,
    baseURL: vars.PUBLIC_URL ? new URL(vars.PUBLIC_URL).origin : requestOrigin,
    secret: derivedSecret(vars.MASTER_KEY, 'session'),
    trustedOrigins: ownOrigins(services, requestOrigin),
    database: drizzleAdapter(db, { provider: 'sqlite', schema }),
    emailAndPassword: {
      enabled: true,
      minPasswordLength: MIN_PASSWORD_LENGTH,
      maxPasswordLength: 256,
      password: { hash: hashPassword, verify: verifyPassword },
    },
    session: { expiresIn: 30 * 24 * 3600, updateAge: 24 * 3600 },
    // wrong passwords are counted in sign-in.ts, in D1, where all isolates see them
    rateLimit: { enabled: false },
    telemetry: { enabled: false },
    logger: { disabled: true },
    // its own refusals are answers; whatever else goes wrong is ours to answer and to log (http/app.ts)
    onAPIError: { throw: true },
    plugins: [organization({ ...accessControl(), creatorRole: 'owner', disableOrganizationDeletion: true })],
    advanced: {
      cookiePrefix: 'pm',
      ipAddress: { ipAddressHeaders: ['cf-connecting-ip'] },
      database: {
        generateId: ({ model }) => {
          const kind = ID_KIND[model];
          if (!kind) throw new Error(`no id prefix for ${model}`);
          return services.newId(kind);
        },
      },
    },
    databaseHooks: {
      user: {
        create: {
          after: async function personalTeam(user) {
            await db.batch(
              insertTeam(db, {
                teamId: services.newId('team'),
                memberId: services.newId('member'),
                name: `${user.name}'s team`,
                timeZone: 'UTC',
                ownerId: user.id,
                nowMs: services.now(),
              }),
            );
          },
        },
      },
      session: {
        create: {
          before: async function firstTeam(session) {
            const [first] = await membershipsOf(db, session.userId);
            return { data: { ...session, activeOrganizationId: first?.teamId ?? null } };
          },
        },
      },
    },
  });
}
