/** A team's notification channels: settings in the open, secret addresses and signing secrets sealed. */
import { and, asc, eq, inArray } from 'drizzle-orm';
import type { Target } from '../domain/contracts/channel.ts';
import { DEFAULT_CHANNEL_ID, DEFAULT_LEVELS, hintOf, type Channel } from '../domain/notify/channel.ts';
import type { NoticeLevel } from '../domain/notify/notice.ts';
import type { CoreServices } from '../services.ts';
import { member, notificationChannel, user } from './schema.ts';
import { openSecret, sealSecret } from './secrets.ts';

type Row = typeof notificationChannel.$inferSelect;

/** What is sealed: a secret address, and signing secrets with how long each still signs (null = until it is changed). */
interface Sealed {
  url?: string;
  secrets: { secret: string; until: string | null }[];
}

/** A changed secret signs beside the new one for this long, so that receivers can follow. */
const OVERLAP_MS = 24 * 3_600_000;

const toChannel = (row: Row): Channel => ({
  id: row.id,
  teamId: row.teamId,
  type: row.type as Channel['type'],
  name: row.name,
  enabled: row.enabled,
  levels: row.levels as NoticeLevel[],
  events: row.events,
  to: row.recipients,
  url: row.url,
  urlHint: row.urlHint,
  createdAt: row.createdAt,
  updatedAt: row.updatedAt,
});

const defaultChannel = (teamId: string): Channel => ({
  id: DEFAULT_CHANNEL_ID,
  teamId,
  type: 'email',
  name: 'Owners and admins',
  enabled: true,
  levels: [...DEFAULT_LEVELS.email],
  events: [],
  to: [],
  url: null,
  urlHint: null,
  createdAt: '1970-01-01T00:00:00.000Z',
  updatedAt: '1970-01-01T00:00:00.000Z',
});

/** Every channel of the team, the default first, then oldest first. */
export async function listChannels({ db }: Pick<CoreServices, 'db'>, teamId: string): Promise<Channel[]> {
  const rows = await db
    .select()
    .from(notificationChannel)
    .where(eq(notificationChannel.teamId, teamId))
    .orderBy(asc(notificationChannel.id));
  const isDefault = ({ id }: Row) => id === DEFAULT_CHANNEL_ID;
  const own = rows.find(isDefault);
  return [
    own ? toChannel(own) : defaultChannel(teamId),
    ...rows.filter((row) => !isDefault(row)).map(toChannel),
  ];
}

const ofTeam = (teamId: string, id: string) =>
  and(eq(notificationChannel.teamId, teamId), eq(notificationChannel.id, id));

async function findRow(db: CoreServices['db'], teamId: string, id: string): Promise<Row | undefined> {
  const [row] = await db.select().from(notificationChannel).where(ofTeam(teamId, id));
  return row;
}

export async function findChannel(
  { db }: Pick<CoreServices, 'db'>,
  teamId: string,
  id: string,
): Promise<Channel | null> {
  const row = await findRow(db, teamId, id);
  if (row) return toChannel(row);
  return id === DEFAULT_CHANNEL_ID ? defaultChannel(teamId) : null;
}

export type NewChannel = Pick<Channel, 'type' | 'name' | 'enabled' | 'levels' | 'events' | 'to'> & {
  /** where it posts to; null for mail */
  url: string | null;
  /** null unless it signs */
  secret: string | null;
};

/** Slack's and Discord's addresses are secrets: whoever knows one can post. */
const isSecretUrl = (type: Channel['type']) => type === 'slack' || type === 'discord';

const addressOf = (type: Channel['type'], url: string | null) =>
  url === null
    ? { url: null, urlHint: null }
    : { url: isSecretUrl(type) ? null : url, urlHint: isSecretUrl(type) ? hintOf(url) : null };

export async function insertChannel(
  services: CoreServices,
  teamId: string,
  { url, secret, to, ...given }: NewChannel,
): Promise<Channel> {
  const id = services.newId('channel');
  const at = new Date(services.now()).toISOString();
  const sealed: Sealed = { secrets: secret ? [{ secret, until: null }] : [] };
  if (url !== null && isSecretUrl(given.type)) sealed.url = url;
  const row: Row = {
    ...given,
    id,
    teamId,
    recipients: to,
    ...addressOf(given.type, url),
    sealed: await seal(services, { teamId, id, sealed }),
    createdAt: at,
    updatedAt: at,
  };
  await services.db.insert(notificationChannel).values(row);
  return toChannel(row);
}

