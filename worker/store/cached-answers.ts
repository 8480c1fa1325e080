/** Answers of the response cache, sealed like everything that people wrote. */
import { and, eq, inArray, lt } from 'drizzle-orm';
import type { KeptCall, ResponseCache } from '../domain/call/cached-calls.ts';
import type { CoreServices } from '../services.ts';
import { cachedAnswer } from './schema.ts';
import { keepText, keptText } from './kept-text.ts';
import { logLine } from '../domain/log-line.ts';

const SWEPT_AT_ONCE = 500;

const purposeOf = (hash: string) => `cached answer ${hash}`;
const iso = (ms: number) => new Date(ms).toISOString();

export const responseCache = (services: CoreServices): ResponseCache => ({
  async find(teamId, hash) {
    try {
      const row = await services.db.query.cachedAnswer.findFirst({
        where: and(eq(cachedAnswer.teamId, teamId), eq(cachedAnswer.hash, hash)),
      });
      if (!row || Date.parse(row.expiresAt) <= services.now()) return null;
      const text = await keptText(services, row, { teamId, purpose: purposeOf(hash) });
      return text === null ? null : (JSON.parse(text) as KeptCall);
    } catch (error) {
      console.error(logLine({ level: 'error', at: 'responseCache.find', message: String(error) }));
      return null;
    }
  },
  async keep(teamId, hash, { call, ttlSeconds }) {
    const kept = {
      ...(await keepText(services, {
        teamId,
        purpose: purposeOf(hash),
        text: JSON.stringify(call),
        fileKey: `cache/${teamId}/${hash}`,
      })),
      createdAt: iso(call.keptAtMs),
      expiresAt: iso(call.keptAtMs + ttlSeconds * 1000),
    };
    await services.db
      .insert(cachedAnswer)
      .values({ teamId, hash, ...kept })
      .onConflictDoUpdate({ target: [cachedAnswer.teamId, cachedAnswer.hash], set: kept });
  },
});

/** Forgets answers that ran out, their files first. */
export async function sweepCachedAnswers({ db, env, now }: CoreServices): Promise<number> {
  const over = await db
    .select({ teamId: cachedAnswer.teamId, hash: cachedAnswer.hash, fileKey: cachedAnswer.fileKey })
    .from(cachedAnswer)
    .where(lt(cachedAnswer.expiresAt, iso(now())))
    .limit(SWEPT_AT_ONCE);
  if (over.length === 0) return 0;
  const files = over.flatMap(({ fileKey }) => (fileKey === null ? [] : [fileKey]));
  if (files.length > 0) await env.FILES.delete(files);
  const hashes = new Map<string, string[]>();
  for (const { teamId, hash } of over) hashes.set(teamId, [...(hashes.get(teamId) ?? []), hash]);
  for (const [teamId, ofTeam] of hashes)
    for (let at = 0; at < ofTeam.length; at += 50)
      await db.delete(cachedAnswer).where(
        and(
          eq(cachedAnswer.teamId, teamId),
          inArray(cachedAnswer.hash, ofTeam.slice(at, at + 50)),
          // kept anew in the meantime
          lt(cachedAnswer.expiresAt, iso(now())),
        ),
      );
  return over.length;
}
