/** Mail: text and HTML, no remote content. The deployment's SMTP server carries it (SMTP_URL). */
import { defineChannel, NO_MAIL_SERVER, type Message } from '../domain/contracts/channel.ts';
import { composeMail } from './smtp/compose.ts';
import { sendMail } from './smtp/session.ts';

const html = (text: string) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const COLOUR = { info: '#1d4ed8', warning: '#b45309', urgent: '#b91c1c' };
const WORD = { info: 'For your information', warning: 'Warning', urgent: 'Urgent' };

export const mailText = ({ notice, link }: Pick<Message, 'notice' | 'link'>): string =>
  [
    `${WORD[notice.level]}: ${notice.title}`,
    notice.text,
    ...(link ? [link] : []),
    '-- \nPrompt Manage. Owners and admins of the team choose in its notification settings what is mailed to whom.',
  ].join('\n\n');

export const mailHtml = ({ notice, link }: Pick<Message, 'notice' | 'link'>): string => `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${html(notice.title)}</title></head>
<body style="margin:0;padding:24px;background:#f4f4f5;color:#18181b;font-family:system-ui,sans-serif">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#ffffff;border-radius:12px;border-top:4px solid ${COLOUR[notice.level]}">
<p style="margin:0 0 8px;color:${COLOUR[notice.level]};font-weight:600">${WORD[notice.level]}</p>
<h1 style="margin:0 0 12px;font-size:20px">${html(notice.title)}</h1>
<p style="margin:0 0 16px;line-height:1.5">${html(notice.text).replaceAll('\n', '<br>')}</p>
${link ? `<p style="margin:0 0 16px"><a href="${html(link)}" style="color:#1d4ed8">Open in Prompt Manage</a></p>` : ''}
<p style="margin:0;color:#52525b;font-size:13px">Owners and admins of the team choose in its notification settings what is mailed to whom.</p>
</div></body></html>`;

export const email = defineChannel({
  type: 'email',
  label: 'E-mail',
  async send(message, { to }, { mail }) {
    if (!mail) return { ok: false, permanent: true, code: null, text: NO_MAIL_SERVER };
    if (to.length === 0)
      return { ok: false, permanent: true, code: null, text: 'There is nobody to mail to.' };
    const { server } = mail;
    const data = composeMail({
      from: server.from,
      to,
      subject: message.notice.title,
      // the same for every try, so that a mailbox that has it can know it again
      messageId: `<${message.deliveryId}@${server.from.address.split('@')[1]}>`,
      date: new Date(message.nowMs),
      text: mailText(message),
      html: mailHtml(message),
    });
    return sendMail({ from: server.from.address, to, data, partly: message.last }, mail);
  },
});
