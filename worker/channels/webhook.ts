/** A program's own address: signed as Standard Webhooks (webhook-id, webhook-timestamp, webhook-signature). */
import { Webhook } from 'standardwebhooks';
import { defineChannel } from '../domain/contracts/channel.ts';
import { resultOfStatus } from '../domain/notify/retry.ts';

export const webhook = defineChannel({
  type: 'webhook',
  label: 'Webhook',
  async send({ deliveryId, notice, link, nowMs }, { url, secrets }, deps) {
    const { kind, level, title, text, data, at } = notice;
    const body = JSON.stringify({ type: kind, timestamp: at, data: { level, title, text, link, ...data } });
    const sentAt = new Date(nowMs);
    const headers = {
      'content-type': 'application/json',
      'webhook-id': deliveryId,
      'webhook-timestamp': String(Math.floor(nowMs / 1000)),
      // while a secret is being changed, both sign
      'webhook-signature': secrets
        .map((secret) => new Webhook(secret).sign(deliveryId, sentAt, body))
        .join(' '),
    };
    return resultOfStatus(await deps.post(url!, { headers, body }), { strict: false });
  },
});
