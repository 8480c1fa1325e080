/** Notices enter here: each is written once, together with one delivery per channel that takes it. Also the way in for other parts. */
import { z } from 'zod';
import { DEFAULT_CHANNEL_ID, takes, type Channel } from '../domain/notify/channel.ts';
import type { Notice } from '../domain/notify/notice.ts';
import type { CoreServices } from '../services.ts';
import { listChannels } from './channels.ts';

/** Queue `notices`: which team has alerts to announce, which delivery is due, or which run ended. The truth stands in the team's object and in D1. */
export const noticeMessageSchema = z.union([
  z.strictObject({ teamId: z.string().min(1) }),
  z.strictObject({ deliveryId: z.string().min(1) }),
  z.strictObject({ endedRun: z.string().min(1) }),
]);
export type NoticeMessage = z.infer<typeof noticeMessageSchema>;

/** Does the team's own mail go out? Without a mail server the default channel is silent, it does not fail. */
const isOpen = ({ vars }: Pick<CoreServices, 'vars'>, channel: Channel) =>
  channel.id !== DEFAULT_CHANNEL_ID || vars.SMTP_URL !== undefined;

const INSERT_DELIVERIES = `
INSERT INTO delivery (id, team_id, notice_id, channel_id, status, tries, round_tries, next_try_at, created_at)
SELECT value ->> 'id', ?1, ?2, value ->> 'channelId', 'pending', 0, 0, ?3, ?3 FROM json_each(?4)
WHERE NOT EXISTS (SELECT 1 FROM notice WHERE id = ?2)`;
const INSERT_NOTICE = `
INSERT INTO notice (id, team_id, kind, level, title, text, link, data, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO NOTHING`;

/**
 * Writes a notice and its deliveries in one transaction; a notice that is there already changes nothing, so channels that came
 * later are not told of it. `only` = a test of one channel. Answers the deliveries that are still to be made.
 */
export async function postNotice(
  services: CoreServices,
  teamId: string,
  { notice, only }: { notice: Notice; only?: Channel },
): Promise<string[]> {
  const { env, newId, now } = services;
  const channels = only
    ? [only]
    : (await listChannels(services, teamId)).filter(
        (channel) => takes(channel, notice) && isOpen(services, channel),
      );
  const deliveries = channels.map(({ id: channelId }) => ({ id: newId('delivery'), channelId }));
  const { id, kind, level, title, text, link, data, at } = notice;
  await env.DB.batch([
    env.DB.prepare(INSERT_DELIVERIES).bind(
      teamId,
      id,
      new Date(now()).toISOString(),
      JSON.stringify(deliveries),
    ),
    env.DB.prepare(INSERT_NOTICE).bind(id, teamId, kind, level, title, text, link, JSON.stringify(data), at),
  ]);
  const { results } = await env.DB.prepare(
    'SELECT id FROM delivery WHERE notice_id = ? AND next_try_at IS NOT NULL',
  )
    .bind(id)
    .all<{ id: string }>();
  return results.map((row) => row.id);
}

/** Tells a team something through its channels: written, then handed to the queue. A lost message is found by the minute sweeper. */
export async function tell(services: CoreServices, teamId: string, notice: Notice): Promise<void> {
  await enqueueDeliveries(services.env, await postNotice(services, teamId, { notice }));
}

/** A queue holds a message back for at most this long; what waits longer is found by the sweeper. */
const MOST_DELAY_SECONDS = 600;

export async function enqueueDeliveries(env: Env, ids: readonly string[], delayMs = 0): Promise<void> {
  const delaySeconds = Math.ceil(delayMs / 1000);
  if (delaySeconds > MOST_DELAY_SECONDS) return;
  for (let from = 0; from < ids.length; from += 100)
    await env.NOTICES.sendBatch(
      ids.slice(from, from + 100).map((deliveryId) => ({
        body: { deliveryId } satisfies NoticeMessage,
        delaySeconds,
      })),
    );
}
