/** Discord's webhooks: one embed. */
import { defineChannel, type Message } from '../domain/contracts/channel.ts';
import type { NoticeLevel } from '../domain/notify/notice.ts';
import { resultOfStatus } from '../domain/notify/retry.ts';
import { cut } from './cut.ts';

const COLOUR: Record<NoticeLevel, number> = { info: 0x1d4ed8, warning: 0xb45309, urgent: 0xb91c1c };

/** Markdown's own characters are shown as they are. */
const escaped = (text: string) => text.replace(/[\\*_~`|>[\]()#-]/g, '\\$&');

export const discordMessage = ({ notice, link }: Pick<Message, 'notice' | 'link'>) => ({
  embeds: [
    {
      title: cut(escaped(notice.title), 256),
      description: cut(escaped(notice.text), 4096),
      color: COLOUR[notice.level],
      timestamp: notice.at,
      footer: { text: `Prompt Manage · ${notice.level}` },
      ...(link ? { url: link } : {}),
    },
  ],
  // nothing in a notice calls anybody by name
  allowed_mentions: { parse: [] },
});

export const discord = defineChannel({
  type: 'discord',
  label: 'Discord',
  async send(message, { url }, deps) {
    const body = JSON.stringify(discordMessage(message));
    return resultOfStatus(await deps.post(url!, { headers: { 'content-type': 'application/json' }, body }), {
      strict: true,
    });
  },
});
