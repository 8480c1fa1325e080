import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { readMail, selfSigned, startMailServer } from '../../../tests/mail-server.ts';
import type { ChannelDeps, MailSocket, Message } from '../../domain/contracts/channel.ts';
import { email } from '../email.ts';
import { mailServerOf } from './server-url.ts';

const certificate = selfSigned();
afterAll(certificate.remove);
const servers: { close(): Promise<unknown> }[] = [];
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()));
});

/** Node's sockets as the runtime gives them; by hand, because Node's own web streams read ahead of STARTTLS. */
function asMailSocket(socket: Socket): MailSocket {
  const chunks: (Uint8Array | null)[] = [];
  let wake: (() => void) | undefined;
  const push = (chunk: Uint8Array | null) => {
    chunks.push(chunk);
    wake?.();
  };
  const onData = (chunk: Buffer) => push(new Uint8Array(chunk));
  const onEnd = () => push(null);
  socket.on('data', onData).on('end', onEnd).on('error', onEnd).on('close', onEnd);
  const readable = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        while (chunks.length === 0) await new Promise<void>((woken) => (wake = woken));
        const chunk = chunks.shift()!;
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
    },
    { highWaterMark: 0 },
  );
  const writable = new WritableStream<Uint8Array>({
    write: (chunk) =>
      new Promise((done, fail) => socket.write(chunk, (error) => (error ? fail(error) : done()))),
  });
  return {
    readable,
    writable,
    startTls() {
      socket.removeListener('data', onData).removeListener('end', onEnd);
      return asMailSocket(connectTls({ socket, ca: certificate.cert, servername: 'localhost' }));
    },
    close: () => socket.destroy(),
  };
}

function deps(url: string, timeoutMs = 5000): ChannelDeps {
  return {
    post: () => Promise.reject(new Error('mail does not post')),
    mail: {
      server: mailServerOf(url),
      timeoutMs,
      connect: ({ host, port, secure }) =>
        new Promise((connected, failed) => {
          const socket: Socket = secure
            ? connectTls({ host, port, ca: certificate.cert, servername: 'localhost' }, () =>
                connected(asMailSocket(socket)),
              )
            : connectTcp({ host, port }, () => connected(asMailSocket(socket)));
          socket.once('error', failed);
        }),
    },
  };
}

const message = (over: Partial<Message> = {}): Message => ({
  deliveryId: 'dlv_01',
  notice: {
    id: 'ntc_1',
    kind: 'budget.threshold_reached',
    level: 'warning',
    title: 'Das Budget „Köln“ reached 90%\r\nBcc: evil@example.com',
    text: '<b>$90.00</b> of $100.00\n.\nis spent.',
    link: '/dashboard/budgets',
    data: {},
    at: '2026-11-20T10:00:00.000Z',
  },
  link: 'https://pm.example.com/dashboard/budgets?a=1&b=2',
  nowMs: Date.parse('2026-11-20T10:00:00Z'),
  last: false,
  ...over,
});
const send = (url: string, to: string[], over: Partial<Message> = {}, timeoutMs?: number) =>
  email.send(message(over), { to, url: null, secrets: [] }, deps(url, timeoutMs));
async function server(options = {}) {
  const started = await startMailServer(options);
  servers.push(started);
  return started;
}

