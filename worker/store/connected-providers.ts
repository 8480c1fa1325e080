/** Which providers can a team reach? The sandbox, the deployment's own connections, and its own. */
import { eq } from 'drizzle-orm';
import { SANDBOX } from '../domain/cost/sandbox-prices.ts';
import type { CoreServices } from '../services.ts';
import { soldBy } from './connections.ts';
import { providerConnection } from './schema.ts';

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
