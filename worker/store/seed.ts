/** The demo team of a fresh data folder. Safe to be killed at any point and run again. */
import { and, eq, ne } from 'drizzle-orm';
import type { Services } from '../services.ts';
import { hashPassword, verifyPassword } from './identity.ts';
import { hashKey, insertKey, keyRow } from './keys.ts';
import { account, apiKey, organization, user } from './schema.ts';
import { seedLeadQualification } from './seed-content.ts';
import { insertTeam } from './teams.ts';

/**
 * What the demo team starts with; each adds its own. Runs once, but again from the start when the server was killed
 * in between: an entry first looks whether its thing is there. `actorId` is the demo user's id.
 */
export type SeedContent = (services: Services, teamId: string, actorId: string) => Promise<void>;
export const seedContent: SeedContent[] = [seedLeadQualification];

export const DEMO_EMAIL = 'demo@example.com';
/** other teams have their id for a slug, so this one is found whatever it is renamed to */
const DEMO_SLUG = 'demo';
const DEMO_KEY_NAME = 'Demo key';
const CONTENT_DONE = JSON.stringify({ contentSeeded: true });

export interface SeedOptions {
  password: string;
  /** a text that `isApiKey` accepts */
  apiKey: string;
}

/**
 * Makes demo user, team, key and content when there is no user at all. Later starts only see to it that the key and
 * (unless its owner changed it) the password they print do work. Answers whether the team was made now.
 */
export async function seedDemo(services: Services, options: SeedOptions): Promise<boolean> {
  const { db } = services;
  const seeded = (await db.query.user.findFirst({ columns: { id: true } })) === undefined;
  if (seeded) await plantTeam(services, options);
  const team = await db.query.organization.findFirst({ where: eq(organization.slug, DEMO_SLUG) });
  const demo = await db.query.user.findFirst({ where: eq(user.email, DEMO_EMAIL) });
  if (!team || !demo) return false;
  if (!seeded) {
    await keepPassword(services, demo.id, options.password);
    await keepKey(services, team.id, demo.id, options.apiKey);
  }
  if (team.metadata !== CONTENT_DONE) {
    for (const plant of seedContent) await plant(services, team.id, demo.id);
    await db.update(organization).set({ metadata: CONTENT_DONE }).where(eq(organization.id, team.id));
  }
  return seeded;
}

async function plantTeam(services: Services, options: SeedOptions) {
  const { db, newId, now } = services;
  const [ownerId, teamId, nowMs] = [newId('user'), newId('team'), now()];
  const at = { createdAt: new Date(nowMs), updatedAt: new Date(nowMs) };
  const [team, owner] = insertTeam(db, {
    teamId,
    slug: DEMO_SLUG,
    memberId: newId('member'),
    name: 'Demo team',
    timeZone: 'Europe/Berlin',
    ownerId,
    nowMs,
  });
  await db.batch([
    db.insert(user).values({ id: ownerId, name: 'Demo', email: DEMO_EMAIL, emailVerified: true, ...at }),
    db.insert(account).values({
      id: newId('account'),
      accountId: ownerId,
      providerId: 'credential',
      userId: ownerId,
      password: await hashPassword(options.password),
      ...at,
    }),
    team,
    owner,
    insertKey(db, await demoKey(services, teamId, ownerId, options.apiKey)),
  ]);
}

const demoKey = ({ newId, now }: Services, teamId: string, createdBy: string, key: string) =>
  keyRow(key, {
    id: newId('key'),
    teamId,
    name: DEMO_KEY_NAME,
    role: 'admin',
    tags: [],
    requestsPerMinute: null,
    tokensPerMinute: null,
    cacheTtlSeconds: null,
    allowedModels: null,
    deniedModels: [],
    maxInputTokens: null,
    createdBy,
    createdAt: new Date(now()).toISOString(),
    expiresAt: null,
  });

async function keepKey(services: Services, teamId: string, actorId: string, key: string) {
  const { db } = services;
  const hash = hashKey(key);
  const found = await db.query.apiKey.findFirst({ where: eq(apiKey.hash, hash) });
  if (found) return;
  await db.batch([
    db
      .delete(apiKey)
      .where(and(eq(apiKey.teamId, teamId), eq(apiKey.name, DEMO_KEY_NAME), ne(apiKey.hash, hash))),
    insertKey(db, await demoKey(services, teamId, actorId, key)),
  ]);
}

/** A password nobody changed by hand follows what the start prints; `updatedAt` stays, so it still counts as unchanged. */
async function keepPassword({ db }: Services, userId: string, password: string) {
  const row = await db.query.account.findFirst({
    where: and(eq(account.userId, userId), eq(account.providerId, 'credential')),
  });
  if (!row?.password || row.updatedAt.getTime() !== row.createdAt.getTime()) return;
  if (await verifyPassword({ hash: row.password, password })) return;
  await db
    .update(account)
    .set({ password: await hashPassword(password) })
    .where(eq(account.id, row.id));
}
