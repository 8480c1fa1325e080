/** Slack's incoming webhooks (and servers that speak like them): one message of blocks. */
import { defineChannel, type Message } from '../domain/contracts/channel.ts';
import type { NoticeLevel } from '../domain/notify/notice.ts';
import { resultOfStatus } from '../domain/notify/retry.ts';
import { cut } from './cut.ts';

const MARK: Record<NoticeLevel, string> = {
  info: ':information_source:',
  warning: ':warning:',
  urgent: ':rotating_light:',
};

/** Slack's three control characters; nothing in a notice may become a mention or a link. */
const escaped = (text: string) => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');

export function slackMessage({ notice, link }: Pick<Message, 'notice' | 'link'>) {
  const seconds = Math.floor(Date.parse(notice.at) / 1000);
  return {
    // what notifications and screen readers say
    text: escaped(cut(`${notice.title}. ${notice.text}`, 3000)),
    blocks: [
      { type: 'header', text: { type: 'plain_text', text: cut(notice.title, 150), emoji: false } },
      {
        type: 'section',
        text: { type: 'mrkdwn', text: cut(`${MARK[notice.level]} ${escaped(notice.text)}`, 3000) },
      },
      {
        type: 'context',
        elements: [
          {
            type: 'mrkdwn',
            text: `${notice.level} · <!date^${seconds}^{date_short_pretty} {time}|${notice.at}>`,
          },
        ],
      },
      ...(link
        ? [
            {
              type: 'actions',
              elements: [
                { type: 'button', text: { type: 'plain_text', text: 'Open in Prompt Manage' }, url: link },
              ],
            },
          ]
        : []),
    ],
  };
}

export const slack = defineChannel({
  type: 'slack',
  label: 'Slack',
  async send(message, { url }, deps) {
    const body = JSON.stringify(slackMessage(message));
    return resultOfStatus(await deps.post(url!, { headers: { 'content-type': 'application/json' }, body }), {
      strict: true,
    });
  },
});