describe('mail over SMTP, to a real server', () => {
  it('arrives well formed: text and HTML, other scripts encoded, no header smuggled in, nothing remote', async () => {
    const { port, taken } = await server();
    const result = await send(`smtp://127.0.0.1:${port}?from=alerts@pm.example.com`, [
      'ada@example.com',
      'bob@example.com',
    ]);
    expect(result).toMatchObject({ ok: true, code: 250 });
    expect(taken).toHaveLength(1);
    expect(taken[0]).toMatchObject({
      from: 'alerts@pm.example.com',
      to: ['ada@example.com', 'bob@example.com'],
    });
    const { raw } = taken[0]!;
    expect(Math.max(...raw.split('\r\n').map((line) => line.length))).toBeLessThanOrEqual(78);

    expect(raw).toMatch(/^[\x00-\x7f]*$/);
    expect(raw.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/);
    const { headers, subject, bodies } = readMail(raw);
    expect(headers).toMatchObject({
      from: 'Prompt Manage <alerts@pm.example.com>',
      to: 'ada@example.com, bob@example.com',
      'message-id': '<dlv_01@pm.example.com>',
      date: 'Fri, 20 Nov 2026 10:00:00 +0000',
      'auto-submitted': 'auto-generated',
      'mime-version': '1.0',
    });
    expect(headers).not.toHaveProperty('bcc');
    expect(subject).toBe('Das Budget „Köln“ reached 90% Bcc: evil@example.com');
    expect(bodies.map(({ head }) => head.split(';')[0])).toEqual([
      'Content-Type: text/plain',
      'Content-Type: text/html',
    ]);
    expect(bodies[0]!.body).toContain('https://pm.example.com/dashboard/budgets?a=1&b=2');
    expect(bodies[0]!.body).toContain('\r\n.\r\n');
    expect(bodies[1]!.body).toContain('&#60;b&#62;$90.00');
    expect(bodies[1]!.body).not.toMatch(/<(img|link|script|iframe)|src=|url\(/i);
  });

  it('signs in, over STARTTLS when the server offers it and over TLS from the first byte', async () => {
    const upgraded = await server({ ...certificate, authOptional: false });
    expect(
      await send(`smtp://ada%40pm.example.com:secret@127.0.0.1:${upgraded.port}`, ['bob@example.com']),
    ).toMatchObject({ ok: true });
    expect(upgraded.taken).toMatchObject([
      { user: 'ada@pm.example.com', secure: true, from: 'ada@pm.example.com' },
    ]);
    const wrapped = await server({
      ...certificate,
      secure: true,
      authOptional: false,
      authMethods: ['LOGIN'],
    });
    expect(await send(`smtps://ada:secret@127.0.0.1:${wrapped.port}`, ['bob@example.com'])).toMatchObject({
      ok: true,
    });
    expect(wrapped.taken).toMatchObject([{ user: 'ada', secure: true }]);
  });

  it('tries again after a wrong password: whoever runs the server may repair it', async () => {
    const { port, taken } = await server({ authOptional: false });
    expect(await send(`smtp://ada:wrong@127.0.0.1:${port}`, ['bob@example.com'])).toMatchObject({
      ok: false,
      permanent: false,
      code: 535,
    });
    expect(taken).toEqual([]);
  });

  it('does not send a password in the clear to a public host', async () => {
    const { port, taken } = await server();
    const channel = deps(`smtp://ada:secret@mail.example.com:${port}`);
    channel.mail!.server.host = '127.0.0.1';
    const result = await email.send(message(), { to: ['bob@example.com'], url: null, secrets: [] }, channel);
    expect(result).toMatchObject({ ok: false, permanent: false });
    expect(result.text).toContain('no STARTTLS');
    expect(taken).toEqual([]);
  });

  it('a refusal for now (4xx) is tried again and then arrives', async () => {
    const { port, taken } = await server();
    const url = `smtp://127.0.0.1:${port}`;
    expect(await send(url, ['busy@example.com'])).toMatchObject({ ok: false, permanent: false, code: 451 });
    expect(await send(url, ['busy@example.com'])).toMatchObject({ ok: true });
    expect(taken).toHaveLength(1);
  });

  it('a refused recipient (5xx) is given up, and does not keep the mail from the others', async () => {
    const { port, taken } = await server();
    const url = `smtp://127.0.0.1:${port}`;
    expect(await send(url, ['refused@example.com'])).toMatchObject({ ok: false, permanent: true, code: 550 });
    const mixed = await send(url, ['refused@example.com', 'ada@example.com']);
    expect(mixed).toMatchObject({ ok: true });
    expect(mixed.text).toContain('refused@example.com: 550');
    expect(taken.map(({ to }) => to)).toEqual([['ada@example.com']]);
  });

  it('holds the mail back while one recipient is refused for now, so that nobody gets it twice; the last try does not', async () => {
    const { port, taken } = await server();
    const url = `smtp://127.0.0.1:${port}`;
    expect(await send(url, ['ada@example.com', 'busy1@example.com'])).toMatchObject({
      ok: false,
      permanent: false,
    });
    expect(taken).toEqual([]);
    expect(await send(url, ['ada@example.com', 'busy2@example.com'], { last: true })).toMatchObject({
      ok: true,
    });
    expect(taken.map(({ to }) => to)).toEqual([['ada@example.com']]);
  });

  it('ends when nobody listens, when the server hangs up, and when it falls silent', async () => {
    expect(await send('smtp://127.0.0.1:1', ['ada@example.com'])).toMatchObject({
      ok: false,
      permanent: false,
      code: null,
    });
    const listen = async (onConnection: (socket: Socket) => void) => {
      const open = new Set<Socket>();
      const tcp = createServer((socket) => {
        open.add(socket);
        onConnection(socket);
      });
      await new Promise<void>((up) => tcp.listen(0, '127.0.0.1', up));
      servers.push({
        close: () => {
          for (const socket of open) socket.destroy();
          return new Promise((closed) => tcp.close(closed));
        },
      });
      return (tcp.address() as { port: number }).port;
    };
    const hangsUp = await listen((socket) => socket.end('220 hello\r\n'));
    expect(await send(`smtp://127.0.0.1:${hangsUp}`, ['ada@example.com'])).toMatchObject({
      ok: false,
      permanent: false,
    });
    const silent = await listen(() => {});
    const result = await send(`smtp://127.0.0.1:${silent}`, ['ada@example.com'], {}, 100);
    expect(result.text).toBe('The mail server took too long.');
  });

  it('says so when the deployment has no mail server', async () => {
    const none = { ...deps('smtp://127.0.0.1'), mail: null };
    const result = await email.send(message(), { to: ['ada@example.com'], url: null, secrets: [] }, none);
    expect(result).toMatchObject({ ok: false, permanent: true });
    expect(result.text).toContain('Whoever runs the server sets SMTP_URL');
  });
});
