/** Which providers can a team reach? The sandbox, the deployment's own connections, and its own. */
import { eq } from 'drizzle-orm';
import { soldAs } from '../domain/call/resolve-model.ts';
import { SANDBOX } from '../domain/cost/sandbox-prices.ts';
import type { CoreServices } from '../services.ts';
import { soldBy, type LiveConnection } from './connections.ts';
import { providerConnection } from './schema.ts';

/** The same from connections that are open already: at most as old as those (store/connections.ts). */
export function providersOf(connections: readonly LiveConnection[]): string[] {
  const open = connections.filter(({ closed }) => !closed);
  const given = open.filter(({ trusted }) => trusted);
  const own = open.filter(({ trusted }) => !trusted);
  return [...new Set([SANDBOX, ...[...given, ...own].map(soldAs)])];
}

/** Whose prices hold at its connections (`soldBy`), without repeats; the sandbox stands first. */
export async function connectedProviders(
  { db, vars, prices }: Pick<CoreServices, 'db' | 'vars' | 'prices'>,
  teamId: string,
): Promise<string[]> {
  const own = await db
    .select({
      provider: providerConnection.provider,
      name: providerConnection.name,
      baseUrl: providerConnection.baseUrl,
      freeSince: providerConnection.freeSince,
    })
    .from(providerConnection)
    .where(eq(providerConnection.teamId, teamId));
  const deployment = [
    ...(vars.OPENAI_API_KEY || vars.OPENAI_BASE_URL ? ['openai'] : []),
    ...(vars.ANTHROPIC_API_KEY || vars.ANTHROPIC_BASE_URL ? ['anthropic'] : []),
    ...(vars.GEMINI_API_KEY || vars.GEMINI_BASE_URL ? ['gemini'] : []),
  ];
  return [...new Set([SANDBOX, ...deployment, ...own.map((row) => soldBy(prices, row))])];
}
