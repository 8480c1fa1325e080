/** What could not be processed: kept with what a replay needs until a person replays or dismisses it. */
import { and, desc, eq, getTableColumns, lt } from 'drizzle-orm';
import type { CoreServices, Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { deadLetter } from './schema.ts';

export const LETTER_KINDS = ['queue_message', 'schedule_fire', 'webhook_delivery'] as const;
export type LetterKind = (typeof LETTER_KINDS)[number];
export const LETTER_STATUSES = ['open', 'replayed', 'dismissed'] as const;
export type LetterRow = typeof deadLetter.$inferSelect;

export interface NewLetter {
  /** null = of no team we know of */
  teamId: string | null;
  kind: LetterKind;
  /** of one kind and subject there is one open letter: a further failure counts up its attempts */
  subject: string;
  workflowId: string | null;
  reason: string;
  message: string;
  payload: unknown;
}

/** Larger ones stand in R2. */
const INLINE_CHARS = 64 * 1024;
const MOST_MESSAGE = 1_000;
/** So many stand open per team: whoever floods an address does not fill the store. */
const MOST_OPEN = 5_000;

export async function buryLetter(
  { env, newId, now }: Pick<CoreServices, 'env' | 'newId' | 'now'>,
  { payload, ...letter }: NewLetter,
): Promise<void> {
  const id = newId('deadLetter');
  const at = new Date(now()).toISOString();
  const text = JSON.stringify(payload ?? null);
  const key = text.length > INLINE_CHARS ? `dead-letters/${id}.json` : null;
  if (key) await env.FILES.put(key, text);
  const written = await env.DB.prepare(
    `INSERT INTO dead_letter (id, team_id, kind, subject, workflow_id, reason, message, payload, payload_key, attempts, status, created_at, last_at)
     SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, 1, 'open', ?10, ?10
     WHERE (SELECT count(*) FROM (SELECT 1 FROM dead_letter WHERE team_id IS ?2 AND status = 'open' LIMIT ?11)) < ?11
     ON CONFLICT (kind, subject) WHERE status = 'open'
     DO UPDATE SET attempts = attempts + 1, last_at = excluded.last_at, reason = excluded.reason, message = excluded.message
     RETURNING id`,
  )
    .bind(
      id,
      letter.teamId,
      letter.kind,
      letter.subject,
      letter.workflowId,
      letter.reason,
      letter.message.slice(0, MOST_MESSAGE),
      key ? null : text,
      key,
      at,
      MOST_OPEN,
    )
    .first<{ id: string }>();
  if (key && written?.id !== id) await env.FILES.delete(key);
}

const { payload: _, payloadKey: __, ...withoutPayload } = getTableColumns(deadLetter);

/** Newest first, without what they hold. */
export async function listLetters(
  db: Db,
  teamId: string,
  query: PageOptions & { kind?: string; status?: string },
) {
  const rows = await db
    .select(withoutPayload)
    .from(deadLetter)
    .where(
      and(
        eq(deadLetter.teamId, teamId),
        query.kind ? eq(deadLetter.kind, query.kind) : undefined,
        query.status ? eq(deadLetter.status, query.status) : undefined,
        query.cursor ? lt(deadLetter.id, query.cursor) : undefined,
      ),
    )
    .orderBy(desc(deadLetter.id))
    .limit(query.limit + 1);
  return pageFrom(rows, query.limit);
}

export async function findLetter(db: Db, teamId: string, id: string): Promise<LetterRow | null> {
  const [row] = await db
    .select()
    .from(deadLetter)
    .where(and(eq(deadLetter.teamId, teamId), eq(deadLetter.id, id)));
  return row ?? null;
}

/** What a letter holds. */
export const payloadOf = async ({ env }: Pick<CoreServices, 'env'>, letter: LetterRow): Promise<unknown> =>
  letter.payloadKey ? ((await (await env.FILES.get(letter.payloadKey))?.json()) ?? null) : letter.payload;

/** Closes an open letter; false = somebody else did. What it held is not needed any more. */
export async function closeLetter(
  { db, env, now }: Pick<CoreServices, 'db' | 'env' | 'now'>,
  letter: LetterRow,
  end: { status: 'replayed' | 'dismissed'; executionId: string | null },
): Promise<LetterRow | null> {
  const [closed] = await db
    .update(deadLetter)
    .set({ ...end, endedAt: new Date(now()).toISOString(), payload: null, payloadKey: null })
    .where(and(eq(deadLetter.id, letter.id), eq(deadLetter.status, 'open')))
    .returning();
  if (closed && letter.payloadKey) await env.FILES.delete(letter.payloadKey);
  return closed ?? null;
}
