/** First answers, kept sealed (one of them may be a new API key) for whoever repeats a request under the same Idempotency-Key. */
import { and, eq, isNull, lt, or } from 'drizzle-orm';
import type { CoreServices } from '../services.ts';
import { idempotency } from './schema.ts';
import { openSecret, sealSecret } from './secrets.ts';

/** A request that has not been answered after this long died with its Worker: another may take its place. */
const WORKED_ON_MS = 15 * 60_000;
const KEPT_MS = 24 * 60 * 60_000;

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
  if (row.body === null) return { is: 'not_kept' };
  const text = await openSecret(services, {
    teamId: attempt.teamId,
    purpose: purposeOf(attempt),
    sealed: row.body,
  });
  return {
    is: 'repeat',
    answer: { status: row.status, ...(JSON.parse(text) as Omit<KeptAnswer, 'status'>) },
  };
}

/** Keeps the answer; without a body (a stream) only that there was one. */
export async function keep(
  services: CoreServices,
  attempt: Attempt,
  answer: Omit<KeptAnswer, 'body'> & { body: string | null },
): Promise<void> {
  const { status, headers, body } = answer;
  const text = JSON.stringify({ headers, body });
  const sealed =
    body === null
      ? null
      : await sealSecret(services, { teamId: attempt.teamId, purpose: purposeOf(attempt), text });
  await services.db.update(idempotency).set({ status, body: sealed }).where(rowOf(attempt));
}

/** Nothing came of it: the key may be used again. */
export async function release({ db }: CoreServices, attempt: Attempt): Promise<void> {
  await db.delete(idempotency).where(and(rowOf(attempt), isNull(idempotency.status)));
}

/** Answers that are kept no longer. */
export async function sweepKeptAnswers({ db, now }: CoreServices): Promise<void> {
  await db.delete(idempotency).where(lt(idempotency.createdAt, new Date(now() - KEPT_MS).toISOString()));
}
