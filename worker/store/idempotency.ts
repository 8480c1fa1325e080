/** First answers, kept sealed (one of them may be a new API key) for whoever repeats a request under the same Idempotency-Key. */
import { and, eq, inArray, isNotNull, isNull, lt, or } from 'drizzle-orm';
import type { CoreServices } from '../services.ts';
import { idempotency } from './schema.ts';
import { keepText, keptText } from './kept-text.ts';
import { sha256Of } from './sha256.ts';

/** A request that has not been answered after this long died with its Worker: another may take its place. */
const WORKED_ON_MS = 15 * 60_000;
const KEPT_MS = 24 * 60 * 60_000;
const SWEPT_AT_ONCE = 500;

export interface Attempt {
  teamId: string;
  /** method and path */
  route: string;
  key: string;
  /** SHA-256 of the body, hex */
  bodyHash: string;
}

export interface KeptAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type Claim =
  { is: 'first' } | { is: 'working' | 'other_body' | 'not_kept' } | { is: 'repeat'; answer: KeptAnswer };

const purposeOf = ({ route, key }: Attempt) => `idempotency ${route} ${key}`;
const fileKeyOf = async (attempt: Attempt) =>
  `idempotency/${attempt.teamId}/${await sha256Of(`${attempt.route} ${attempt.key}`)}`;
const rowOf = ({ teamId, route, key }: Attempt) =>
  and(eq(idempotency.teamId, teamId), eq(idempotency.route, route), eq(idempotency.key, key));

/** Who is first? Exactly one of several that come at once. */
export async function claim(services: CoreServices, attempt: Attempt): Promise<Claim> {
  const { db } = services;
  const nowMs = services.now();
  const iso = (ms: number) => new Date(ms).toISOString();
  const fresh = { bodyHash: attempt.bodyHash, status: null, body: null, createdAt: iso(nowMs) };
  const [mine] = await db
    .insert(idempotency)
    .values({ teamId: attempt.teamId, route: attempt.route, key: attempt.key, ...fresh })
    .onConflictDoUpdate({
      target: [idempotency.teamId, idempotency.route, idempotency.key],
      set: fresh,
      setWhere: or(
        lt(idempotency.createdAt, iso(nowMs - KEPT_MS)),
        and(isNull(idempotency.status), lt(idempotency.createdAt, iso(nowMs - WORKED_ON_MS))),
      ),
    })
    .returning();
  if (mine) return { is: 'first' };
  const row = await db.query.idempotency.findFirst({ where: rowOf(attempt) });
  if (!row) return { is: 'working' };
  if (row.bodyHash !== attempt.bodyHash) return { is: 'other_body' };
  if (row.status === null) return { is: 'working' };
  const kept = { sealed: row.body, fileKey: row.fileKey };
  const text = await keptText(services, kept, { teamId: attempt.teamId, purpose: purposeOf(attempt) });
  if (text === null) return { is: 'not_kept' };
  return {
    is: 'repeat',
    answer: { status: row.status, ...(JSON.parse(text) as Omit<KeptAnswer, 'status'>) },
  };
}

/** Keeps the answer; without a body (it is too large to be kept) only that there was one. */
export async function keep(
  services: CoreServices,
  attempt: Attempt,
  answer: Omit<KeptAnswer, 'body'> & { body: string | null },
): Promise<void> {
  const { status, headers, body } = answer;
  const fileKey = await fileKeyOf(attempt);
  const update = (kept: { body: string | null; fileKey?: string | null }) =>
    services.db
      .update(idempotency)
      .set({ status, ...kept })
      .where(rowOf(attempt));
  if (body === null) {
    // The row must not lead to what an earlier request left there.
    await update({ body: null, fileKey: null });
    await services.env.FILES.delete(fileKey);
    return;
  }
  const kept = await keepText(services, {
    teamId: attempt.teamId,
    purpose: purposeOf(attempt),
    text: JSON.stringify({ headers, body }),
    fileKey,
  });
  await update(kept.fileKey === null ? { body: kept.sealed } : { body: null, fileKey: kept.fileKey });
}

/** Nothing came of it: the key may be used again. */
export async function release({ db }: CoreServices, attempt: Attempt): Promise<void> {
  await db.delete(idempotency).where(and(rowOf(attempt), isNull(idempotency.status)));
}

/** Forgets answers that are kept no longer, their files first. */
export async function sweepKeptAnswers({ db, env, now }: CoreServices): Promise<void> {
  const past = lt(idempotency.createdAt, new Date(now() - KEPT_MS).toISOString());
  const inFiles = await db
    .select({ fileKey: idempotency.fileKey })
    .from(idempotency)
    .where(and(past, isNotNull(idempotency.fileKey)))
    .limit(SWEPT_AT_ONCE);
  const fileKeys = inFiles.map(({ fileKey }) => fileKey!);
  if (fileKeys.length > 0) await env.FILES.delete(fileKeys);
  for (let at = 0; at < fileKeys.length; at += 50)
    await db.delete(idempotency).where(and(past, inArray(idempotency.fileKey, fileKeys.slice(at, at + 50))));
  await db.delete(idempotency).where(and(past, isNull(idempotency.fileKey)));
}
