/** Channels in words. */
import { CHANNEL_TYPES, DEFAULT_LEVELS, type ChannelType } from '$domain/notify/channel.ts';
import type { NoticeLevel } from '$domain/notify/notice.ts';
import type { Channel } from '../shapes.ts';

export { CHANNEL_TYPES, DEFAULT_LEVELS, type ChannelType, type NoticeLevel };

export const TYPE_WORDS: Record<ChannelType, string> = {
  email: 'E-mail',
  slack: 'Slack',
  discord: 'Discord',
  webhook: 'Webhook',
};
export const LEVEL_WORDS: Record<NoticeLevel, string> = {
  info: 'Info (75%)',
  warning: 'Warnings (90%, unusual spend, early end)',
  urgent: 'Urgent (100%)',
};
const SHORT: Record<NoticeLevel, string> = { info: 'info', warning: 'warnings', urgent: 'urgent' };

/** "info, warnings, urgent" */
export const levelsText = (channel: Pick<Channel, 'levels'>): string =>
  channel.levels.map((level) => SHORT[level]).join(', ');

/** Where a channel goes, as far as it may be shown. */
export const whereText = (channel: Pick<Channel, 'to' | 'url' | 'urlHint'>): string =>
  channel.url ?? channel.urlHint ?? (channel.to.length > 0 ? channel.to.join(', ') : 'nobody');
