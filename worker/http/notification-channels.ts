/** /api/notification-channels: where a team's notices go. Secret addresses and signing secrets come in and never come out again. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { NO_MAIL_SERVER } from '../domain/contracts/channel.ts';
import { DEFAULT_CHANNEL_ID, DEFAULT_LEVELS, type Channel } from '../domain/notify/channel.ts';
import { NOTICE_KIND_NAMES, NOTICE_KINDS } from '../domain/notify/notice.ts';
import type { Services } from '../services.ts';
import { audit } from '../store/audit.ts';
import {
  changeChannel,
  findChannel,
  insertChannel,
  listChannels,
  ownersAndAdmins,
  removeChannel,
  rotateSecret,
  type ChannelChange,
  type NewChannel,
} from '../store/channels.ts';
import { mayReach, PRIVATE } from '../store/connections.ts';
import { findDelivery, listDeliveries } from '../store/deliveries.ts';
import { postNotice } from '../store/notices.ts';
import { byCaller } from './audited.ts';
import { deliverySchema, shownDelivery } from './deliveries.ts';
import { Refused } from './errors.ts';
import { idempotent } from './idempotency.ts';
import { change, channelSchema, create, createdSchema } from './notification-channel-shapes.ts';
import {
  answers,
  idParam,
  jsonBody,
  newRoutes,
  optionalJsonBody,
  pageOf,
  pageQuery,
  type AppEnv,
} from './routes.ts';

const MOST_CHANNELS = 50;

const invalid = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });
const noChannel = () => new Refused({ reason: 'not_found', message: 'There is no such channel.' });

const NAMES: Record<Channel['type'], string> = {
  email: 'E-mail',
  slack: 'Slack',
  discord: 'Discord',
  webhook: 'Webhook',
};

const problemOf = (services: Services, { type }: Pick<Channel, 'type'>): string | null =>
  type === 'email' && services.vars.SMTP_URL === undefined ? NO_MAIL_SERVER : null;

async function shown(services: Services, channel: Channel) {
  const { id, type, name, enabled, levels, events, url, urlHint, teamId } = channel;
  const isDefault = id === DEFAULT_CHANNEL_ID;
  return {
    id,
    type,
    name,
    enabled,
    levels,
    events: events as (typeof NOTICE_KIND_NAMES)[number][],
    to: isDefault ? await ownersAndAdmins(services, teamId) : channel.to,
    url,
    urlHint,
    isDefault,
    problem: problemOf(services, channel),
  };
}

/** Refuses addresses that the server must not call, and plain http outside private networks. */
function checkAddress(services: Services, path: string, url: string | undefined): void {
  if (url === undefined) return;
  if (!mayReach(services, url)) throw invalid(path, PRIVATE);
  if (new URL(url).protocol !== 'https:' && !services.vars.ALLOW_PRIVATE_NETWORK)
    throw invalid(path, 'must begin with https://');
}

/** 24 random bytes, as Standard Webhooks writes a secret. */
const newSecret = () => `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(24))).toString('base64')}`;

async function ownChannel(c: Context<AppEnv>, id: string): Promise<Channel> {
  const channel = await findChannel(c.get('services'), c.get('actor').teamId, id);
  if (!channel) throw noChannel();
  return channel;
}

const path = '/api/notification-channels';

