/** What a channel must be: it takes one message to one receiver, once, and says how that ended. It never throws for a receiver's sake. */
import type { ChannelType } from '../notify/channel.ts';
import type { Notice } from '../notify/notice.ts';
import type { TryResult } from '../notify/retry.ts';

export interface Message {
  /** stable over all tries and replays: the receiver's key to know a repetition by */
  deliveryId: string;
  notice: Notice;
  /** absolute address of the page that shows more; null = none */
  link: string | null;
  /** this try's instant in ms */
  nowMs: number;
  /** no try follows: what can be delivered in part is */
  last: boolean;
}

/** A channel's settings with its secrets open. Never leaves the server. */
export interface Target {
  to: string[];
  url: string | null;
  /** signing secrets, newest first */
  secrets: string[];
}

/** One TCP connection, as cloudflare:sockets gives it. */
export interface MailSocket {
  readable: ReadableStream<Uint8Array>;
  writable: WritableStream<Uint8Array>;
  startTls(): MailSocket;
  close(): void;
}

export interface MailServer {
  host: string;
  port: number;
  /** TLS from the first byte (smtps) */
  secure: boolean;
  credentials: { username: string; password: string } | null;
  /** may the password travel without TLS? Only inside a private network */
  clearTextAllowed: boolean;
  from: { name: string; address: string };
}

export interface ChannelDeps {
  /** redirects are not followed, and it gives up in time */
  post(
    url: string,
    init: { headers: Record<string, string>; body: string },
  ): Promise<{ status: number; text: string; retryAfterMs: number | null }>;
  /** null = whoever runs the server has not set SMTP_URL */
  mail: {
    server: MailServer;
    /** resolves once connected */
    connect(server: { host: string; port: number; secure: boolean }): Promise<MailSocket>;
    /** ends the session when it takes too long */
    timeoutMs: number;
  } | null;
}

export interface ChannelPlug {
  type: ChannelType;
  label: string;
  send(message: Message, target: Target, deps: ChannelDeps): Promise<TryResult>;
}

export const defineChannel = <const P extends ChannelPlug>(plug: P): P => plug;

export const NO_MAIL_SERVER = 'This server cannot send mail. Whoever runs the server sets SMTP_URL.';