export type ChannelChange = Partial<Pick<Channel, 'name' | 'enabled' | 'levels' | 'events' | 'to'>> & {
  url?: string;
};

/** Changes what is named; the default channel's row begins with its first change. Null when there is none. */
export async function changeChannel(
  services: CoreServices,
  { teamId, id }: { teamId: string; id: string },
  { url, to, ...change }: ChannelChange,
): Promise<Channel | null> {
  const { db } = services;
  const at = new Date(services.now()).toISOString();
  if (id === DEFAULT_CHANNEL_ID) {
    const { to: _, ...rest } = defaultChannel(teamId);
    await db
      .insert(notificationChannel)
      .values({ ...rest, recipients: [], sealed: null, createdAt: at, updatedAt: at })
      .onConflictDoNothing();
  }
  const row = await findRow(db, teamId, id);
  if (!row) return null;
  const address = url === undefined ? {} : addressOf(row.type as Channel['type'], url);
  if (url !== undefined && isSecretUrl(row.type as Channel['type'])) {
    const sealed = await unseal(services, row);
    Object.assign(address, { sealed: await seal(services, { teamId, id, sealed: { ...sealed, url } }) });
  }
  const [changed] = await db
    .update(notificationChannel)
    .set({ ...change, ...address, ...(to ? { recipients: to } : {}), updatedAt: at })
    .where(ofTeam(teamId, id))
    .returning();
  return changed ? toChannel(changed) : null;
}

/** A new signing secret; the one before goes on signing for a day. */
export async function rotateSecret(
  services: CoreServices,
  { teamId, id }: { teamId: string; id: string },
  secret: string,
): Promise<Channel | null> {
  const row = await findRow(services.db, teamId, id);
  if (!row) return null;
  const sealed = await unseal(services, row);
  const until = new Date(services.now() + OVERLAP_MS).toISOString();
  const [newest] = sealed.secrets;
  const next: Sealed = {
    ...sealed,
    secrets: [{ secret, until: null }, ...(newest ? [{ ...newest, until }] : [])],
  };
  const [changed] = await services.db
    .update(notificationChannel)
    .set({
      sealed: await seal(services, { teamId, id, sealed: next }),
      updatedAt: new Date(services.now()).toISOString(),
    })
    .where(ofTeam(teamId, id))
    .returning();
  return changed ? toChannel(changed) : null;
}

export async function removeChannel(
  { db }: Pick<CoreServices, 'db'>,
  teamId: string,
  id: string,
): Promise<void> {
  await db.delete(notificationChannel).where(ofTeam(teamId, id));
}

/** The channel with its secrets open, for the one who sends. */
export async function targetOf(services: CoreServices, channel: Channel): Promise<Target> {
  if (channel.id === DEFAULT_CHANNEL_ID)
    return { to: await ownersAndAdmins(services, channel.teamId), url: null, secrets: [] };
  const row = await findRow(services.db, channel.teamId, channel.id);
  const sealed = row ? await unseal(services, row) : { secrets: [] };
  const now = new Date(services.now()).toISOString();
  return {
    to: channel.to,
    url: channel.url ?? sealed.url ?? null,
    secrets: sealed.secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret),
  };
}

/** At most so many are mailed to by default. */
const MOST_RECIPIENTS = 50;

export async function ownersAndAdmins({ db }: Pick<CoreServices, 'db'>, teamId: string): Promise<string[]> {
  const rows = await db
    .select({ email: user.email })
    .from(member)
    .innerJoin(user, eq(user.id, member.userId))
    .where(and(eq(member.organizationId, teamId), inArray(member.role, ['owner', 'admin'])))
    .orderBy(asc(member.id))
    .limit(MOST_RECIPIENTS);
  return rows.map(({ email }) => email);
}

const seal = (
  services: CoreServices,
  { teamId, id, sealed }: { teamId: string; id: string; sealed: Sealed },
) => sealSecret(services, { teamId, purpose: id, text: JSON.stringify(sealed) });

async function unseal(services: CoreServices, row: Row): Promise<Sealed> {
  if (row.sealed === null) return { secrets: [] };
  const { teamId, id: purpose, sealed } = row;
  return JSON.parse(await openSecret(services, { teamId, purpose, sealed })) as Sealed;
}
