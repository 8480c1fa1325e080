/** POST /api/deliveries/:id/replay, and how a delivery is shown. */
import { createRoute, z } from '@hono/zod-openapi';
import { audit } from '../store/audit.ts';
import { findDelivery, replayDelivery, type LoggedDelivery } from '../store/deliveries.ts';
import { byCaller } from './audited.ts';
import { Refused } from './errors.ts';
import { answers, idParam, newRoutes, optionalJsonBody } from './routes.ts';

export const DELIVERY_STATUSES = ['pending', 'sending', 'delivered', 'failed'] as const;

export const deliverySchema = z
  .object({
    id: z.string().openapi({ description: "a webhook's webhook-id: the same for every try and replay" }),
    channelId: z.string(),
    notice: z.object({
      id: z.string(),
      kind: z.string(),
      level: z.string(),
      title: z.string(),
      at: z.iso.datetime(),
    }),
    status: z.enum(DELIVERY_STATUSES),
    tries: z.int(),
    nextTryAt: z.iso.datetime().nullable(),
    createdAt: z.iso.datetime(),
    endedAt: z.iso.datetime().nullable(),
    log: z.array(
      z.object({
        number: z.int(),
        at: z.iso.datetime(),
        ok: z.boolean().nullable().openapi({ description: 'null = under way, or cut off' }),
        code: z.int().nullable().openapi({ description: 'HTTP status or SMTP reply; null = no answer' }),
        text: z.string().nullable().openapi({ description: "the beginning of the receiver's answer" }),
        ms: z.int().nullable(),
      }),
    ),
  })
  .openapi('Delivery');

export const shownDelivery = ({
  delivery,
  notice,
  tries,
}: LoggedDelivery): z.infer<typeof deliverySchema> => ({
  id: delivery.id,
  channelId: delivery.channelId,
  notice: { id: notice.id, kind: notice.kind, level: notice.level, title: notice.title, at: notice.at },
  status: delivery.status as (typeof DELIVERY_STATUSES)[number],
  tries: delivery.tries,
  nextTryAt: delivery.nextTryAt,
  createdAt: delivery.createdAt,
  endedAt: delivery.endedAt,
  log: tries.map(({ number, at, ok, code, text, ms }) => ({ number, at, ok, code, text, ms })),
});

export const deliveries = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/deliveries/{id}/replay',
    summary: 'Send a delivery again, now',
    description:
      'With the same webhook-id and a new timestamp and signature. A failure is tried again by the usual schedule.',
    ...optionalJsonBody(z.strictObject({}), { params: idParam }),
    responses: answers(200, 'The delivery after this try.', deliverySchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { teamId } = c.get('actor');
    const { id } = c.req.valid('param');
    const found = await findDelivery(services.db, teamId, id);
    if (!found) throw new Refused({ reason: 'not_found', message: 'There is no such delivery.' });
    if (!(await replayDelivery(services, teamId, id)))
      throw new Refused({ reason: 'conflict', message: 'It is being sent right now.' });
    await services.attemptDelivery(id);
    await audit(services, {
      ...byCaller(c),
      action: 'delivery.replay',
      target: id,
      after: { channelId: found.delivery.channelId },
    });
    return c.json(shownDelivery((await findDelivery(services.db, teamId, id))!), 200);
  },
);
