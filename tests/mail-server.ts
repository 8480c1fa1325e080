/** A real SMTP server on loopback that keeps what it takes; its moods are set by the recipient's name. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SMTPServer, type SMTPServerOptions } from 'smtp-server';

export interface Taken {
  from: string;
  to: string[];
  user: string | undefined;
  secure: boolean;
  raw: string;
}

const refusal = (code: number, message: string) => Object.assign(new Error(message), { responseCode: code });

/**
 * Recipients: "refused..." are unknown (550), "busy..." are refused for now (451) at their first ask, anybody else is taken. The
 * password is "secret".
 */
export async function startMailServer(options: SMTPServerOptions = {}) {
  const taken: Taken[] = [];
  const asked: string[] = [];
  const server = new SMTPServer({
    logger: false,
    authOptional: true,
    disabledCommands: options.key ? [] : ['STARTTLS'],
    allowInsecureAuth: true,
    onAuth(auth, _session, done) {
      if (auth.password === 'secret') done(null, { user: auth.username });
      else done(refusal(535, 'wrong password'));
    },
    onRcptTo({ address }, _session, done) {
      const before = asked.filter((one) => one === address).length;
      asked.push(address);
      if (address.startsWith('refused')) return done(refusal(550, 'no such mailbox'));
      if (address.startsWith('busy') && before === 0) return done(refusal(451, 'try again later'));
      done();
    },
    onData(stream, session, done) {
      let raw = '';
      stream.on('data', (chunk: Buffer) => (raw += chunk.toString('latin1')));
      stream.on('end', () => {
        taken.push({
          from: session.envelope.mailFrom ? session.envelope.mailFrom.address : '',
          to: session.envelope.rcptTo.map(({ address }) => address),
          user: session.user,
          secure: session.secure,
          raw,
        });
        done();
      });
    },
    ...options,
  });
  server.on('error', () => {});
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.server.address() as { port: number };
  return { port, taken, asked, close: () => new Promise<void>((closed) => server.close(closed)) };
}

/** A certificate for localhost that nobody else trusts. */
export function selfSigned(): { key: string; cert: string; folder: string; remove: () => void } {
  const folder = mkdtempSync(join(tmpdir(), 'prompt-manage-tls-'));
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
  execFileSync(
    'openssl',
    [
      'req',
      '-x509',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-days',
      '2',
      '-subj',
      '/CN=localhost',
      '-addext',
      names,
      '-keyout',
      key,
      '-out',
      cert,
    ],
    { stdio: 'ignore' },
  );
  return {
    key: readFileSync(key, 'utf8'),
    cert: readFileSync(cert, 'utf8'),
    folder,
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** The parts of a mail: headers unfolded, encoded words and bodies decoded. */
export function readMail(raw: string) {
  const [head = '', ...rest] = raw.split('\r\n\r\n');
  const headers = Object.fromEntries(
    head
      .replace(/\r\n[ \t]+/g, ' ')
      .split('\r\n')
      .map((line) => [
        line.slice(0, line.indexOf(':')).toLowerCase(),
        line.slice(line.indexOf(':') + 1).trim(),
      ]),
  ) as Record<string, string>;
  const words = (text: string) =>
    text
      .replace(/\?= =\?UTF-8\?B\?/g, '?==?UTF-8?B?')
      .replace(/=\?UTF-8\?B\?([^?]*)\?=/g, (_, encoded: string) =>
        Buffer.from(encoded, 'base64').toString('utf8'),
      );
  const boundary = /boundary="([^"]+)"/.exec(headers['content-type'] ?? '')![1]!;
  const bodies = rest
    .join('\r\n\r\n')
    .split(`--${boundary}`)
    .slice(1, -1)
    .map((part) => {
      const at = part.indexOf('\r\n\r\n');
      return { head: part.slice(0, at).trim(), body: Buffer.from(part.slice(at), 'base64').toString('utf8') };
    });
  return { headers, subject: words(headers.subject ?? ''), bodies };
}
