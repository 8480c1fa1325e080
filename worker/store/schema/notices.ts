/** What a team is told, and how it gets there. */
import { sql } from 'drizzle-orm';
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core';
import { id, time, json } from './columns.ts';

/** Where a team's notices go. `sealed` holds secret addresses and signing secrets (worker/store/channels.ts). */
export const notificationChannel = sqliteTable(
  'notification_channel',
  {
    teamId: text('team_id').notNull(),
    /** 'default-email' is the one that every team has; its row exists once somebody changed it */
    id: text('id').notNull(),
    type: text('type').notNull(),
    name: text('name').notNull(),
    enabled: integer('enabled', { mode: 'boolean' }).notNull(),
    levels: json<string[]>('levels').notNull(),
    events: json<string[]>('events').notNull(),
    recipients: json<string[]>('recipients').notNull(),
    url: text('url'),
    urlHint: text('url_hint'),
    sealed: text('sealed'),
    createdAt: time('created_at').notNull(),
    updatedAt: time('updated_at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.teamId, t.id] })],
);

/** Immutable: domain/notify/notice.ts. Written together with its deliveries, once. */
export const notice = sqliteTable(
  'notice',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    kind: text('kind').notNull(),
    level: text('level').notNull(),
    title: text('title').notNull(),
    text: text('text').notNull(),
    link: text('link'),
    data: json<Record<string, unknown>>('data').notNull(),
    at: time('at').notNull(),
  },
  (t) => [index('notice_team').on(t.teamId, t.id)],
);

/** One notice on its way to one channel. Its id is what the receiver knows a repetition by. */
export const delivery = sqliteTable(
  'delivery',
  {
    id: id(),
    teamId: text('team_id').notNull(),
    noticeId: text('notice_id').notNull(),
    channelId: text('channel_id').notNull(),
    /** pending | sending | delivered | failed */
    status: text('status').notNull(),
    tries: integer('tries').notNull(),
    /** tries since it was begun or replayed: what the table of waits counts */
    roundTries: integer('round_tries').notNull(),
    /** when it is due, or while sending when its lease ends; null = it ended */
    nextTryAt: time('next_try_at'),
    /** who is sending: only the holder may write the result */
    lease: text('lease'),
    createdAt: time('created_at').notNull(),
    endedAt: time('ended_at'),
  },
  (t) => [
    uniqueIndex('delivery_once').on(t.noticeId, t.channelId),
    index('delivery_channel').on(t.teamId, t.channelId, t.id),
    index('delivery_due')
      .on(t.nextTryAt)
      .where(sql`next_try_at is not null`),
  ],
);

/** One try of a delivery: written before it is made, completed after; one without a result was cut off. */
export const deliveryTry = sqliteTable(
  'delivery_try',
  {
    deliveryId: text('delivery_id').notNull(),
    number: integer('number').notNull(),
    at: time('at').notNull(),
    ok: integer('ok', { mode: 'boolean' }),
    code: integer('code'),
    text: text('text'),
    ms: integer('ms'),
  },
  (t) => [primaryKey({ columns: [t.deliveryId, t.number] })],
);
