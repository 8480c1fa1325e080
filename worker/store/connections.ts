/** Ways to providers: a team's own (keys sealed), the deployment's, and the built-in sandbox. */
import { and, asc, eq } from 'drizzle-orm';
import { isPrivateHost } from '../domain/access/private-address.ts';
import type { Reachable } from '../domain/call/resolve-model.ts';
import type { Connection } from '../domain/contracts/provider.ts';
import { COMPATIBLE, type PriceTable } from '../domain/cost/price-table.ts';
import { recent } from '../domain/recent.ts';
import type { CoreServices } from '../services.ts';
import { providerConnection } from './schema.ts';
import { openSecret, sealSecret } from './secrets.ts';

export const PRIVATE =
  'This address is in a private network. Whoever runs the server can allow it with ALLOW_PRIVATE_NETWORK=1.';

/** May a team make the server call this address? */
export const mayReach = ({ vars }: Pick<CoreServices, 'vars'>, baseUrl: string | null): boolean =>
  vars.ALLOW_PRIVATE_NETWORK || baseUrl === null || !isPrivateHost(new URL(baseUrl).hostname);

/** Ready to be used: the key is open. Never leaves the server. */
export type LiveConnection = Connection & Reachable & { trusted: boolean };

/** What may be shown of a connection. */
export interface ShownConnection {
  id: string;
  provider: string;
  name: string;
  /** last four characters; null where there is no key */
  keyHint: string | null;
  baseUrl: string | null;
  /** values are never shown */
  headerNames: string[];
  options: Record<string, string>;
  /** the team says that its models cost nothing */
  free: boolean;
  /** whose prices hold for its models; rows of the ledger name this */
  sells: string;
  models: string[];
  testedAt: string | null;
  /** the provider's own words when the last test failed */
  failure: string | null;
  /** `deployment` ones are set by whoever runs the server and cannot be changed here */
  source: 'built_in' | 'deployment' | 'team';
}

const DEPLOYMENT = 'deployment';

/** Open connections by team: plain data, so requests may share it. Other isolates see a change after this long. */
const opened = recent<LiveConnection[]>({ forMs: 5_000, size: 500 });

type Row = typeof providerConnection.$inferSelect;

/**
 * Whose prices hold at a connection: its provider's; at a server of OpenAI's dialect those of whoever's server it is, and where nobody
 * is known (or the team says that it is free) prices of its own, apart from those of other connections.
 */
export function soldBy(
  prices: Pick<PriceTable, 'providerAt'>,
  { provider, name, baseUrl, freeSince }: Pick<Row, 'provider' | 'name' | 'baseUrl' | 'freeSince'>,
): string {
  if (provider !== COMPATIBLE) return provider;
  const known = baseUrl !== null && freeSince === null ? prices.providerAt(baseUrl) : null;
  return known ?? (name === 'default' ? COMPATIBLE : `${COMPATIBLE}:${name}`);
}

const headersOf = async (services: CoreServices, { teamId, id, headers, sealedHeaders }: Row) => ({
  ...headers,
  ...(sealedHeaders === null
    ? {}
    : (JSON.parse(
        await openSecret(services, { teamId, purpose: headersPurpose(id), sealed: sealedHeaders }),
      ) as Record<string, string>)),
});
const headersPurpose = (id: string) => `${id} headers`;

/** Every way the team has, the sandbox first, its own before the deployment's. */
export const connectionsOf = (services: CoreServices, teamId: string): Promise<LiveConnection[]> =>
  opened.get(teamId, services.now, () => openConnections(services, teamId));

async function openConnections(services: CoreServices, teamId: string): Promise<LiveConnection[]> {
  const rows = await rowsOf(services, teamId);
  const own = await Promise.all(
    rows.map(async (row): Promise<LiveConnection> => ({
      id: row.id,
      provider: row.provider,
      name: row.name,
      apiKey: await openSecret(services, { teamId, purpose: row.id, sealed: row.sealedKey }),
      baseUrl: row.baseUrl,
      headers: await headersOf(services, row),
      options: row.options,
      sells: soldBy(services.prices, row),
      models: row.models,
      closed: false,
      trusted: false,
    })),
  );
  return [...services.builtInConnections, ...own, ...deploymentConnections(services)];
}

/** What the deployment gives to every team. A base URL alone also counts: local servers ask for no key. */
function deploymentConnections({ vars }: CoreServices): LiveConnection[] {
  const given = [
    { provider: 'openai', apiKey: vars.OPENAI_API_KEY, baseUrl: vars.OPENAI_BASE_URL },
    { provider: 'anthropic', apiKey: vars.ANTHROPIC_API_KEY, baseUrl: vars.ANTHROPIC_BASE_URL },
    { provider: 'gemini', apiKey: vars.GEMINI_API_KEY, baseUrl: vars.GEMINI_BASE_URL },
  ];
  return given
    .filter(({ apiKey, baseUrl }) => apiKey !== undefined || baseUrl !== undefined)
    .map(({ provider, apiKey, baseUrl }) => ({
      id: `${DEPLOYMENT}-${provider}`,
      provider,
      name: DEPLOYMENT,
      apiKey: apiKey ?? 'none',
      baseUrl: baseUrl ?? null,
      headers: {},
      models: [],
      closed: false,
      trusted: true,
      shared: true,
    }));
}

