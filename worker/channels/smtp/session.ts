/**
 * One SMTP session (RFC 5321): greeting, TLS, authentication, one mail. A line that closes or falls silent ends it; the caller learns
 * whether to try again. 4xx = later, 5xx = never, except where the server refuses us rather than a recipient.
 */
import type { ChannelDeps, MailServer, MailSocket } from '../../domain/contracts/channel.ts';
import type { TryResult } from '../../domain/notify/retry.ts';

type Mailing = NonNullable<ChannelDeps['mail']>;

export interface Envelope {
  from: string;
  to: readonly string[];
  data: string;
  /** true = goes to those who are taken even when others are only refused for now */
  partly: boolean;
}

interface Reply {
  code: number;
  text: string;
  lines: string[];
}

/** What the server said instead of yes. */
class Said extends Error {
  constructor(
    readonly reply: Reply,
    /** our settings are wrong, not the mail: whoever runs the server may repair them meanwhile */
    readonly ours: boolean,
  ) {
    super(`${reply.code} ${reply.text}`);
  }
}

const later = (text: string, code: number | null = null): TryResult => ({
  ok: false,
  permanent: false,
  code,
  text,
});
const MOST_REPLY = 16_384;

/** Sends one mail over a connection of its own. Never throws. */
export async function sendMail(envelope: Envelope, mailing: Mailing): Promise<TryResult> {
  let socket: MailSocket | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<TryResult>((answer) => {
    timer = setTimeout(() => answer(later('The mail server took too long.')), mailing.timeoutMs);
  });
  async function converse(): Promise<TryResult> {
    socket = await mailing.connect(mailing.server);
    const line = new Line(socket);
    const encrypted = await greet(line, mailing.server);
    await authenticate(line, { server: mailing.server, encrypted });
    const result = await handOver(line, envelope);
    // the mail is theirs now; a goodbye that goes wrong changes nothing
    await line.say('QUIT').catch(() => {});
    return result;
  }
  try {
    return await Promise.race([converse(), tooLate]);
  } catch (error) {
    if (!(error instanceof Said)) return later(`The mail server could not be reached: ${messageOf(error)}`);
    const { code } = error.reply;
    return { ok: false, permanent: code >= 500 && !error.ours, code, text: error.message };
  } finally {
    clearTimeout(timer);
    // closed without waiting: after STARTTLS the promise of a close may never settle
    (socket as MailSocket | null)?.close();
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

/** Hello, and TLS where it is asked for or offered; answers whether the line is encrypted. */
async function greet(line: Line, server: MailServer): Promise<boolean> {
  expectCode(await line.read(), 220, true);
  const hello = () => line.ask(`EHLO ${server.from.address.split('@')[1]}`);
  let offers = expectCode(await hello(), 250, true);
  if (server.secure) {
    line.offers = offers.lines;
    return true;
  }
  const offersTls = offers.lines.some((offer) => /^STARTTLS$/i.test(offer));
  if (offersTls) {
    expectCode(await line.ask('STARTTLS'), 220, true);
    line.startTls();
    offers = expectCode(await hello(), 250, true);
  }
  line.offers = offers.lines;
  return offersTls;
}

async function authenticate(
  line: Line,
  { server, encrypted }: { server: MailServer; encrypted: boolean },
): Promise<void> {
  const { credentials } = server;
  if (!credentials) return;
  if (!encrypted && !server.clearTextAllowed)
    throw new Error('it offers no STARTTLS, and the password is not sent in the clear');
  const ways = line.offers
    .filter((offer) => /^AUTH[ =]/i.test(offer))
    .flatMap((offer) => offer.slice(5).toUpperCase().split(/\s+/));
  const encode = (text: string) => btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  if (ways.includes('PLAIN'))
    return void expectCode(
      await line.ask(`AUTH PLAIN ${encode(`\0${credentials.username}\0${credentials.password}`)}`),
      235,
      true,
    );
  if (!ways.includes('LOGIN')) throw new Error('it offers no way to sign in that we know (PLAIN, LOGIN)');
  expectCode(await line.ask('AUTH LOGIN'), 334, true);
  expectCode(await line.ask(encode(credentials.username)), 334, true);
  expectCode(await line.ask(encode(credentials.password)), 235, true);
}

/** Envelope and mail. Recipients that are refused for good are named in the answer; one that is refused for now holds the mail back. */
async function handOver(line: Line, { from, to, data, partly }: Envelope): Promise<TryResult> {
  expectCode(await line.ask(`MAIL FROM:<${from}>`), 250, false);
  const refused: { address: string; reply: Reply }[] = [];
  for (const address of to) {
    const reply = await line.ask(`RCPT TO:<${address}>`);
    if (reply.code !== 250 && reply.code !== 251) refused.push({ address, reply });
  }
  const names = refused.map(({ address, reply }) => `${address}: ${reply.code} ${reply.text}`).join('; ');
  const forNow = refused.find(({ reply }) => reply.code < 500);
  if (refused.length === to.length || (forNow && !partly)) {
    const { code } = (forNow ?? refused[0]!).reply;
    return { ok: false, permanent: !forNow, code, text: names };
  }
  expectCode(await line.ask('DATA'), 354, false);
  const taken = expectCode(await line.ask(`${data.replace(/(^|\r\n)\./g, '$1..')}.`), 250, false);
  const text = `${taken.code} ${taken.text}`;
  return { ok: true, permanent: false, code: taken.code, text: names ? `${text}. Refused: ${names}` : text };
}

function expectCode(reply: Reply, code: number, ours: boolean): Reply {
  if (reply.code !== code) throw new Said(reply, ours);
  return reply;
}

/** Lines to and from the server. */
class Line {
  /** what the server said it can, after the last hello */
  offers: string[] = [];
  #socket: MailSocket;
  #reader!: ReadableStreamDefaultReader<Uint8Array>;
  #writer!: WritableStreamDefaultWriter<Uint8Array>;
  #heard = '';
  #decoder = new TextDecoder();

  constructor(socket: MailSocket) {
    this.#socket = socket;
    this.#open();
  }

  #open() {
    this.#reader = this.#socket.readable.getReader();
    this.#writer = this.#socket.writable.getWriter();
  }

  /** What was said in the clear after STARTTLS must not count as said under TLS. */
  startTls() {
    if (this.#heard !== '') throw new Error('it spoke before TLS began');
    this.#reader.releaseLock();
    this.#writer.releaseLock();
    this.#socket = this.#socket.startTls();
    this.#open();
  }

  async say(text: string): Promise<void> {
    await this.#writer.write(new TextEncoder().encode(`${text}\r\n`));
  }

  async ask(text: string): Promise<Reply> {
    await this.say(text);
    return this.read();
  }

  /** One reply, all its lines: "250-..." go on, "250 ..." is the last. */
  async read(): Promise<Reply> {
    const lines: string[] = [];
    for (;;) {
      const end = this.#heard.indexOf('\n');
      if (end === -1) {
        const { value, done } = await this.#reader.read();
        if (done) throw new Error('it closed the connection');
        this.#heard += this.#decoder.decode(value, { stream: true });
        if (this.#heard.length > MOST_REPLY) throw new Error('it says too much');
        continue;
      }
      const line = this.#heard.slice(0, end).replace(/\r$/, '');
      this.#heard = this.#heard.slice(end + 1);
      const [, code, mark, text = ''] = /^(\d{3})([ -]?)(.*)$/.exec(line) ?? [];
      if (code === undefined) throw new Error('it does not speak SMTP');
      lines.push(text);
      if (lines.length > 200) throw new Error('it says too much');
      if (mark !== '-') return { code: Number(code), text: lines.join(' ').slice(0, 300), lines };
    }
  }
}
