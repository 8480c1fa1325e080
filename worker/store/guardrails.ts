/** A team's guardrails and those of its keys, as every paid call asks for them. */
import { and, eq, isNotNull, ne, or } from 'drizzle-orm';
import { NO_GUARDRAILS, type Guardrails, type Rails } from '../domain/guard/guardrails.ts';
import { recent } from '../domain/recent.ts';
import type { CoreServices, Db } from '../services.ts';
import { apiKey, guardrails } from './schema.ts';

interface Known {
  team: Guardrails | null;
  keys: Map<string, Guardrails>;
}
/** By team. Other isolates know a change after this long. */
const known = recent<Known>({ forMs: 3_000, size: 500 });

export const forgetGuardrails = (teamId: string): void => known.forget(teamId);

/** The rules that hold for a call of the team, made with the key if there is one. None is the common case, and costs nothing more. */
export async function railsOf(
  services: Pick<CoreServices, 'db' | 'now'>,
  { teamId, keyId }: { teamId: string; keyId?: string },
): Promise<Rails[]> {
  const { team, keys } = await known.get(teamId, services.now, () => read(services, teamId));
  const key = keyId === undefined ? undefined : keys.get(keyId);
  return [
    ...(team ? [{ of: 'team' as const, rules: team }] : []),
    ...(key ? [{ of: 'key' as const, rules: key }] : []),
  ];
}

async function read({ db }: Pick<CoreServices, 'db'>, teamId: string): Promise<Known> {
  const { id, allowedModels, deniedModels, maxInputTokens } = apiKey;
  const [rows, keys] = await db.batch([
    db.select().from(guardrails).where(eq(guardrails.teamId, teamId)),
    db
      .select({ id, allowedModels, deniedModels, maxInputTokens })
      .from(apiKey)
      .where(
        and(
          eq(apiKey.teamId, teamId),
          or(isNotNull(allowedModels), ne(deniedModels, []), isNotNull(maxInputTokens)),
        ),
      ),
  ]);
  return {
    team: rows[0]?.rules ?? null,
    keys: new Map(keys.map(({ id: keyId, ...rules }) => [keyId, { ...NO_GUARDRAILS, ...rules }])),
  };
}

export async function findGuardrails(db: Db, teamId: string): Promise<Guardrails> {
  const row = await db.query.guardrails.findFirst({ where: eq(guardrails.teamId, teamId) });
  return row?.rules ?? NO_GUARDRAILS;
}

/** The statement that stores a team's rules: put it into a batch beside its audit row, then forgetGuardrails. */
export const saveGuardrails = (
  { db, now }: Pick<CoreServices, 'db' | 'now'>,
  teamId: string,
  rules: Guardrails,
) => {
  const updatedAt = new Date(now()).toISOString();
  return db
    .insert(guardrails)
    .values({ teamId, rules, updatedAt })
    .onConflictDoUpdate({ target: guardrails.teamId, set: { rules, updatedAt } });
};
