/** What the routes of notification channels take and answer. */
import { z } from '@hono/zod-openapi';
import { CHANNEL_TYPES, kindsSchema, levelsSchema } from '../domain/notify/channel.ts';
import { NOTICE_KIND_NAMES, NOTICE_LEVELS } from '../domain/notify/notice.ts';
import { nameText } from './routes.ts';

const channelFields = {
  id: z.string(),
  type: z.enum(CHANNEL_TYPES),
  name: z.string(),
  enabled: z.boolean(),
  levels: z.array(z.enum(NOTICE_LEVELS)),
  events: z.array(z.enum(NOTICE_KIND_NAMES)).openapi({ description: '[] = every kind' }),
  to: z.array(z.string()),
  url: z
    .string()
    .nullable()
    .openapi({ description: "a webhook's address; null where the address is a secret" }),
  urlHint: z.string().nullable().openapi({ description: 'enough of a secret address to tell it apart' }),
  isDefault: z
    .boolean()
    .openapi({ description: 'mail to owners and admins: can be switched off, not removed' }),
  problem: z.string().nullable().openapi({ description: 'what keeps it from working' }),
};
export const channelSchema = z.object(channelFields).openapi('NotificationChannel');
export const createdSchema = z
  .object({
    ...channelFields,
    secret: z
      .string()
      .nullable()
      .openapi({ description: 'the signing secret of a webhook (whsec_...): shown this once' }),
  })
  .openapi('NewNotificationChannel');

const address = z
  .url({ protocol: /^https?$/ })
  .max(1000)
  .refine((value) => !URL.canParse(value) || new URL(value).username === '', 'must not hold a user name');
const to = z
  .array(z.email().max(254))
  .min(1)
  .max(50)
  .transform((list) => [...new Set(list)]);
const common = {
  name: nameText.optional(),
  enabled: z.boolean().default(true),
  levels: levelsSchema.optional().openapi({
    description: 'warning and urgent unless told; a webhook takes every level',
  }),
  events: kindsSchema.default([]).openapi({ description: '[] = every kind' }),
};
export const create = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('email'), to, ...common }),
    z.strictObject({ type: z.literal('slack'), webhookUrl: address, ...common }),
    z.strictObject({ type: z.literal('discord'), webhookUrl: address, ...common }),
    z.strictObject({ type: z.literal('webhook'), url: address, ...common }),
  ])
  .openapi('CreateNotificationChannel');
export const change = z
  .strictObject({
    name: nameText.optional(),
    enabled: z.boolean().optional(),
    levels: levelsSchema.optional(),
    events: kindsSchema.optional(),
    to: to.optional().openapi({ description: 'e-mail only' }),
    webhookUrl: address.optional().openapi({ description: 'Slack and Discord only' }),
    url: address.optional().openapi({ description: 'webhook only' }),
  })
  .openapi('ChangeNotificationChannel');