export const notificationChannels = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path,
      summary: "Where the team's notices go",
      description: 'The default channel first. In-app alerts are always on and not listed.',
      responses: answers(
        200,
        'Channels without their secrets, and the kinds of notices there are.',
        z.object({
          data: z.array(channelSchema),
          nextCursor: z.null(),
          kinds: z.array(z.object({ kind: z.enum(NOTICE_KIND_NAMES), label: z.string() })),
          canMail: z.boolean(),
        }),
      ),
    }),
    async (c) => {
      const services = c.get('services');
      const channels = await listChannels(services, c.get('actor').teamId);
      const data = await Promise.all(channels.map((channel) => shown(services, channel)));
      const canMail = services.vars.SMTP_URL !== undefined;
      return c.json({ data, nextCursor: null, kinds: [...NOTICE_KINDS], canMail }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path,
      summary: 'Add a channel',
      description:
        'Webhooks are signed as Standard Webhooks; the secret is in this answer and nowhere else. Addresses in private networks are refused unless the server allows them.',
      middleware: [idempotent] as const,
      request: { body: jsonBody(create) },
      responses: answers(201, 'The channel.', createdSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const asked = c.req.valid('json');
      const problem = problemOf(services, asked);
      if (problem) throw invalid('type', problem);
      const field = asked.type === 'webhook' ? 'url' : 'webhookUrl';
      const url = 'url' in asked ? asked.url : 'webhookUrl' in asked ? asked.webhookUrl : undefined;
      checkAddress(services, field, url);
      if ((await listChannels(services, teamId)).length >= MOST_CHANNELS)
        throw new Refused({ reason: 'conflict', message: `A team has at most ${MOST_CHANNELS} channels.` });
      const secret = asked.type === 'webhook' ? newSecret() : null;
      const channel: NewChannel = {
        type: asked.type,
        name: asked.name ?? NAMES[asked.type],
        enabled: asked.enabled,
        levels: asked.levels ?? DEFAULT_LEVELS[asked.type],
        events: asked.events,
        to: asked.type === 'email' ? asked.to : [],
        url: url ?? null,
        secret,
      };
      const after = await shown(services, await insertChannel(services, teamId, channel));
      await audit(services, {
        ...byCaller(c),
        action: 'notification_channel.create',
        target: after.id,
        after,
      });
      return c.json({ ...after, secret }, 201);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: `${path}/{id}`,
      summary: 'One channel',
      request: { params: idParam },
      responses: answers(200, 'The channel without its secrets.', channelSchema),
    }),
    async (c) => c.json(await shown(c.get('services'), await ownChannel(c, c.req.valid('param').id)), 200),
  )
  .openapi(
    createRoute({
      method: 'patch',
      path: `${path}/{id}`,
      summary: 'Change a channel',
      request: { params: idParam, body: jsonBody(change) },
      responses: answers(200, 'The channel as it is now.', channelSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const channel = await ownChannel(c, c.req.valid('param').id);
      const { webhookUrl, url, ...rest } = c.req.valid('json');
      const isDefault = channel.id === DEFAULT_CHANNEL_ID;
      if (rest.to && (channel.type !== 'email' || isDefault))
        throw invalid(
          'to',
          isDefault ? 'goes to the owners and admins' : `a ${channel.type} channel has none`,
        );
      if (webhookUrl && channel.type !== 'slack' && channel.type !== 'discord')
        throw invalid('webhookUrl', `a ${channel.type} channel has none`);
      if (url && channel.type !== 'webhook') throw invalid('url', `a ${channel.type} channel has none`);
      checkAddress(services, webhookUrl ? 'webhookUrl' : 'url', webhookUrl ?? url);
      const wanted: ChannelChange = { ...rest };
      if (webhookUrl ?? url) wanted.url = webhookUrl ?? url;
      const before = await shown(services, channel);
      const changed = await changeChannel(services, channel, wanted);
      if (!changed) throw noChannel();
      const after = await shown(services, changed);
      await audit(services, {
        ...byCaller(c),
        action: 'notification_channel.update',
        target: channel.id,
        before,
        after,
      });
      return c.json(after, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'delete',
      path: `${path}/{id}`,
      summary: 'Remove a channel; its log stays',
      request: { params: idParam },
      responses: { 204: { description: 'It is gone.' } },
    }),
    async (c) => {
      const services = c.get('services');
      const channel = await ownChannel(c, c.req.valid('param').id);
      if (channel.id === DEFAULT_CHANNEL_ID)
        throw new Refused({ reason: 'conflict', message: 'This channel can be switched off, not removed.' });
      await removeChannel(services, channel.teamId, channel.id);
      await audit(services, {
        ...byCaller(c),
        action: 'notification_channel.remove',
        target: channel.id,
        before: await shown(services, channel),
      });
      return c.body(null, 204);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: `${path}/{id}/test`,
      summary: 'Send a test notice now, once',
      description: 'The answer is how the delivery ended; a failure is not an error of this route.',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'The delivery.', deliverySchema),
    }),
    async (c) => {
      const services = c.get('services');
      const channel = await ownChannel(c, c.req.valid('param').id);
      const problem = problemOf(services, channel);
      if (problem) throw invalid('', problem);
      const at = new Date(services.now()).toISOString();
      const notice = {
        id: services.newId('notice'),
        kind: 'channel.test' as const,
        level: 'info' as const,
        title: `Test of the channel "${channel.name}"`,
        text: 'If you can read this, notices arrive here.',
        link: '/settings/notifications',
        data: { channelId: channel.id },
        at,
      };
      const [id] = await postNotice(services, channel.teamId, { notice, only: channel });
      await services.attemptDelivery(id!, { once: true });
      await audit(services, {
        ...byCaller(c),
        action: 'notification_channel.test',
        target: channel.id,
        after: { deliveryId: id },
      });
      return c.json(shownDelivery((await findDelivery(services.db, channel.teamId, id!))!), 200);
    },
  )
  .openapi(
    createRoute({
      method: 'post',
      path: `${path}/{id}/rotate-secret`,
      summary: "Change a webhook's signing secret",
      description:
        'The new secret is in this answer and nowhere else; the one before goes on signing for a day.',
      ...optionalJsonBody(z.strictObject({}), { params: idParam }),
      responses: answers(200, 'The channel and its new secret.', createdSchema),
    }),
    async (c) => {
      const services = c.get('services');
      const channel = await ownChannel(c, c.req.valid('param').id);
      if (channel.type !== 'webhook') throw invalid('', `A ${channel.type} channel signs nothing.`);
      const secret = newSecret();
      const changed = await rotateSecret(services, channel, secret);
      if (!changed) throw noChannel();
      await audit(services, {
        ...byCaller(c),
        action: 'notification_channel.rotate_secret',
        target: channel.id,
      });
      return c.json({ ...(await shown(services, changed)), secret }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: `${path}/{id}/deliveries`,
      summary: 'What was sent there, each try of it',
      request: { params: idParam, query: pageQuery },
      responses: answers(200, 'Newest first.', pageOf(deliverySchema)),
    }),
    async (c) => {
      const { id: channelId, teamId } = await ownChannel(c, c.req.valid('param').id);
      const page = await listDeliveries(c.get('services').db, { teamId, channelId }, c.req.valid('query'));
      return c.json({ data: page.data.map(shownDelivery), nextCursor: page.nextCursor }, 200);
    },
  );
