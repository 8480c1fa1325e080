/** Where notices go: a team's channels, what each is set to, and which notices it takes. */
import { z } from 'zod';
import { NOTICE_KIND_NAMES, NOTICE_LEVELS, type Notice, type NoticeLevel } from './notice.ts';

export const CHANNEL_TYPES = ['email', 'slack', 'discord', 'webhook'] as const;
export type ChannelType = (typeof CHANNEL_TYPES)[number];

/** The channel that every team has: mail to its owners and admins while the deployment can send mail. It can be switched off. */
export const DEFAULT_CHANNEL_ID = 'default-email';

export const levelsSchema = z
  .array(z.enum(NOTICE_LEVELS))
  .min(1)
  .max(NOTICE_LEVELS.length)
  .transform((levels) => NOTICE_LEVELS.filter((level) => levels.includes(level)));
export const kindsSchema = z
  .array(z.enum(NOTICE_KIND_NAMES))
  .max(NOTICE_KIND_NAMES.length)
  .transform((kinds) => NOTICE_KIND_NAMES.filter((kind) => kinds.includes(kind)));

/** People are interrupted from 90% on (accounting.md); a program takes everything unless told. */
export const DEFAULT_LEVELS: Record<ChannelType, NoticeLevel[]> = {
  email: ['warning', 'urgent'],
  slack: ['warning', 'urgent'],
  discord: ['warning', 'urgent'],
  webhook: ['info', 'warning', 'urgent'],
};

export interface Channel {
  id: string;
  teamId: string;
  type: ChannelType;
  name: string;
  enabled: boolean;
  levels: NoticeLevel[];
  /** kinds of notices; [] = all */
  events: string[];
  /** e-mail addresses; [] for the default channel (owners and admins) and for other types */
  to: string[];
  /** a webhook's address; null where the address is a secret */
  url: string | null;
  /** what may be shown of a secret address: its host and last characters */
  urlHint: string | null;
  createdAt: string;
  updatedAt: string;
}

/** Does this channel take the notice? A test is for its channel alone and asks nobody. */
export const takes = (
  channel: Pick<Channel, 'enabled' | 'levels' | 'events'>,
  notice: Pick<Notice, 'kind' | 'level'>,
): boolean =>
  channel.enabled &&
  channel.levels.includes(notice.level) &&
  (channel.events.length === 0 || channel.events.includes(notice.kind));

/** "hooks.slack.com …a1b2": enough to tell addresses apart, nothing to call them with. */
export function hintOf(url: string): string {
  const { host, pathname } = new URL(url);
  const tail = pathname.replace(/\/+$/, '');
  return tail.length >= 24 ? `${host} …${tail.slice(-4)}` : host;
}
