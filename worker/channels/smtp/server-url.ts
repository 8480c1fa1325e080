/** SMTP_URL: smtp://user:password@host:587 (STARTTLS where offered) or smtps://...:465; `?from=` names the sender. */
import { isPrivateHost } from '../../domain/access/private-address.ts';
import type { MailServer } from '../../domain/contracts/channel.ts';

const NAME = 'Prompt Manage';

export function mailServerOf(url: string): MailServer {
  const parsed = new URL(url);
  const secure = parsed.protocol === 'smtps:';
  const host = parsed.hostname.replace(/^\[|\]$/g, '');
  const username = decodeURIComponent(parsed.username);
  const password = decodeURIComponent(parsed.password);
  const from =
    parsed.searchParams.get('from') ??
    (username.includes('@') ? username : `prompt-manage@${/^[\d.:]+$/.test(host) ? 'localhost' : host}`);
  return {
    host,
    port: Number(parsed.port || (secure ? 465 : 587)),
    secure,
    credentials: username ? { username, password } : null,
    clearTextAllowed: isPrivateHost(parsed.hostname),
    from: { name: NAME, address: from },
  };
}
