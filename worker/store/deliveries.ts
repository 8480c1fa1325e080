/** Deliveries: who may send now (a lease), what became of each try, and the log that people read. */
import { and, desc, eq, inArray, lt } from 'drizzle-orm';
import type { TryResult } from '../domain/notify/retry.ts';
import { noticeSchema, type Notice } from '../domain/notify/notice.ts';
import type { CoreServices, Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { delivery, deliveryTry, notice } from './schema.ts';

export type DeliveryRow = typeof delivery.$inferSelect;
export type TryRow = typeof deliveryTry.$inferSelect;

/** A sender that does not report within this time is taken for dead: another may try. Longer than any try takes. */
export const LEASE_MS = 60_000;

export interface Claimed {
  delivery: DeliveryRow;
  notice: Notice;
  lease: string;
}

/** Takes the delivery if it is due, so that nobody else sends it meanwhile, and writes down that a try begins. */
export async function claimDelivery(
  { env, db, now }: Pick<CoreServices, 'env' | 'db' | 'now'>,
  id: string,
): Promise<Claimed | null> {
  const lease = crypto.randomUUID();
  const at = new Date(now()).toISOString();
  const leaseEnd = new Date(now() + LEASE_MS).toISOString();
  await env.DB.batch([
    env.DB.prepare(
      `UPDATE delivery SET status = 'sending', lease = ?1, tries = tries + 1, round_tries = round_tries + 1, next_try_at = ?2
       WHERE id = ?3 AND next_try_at IS NOT NULL AND next_try_at <= ?4`,
    ).bind(lease, leaseEnd, id, at),
    env.DB.prepare(
      'INSERT INTO delivery_try (delivery_id, number, at) SELECT id, tries, ?1 FROM delivery WHERE id = ?2 AND lease = ?3',
    ).bind(at, id, lease),
  ]);
  const [row] = await db
    .select()
    .from(delivery)
    .innerJoin(notice, eq(notice.id, delivery.noticeId))
    .where(and(eq(delivery.id, id), eq(delivery.lease, lease)));
  return row ? { delivery: row.delivery, notice: noticeSchema.parse(row.notice), lease } : null;
}

/** Writes down how a try ended; `nextAtMs` null = the delivery is over. A holder whose lease was taken over changes only its own try. */
export async function finishTry(
  { env, now }: Pick<CoreServices, 'env' | 'now'>,
  { delivery: { id, tries }, lease }: Pick<Claimed, 'delivery' | 'lease'>,
  { result, ms, nextAtMs }: { result: TryResult; ms: number; nextAtMs: number | null },
): Promise<void> {
  const status = result.ok ? 'delivered' : nextAtMs === null ? 'failed' : 'pending';
  const next = nextAtMs === null ? null : new Date(nextAtMs).toISOString();
  await env.DB.batch([
    env.DB.prepare(
      'UPDATE delivery_try SET ok = ?, code = ?, text = ?, ms = ? WHERE delivery_id = ? AND number = ?',
    ).bind(result.ok ? 1 : 0, result.code, result.text, Math.round(ms), id, tries),
    env.DB.prepare(
      'UPDATE delivery SET status = ?1, next_try_at = ?2, ended_at = ?3, lease = NULL WHERE id = ?4 AND lease = ?5',
    ).bind(status, next, next === null ? new Date(now()).toISOString() : null, id, lease),
  ]);
}

/** Makes a delivery due at once, with a whole round of tries before it, unless somebody is sending it right now. */
export async function replayDelivery(
  { env, now }: Pick<CoreServices, 'env' | 'now'>,
  teamId: string,
  id: string,
): Promise<boolean> {
  const at = new Date(now()).toISOString();
  const { meta } = await env.DB.prepare(
    `UPDATE delivery SET status = 'pending', round_tries = 0, next_try_at = ?1, ended_at = NULL, lease = NULL
     WHERE id = ?2 AND team_id = ?3 AND (status <> 'sending' OR next_try_at <= ?1)`,
  )
    .bind(at, id, teamId)
    .run();
  return meta.changes > 0;
}

/** Deliveries that are due, or whose sender died. */
export async function dueDeliveries({ env, now }: Pick<CoreServices, 'env' | 'now'>, limit: number) {
  const { results } = await env.DB.prepare(
    'SELECT id FROM delivery WHERE next_try_at IS NOT NULL AND next_try_at <= ? ORDER BY next_try_at LIMIT ?',
  )
    .bind(new Date(now()).toISOString(), limit)
    .all<{ id: string }>();
  return results.map(({ id }) => id);
}

export interface LoggedDelivery {
  delivery: DeliveryRow;
  notice: typeof notice.$inferSelect;
  tries: TryRow[];
}

async function withTries(db: Db, rows: Omit<LoggedDelivery, 'tries'>[]): Promise<LoggedDelivery[]> {
  if (rows.length === 0) return [];
  const ids = rows.map((row) => row.delivery.id);
  // at most 200 ids, but D1 takes 100 parameters: in pieces
  const tries: TryRow[] = [];
  for (let from = 0; from < ids.length; from += 90)
    tries.push(
      ...(await db
        .select()
        .from(deliveryTry)
        .where(inArray(deliveryTry.deliveryId, ids.slice(from, from + 90)))
        .orderBy(deliveryTry.number)),
    );
  return rows.map((row) => ({ ...row, tries: tries.filter((one) => one.deliveryId === row.delivery.id) }));
}

/** One delivery with its tries; null when the team has none of this id. */
export async function findDelivery(db: Db, teamId: string, id: string): Promise<LoggedDelivery | null> {
  const rows = await db
    .select({ delivery, notice })
    .from(delivery)
    .innerJoin(notice, eq(notice.id, delivery.noticeId))
    .where(and(eq(delivery.id, id), eq(delivery.teamId, teamId)));
  return (await withTries(db, rows))[0] ?? null;
}

/** The log of one channel, newest first. */
export async function listDeliveries(
  db: Db,
  { teamId, channelId }: { teamId: string; channelId: string },
  { limit, cursor }: PageOptions,
) {
  const rows = await db
    .select({ delivery, notice })
    .from(delivery)
    .innerJoin(notice, eq(notice.id, delivery.noticeId))
    .where(
      and(
        eq(delivery.teamId, teamId),
        eq(delivery.channelId, channelId),
        cursor === undefined ? undefined : lt(delivery.id, cursor),
      ),
    )
    .orderBy(desc(delivery.id))
    .limit(limit + 1);
  const page = pageFrom(
    rows.map((row) => ({ id: row.delivery.id, ...row })),
    limit,
  );
  return { data: await withTries(db, page.data), nextCursor: page.nextCursor };
}