const rowsOf = ({ db }: CoreServices, teamId: string) =>
  db.query.providerConnection.findMany({
    where: eq(providerConnection.teamId, teamId),
    orderBy: [asc(providerConnection.createdAt), asc(providerConnection.id)],
  });

export async function listConnections(services: CoreServices, teamId: string): Promise<ShownConnection[]> {
  const own = (await rowsOf(services, teamId)).map((row) => shownOf(services, row));
  const given = (connection: LiveConnection, source: 'built_in' | 'deployment'): ShownConnection => ({
    id: connection.id,
    provider: connection.provider,
    name: connection.name,
    keyHint: null,
    baseUrl: connection.baseUrl,
    headerNames: [],
    options: {},
    free: false,
    sells: connection.provider,
    models: [...connection.models],
    testedAt: null,
    failure: null,
    source,
  });
  return [
    ...services.builtInConnections.map((connection) => given(connection, 'built_in')),
    ...own,
    ...deploymentConnections(services).map((connection) => given(connection, 'deployment')),
  ];
}

const shownOf = (services: Pick<CoreServices, 'prices'>, row: Row): ShownConnection => ({
  id: row.id,
  provider: row.provider,
  name: row.name,
  keyHint: row.keyHint === '' ? null : row.keyHint,
  baseUrl: row.baseUrl,
  headerNames: [...Object.keys(row.headers), ...row.headerNames],
  options: row.options,
  free: row.freeSince !== null,
  sells: soldBy(services.prices, row),
  models: row.models,
  testedAt: row.testedAt,
  failure: row.failure,
  source: 'team',
});

export interface NewConnection {
  teamId: string;
  provider: string;
  name: string;
  /** '' = none */
  apiKey: string;
  baseUrl: string | null;
  headers?: Record<string, string>;
  options?: Record<string, string>;
  free?: boolean;
  models: string[];
}

/** Stores the connection, in place of the one of the same provider and name. */
export async function saveConnection(
  services: CoreServices,
  connection: NewConnection,
): Promise<ShownConnection> {
  const { teamId, provider, name, apiKey, baseUrl, models } = connection;
  const { headers = {}, options = {}, free = false } = connection;
  const before = await findConnection(services, connection);
  const id = before?.id ?? services.newId('connection');
  const at = new Date(services.now()).toISOString();
  const changed = {
    sealedKey: await sealSecret(services, { teamId, purpose: id, text: apiKey }),
    keyHint: apiKey.length >= 12 ? apiKey.slice(-4) : '',
    baseUrl,
    headers: {},
    sealedHeaders:
      Object.keys(headers).length === 0
        ? null
        : await sealSecret(services, { teamId, purpose: headersPurpose(id), text: JSON.stringify(headers) }),
    headerNames: Object.keys(headers),
    options,
    // Free since it was first said: calls from then on keep the name of that price.
    freeSince: free ? (before?.freeSince ?? at) : null,
    models,
    testedAt: at,
    failure: null,
  };
  const [row] = await services.db
    .insert(providerConnection)
    .values({ id, teamId, provider, name, ...changed, createdAt: at })
    // A connect that came in between has another id, for which its key is sealed: the whole row is replaced.
    .onConflictDoUpdate({
      target: [providerConnection.teamId, providerConnection.provider, providerConnection.name],
      set: { id, ...changed },
    })
    .returning();
  opened.forget(teamId);
  return shownOf(services, row!);
}

/** What a new test of a connection found: its models, or the provider's words. */
export async function saveTest(
  services: CoreServices,
  teamId: string,
  { id, ...found }: { id: string } & ({ models: string[] } | { failure: string }),
): Promise<ShownConnection> {
  const [row] = await services.db
    .update(providerConnection)
    .set({ failure: null, ...found, testedAt: new Date(services.now()).toISOString() })
    .where(and(eq(providerConnection.teamId, teamId), eq(providerConnection.id, id)))
    .returning();
  opened.forget(teamId);
  return shownOf(services, row!);
}

export const findConnection = (
  { db }: CoreServices,
  { teamId, provider, name }: { teamId: string; provider: string; name: string },
) =>
  db.query.providerConnection.findFirst({
    columns: {
      id: true,
      provider: true,
      name: true,
      keyHint: true,
      baseUrl: true,
      headerNames: true,
      options: true,
      freeSince: true,
    },
    where: and(
      eq(providerConnection.teamId, teamId),
      eq(providerConnection.provider, provider),
      eq(providerConnection.name, name),
    ),
  });

export async function removeConnection({ db }: CoreServices, teamId: string, id: string): Promise<void> {
  await db
    .delete(providerConnection)
    .where(and(eq(providerConnection.teamId, teamId), eq(providerConnection.id, id)));
  opened.forget(teamId);
}
