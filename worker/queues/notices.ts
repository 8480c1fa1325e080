/** Queue `notices`: announces a team's alerts, tells of runs that ended, and makes deliveries. Delivered twice, or by two consumers at once, it changes nothing. */
import { noticeOfAlert } from '../domain/budget/alert-notice.ts';
import type { Alert } from '../domain/budget/alerts.ts';
import type { Services } from '../services.ts';
import { noticeMessageSchema, postNotice, type NoticeMessage } from '../store/notices.ts';
import { namesOf } from '../store/nouns.ts';
import { tellOfEndedRun } from '../store/workflow-alerts.ts';

const ALERTS_AT_ONCE = 100;

/** Turns what a team's object has to tell into notices; answers the deliveries to be made. Acknowledged only once they are written. */
export async function announceAlerts(services: Services, teamId: string): Promise<string[]> {
  const team = services.team(teamId);
  const due: string[] = [];
  for (;;) {
    const alerts = await team.unannouncedAlerts(ALERTS_AT_ONCE);
    if (alerts.length === 0) return due;
    for (const alert of alerts) {
      const name = await nameOf(services, teamId, alert);
      due.push(...(await postNotice(services, teamId, { notice: noticeOfAlert(alert, name) })));
    }
    await team.alertsAnnounced(alerts.map(({ id }) => id));
  }
}

async function nameOf(services: Services, teamId: string, alert: Alert): Promise<string | undefined> {
  const { type, id } = alert.scope;
  if (id === undefined) return undefined;
  return (await namesOf(services.env.DB, teamId, { type, ids: [id] })).get(id);
}

/** The deliveries that a message asks to be made. */
async function dueBy(services: Services, message: NoticeMessage): Promise<string[]> {
  if ('teamId' in message) return announceAlerts(services, message.teamId);
  return 'endedRun' in message ? tellOfEndedRun(services, message.endedRun) : [message.deliveryId];
}

/** The messages of a batch are worked at together: one slow receiver does not keep the others waiting. */
export async function consumeNotices(batch: MessageBatch<unknown>, services: Services): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      const parsed = noticeMessageSchema.safeParse(message.body);
      if (!parsed.success) {
        console.error(
          JSON.stringify({ level: 'error', queue: batch.queue, id: message.id, issues: parsed.error.issues }),
        );
        return message.ack();
      }
      try {
        const due = await dueBy(services, parsed.data);
        await Promise.all(due.map((id) => services.attemptDelivery(id)));
        message.ack();
      } catch (error) {
        console.error(JSON.stringify({ level: 'error', queue: batch.queue, message: String(error) }));
        message.retry({ delaySeconds: Math.min(60, 2 ** message.attempts) });
      }
    }),
  );
}
