/** Which providers can a team reach? The sandbox, the deployment's own connections, and its own. */
import { eq } from 'drizzle-orm';
import { SANDBOX } from '../domain/cost/sandbox-prices.ts';
import type { Vars } from '../env.ts';
import type { Db } from '../services.ts';
import { providerConnection } from './schema.ts';

/** Provider ids without repeats; the sandbox stands first. */
export async function connectedProviders(db: Db, vars: Vars, teamId: string): Promise<string[]> {
  const own = await db
    .selectDistinct({ provider: providerConnection.provider })
    .from(providerConnection)
    .where(eq(providerConnection.teamId, teamId));
  const deployment = [
    ...(vars.OPENAI_API_KEY || vars.OPENAI_BASE_URL ? ['openai'] : []),
    ...(vars.ANTHROPIC_API_KEY || vars.ANTHROPIC_BASE_URL ? ['anthropic'] : []),
    ...(vars.GEMINI_API_KEY || vars.GEMINI_BASE_URL ? ['gemini'] : []),
  ];
  return [...new Set([SANDBOX, ...deployment, ...own.map((row) => row.provider)])];
}
