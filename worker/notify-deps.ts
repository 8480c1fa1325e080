/** What bringing a notice to a channel needs of this environment: the network, the mail server, the clock. Part of the composition root. */
import { connect } from 'cloudflare:sockets';
import { teamsWayOut } from './call-deps.ts';
import { channelPlug } from './channels/registry.ts';
import { mailServerOf } from './channels/smtp/server-url.ts';
import type { ChannelDeps, MailSocket, Target } from './domain/contracts/channel.ts';
import type { Channel, ChannelType } from './domain/notify/channel.ts';
import { MOST_TRIES, nextTryAt, retryAfterMs, type TryResult } from './domain/notify/retry.ts';
import type { CoreServices } from './services.ts';
import { changeChannel, findChannel, listChannels, targetOf } from './store/channels.ts';
import { mayReach, PRIVATE } from './store/connections.ts';
import { claimDelivery, finishTry, type Claimed } from './store/deliveries.ts';
import { enqueueDeliveries } from './store/notices.ts';

const POST_TIMEOUT_MS = 10_000;
const MAIL_TIMEOUT_MS = 30_000;
/** So much of an answer is read and kept. */
const MOST_ANSWER = 500;

const given = (text: string): TryResult => ({ ok: false, permanent: true, code: null, text });

/** Makes one try of a delivery if it is due and nobody else is at it. Answers how it ended; null = it was not ours to make. */
export type AttemptDelivery = (
  id: string,
  options?: {
    /** a failure is the end: somebody is watching */
    once?: boolean;
  },
) => Promise<TryResult | null>;

export function deliveryAttempts(services: CoreServices): AttemptDelivery {
  const deps = channelDeps(services);
  return async function attempt(id, { once = false } = {}) {
    const claimed = await claimDelivery(services, id);
    if (!claimed) return null;
    const beganMs = services.now();
    const channel = await findChannel(services, claimed.delivery.teamId, claimed.delivery.channelId);
    const result = await tried(services, { claimed, channel, deps });
    if (result.gone && channel) await changeChannel(services, channel, { enabled: false });
    const nextAtMs = once
      ? null
      : nextTryAt({ tries: claimed.delivery.roundTries, result, nowMs: services.now() }, chance());
    await finishTry(services, claimed, { result, ms: services.now() - beganMs, nextAtMs });
    if (nextAtMs !== null) await enqueueDeliveries(services.env, [id], nextAtMs - services.now());
    return result;
  };
}

async function tried(
  services: CoreServices,
  { claimed, channel, deps }: { claimed: Claimed; channel: Channel | null; deps: ChannelDeps },
): Promise<TryResult> {
  const { delivery, notice } = claimed;
  if (!channel) return given('The channel was removed.');
  if (!channel.enabled && notice.kind !== 'channel.test') return given('The channel is switched off.');
  try {
    const target = await targetOf(services, channel);
    if (!mayReach(services, target.url)) return given(PRIVATE);
    const message = {
      deliveryId: delivery.id,
      notice,
      link: linkOf(services, notice.link),
      nowMs: services.now(),
      last: delivery.roundTries >= MOST_TRIES,
    };
    return await channelPlug(channel.type).send(message, target, deps);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    return { ok: false, permanent: false, code: null, text: `No answer: ${text}`.slice(0, MOST_ANSWER) };
  }
}

/** A message of a workflow to one receiver: one of the team's channels, or an address given in the workflow. */
export interface DirectMessage {
  teamId: string;
  id: string;
  channel: ChannelType;
  to: string[];
  subject: string;
  body: string;
}

/** Makes one try of a direct message, outside the deliveries: whoever sends it decides what a failure means. */
export function directMessages(services: CoreServices): (message: DirectMessage) => Promise<TryResult> {
  const deps = channelDeps(services);
  return async function send({ teamId, id, channel, to, subject, body }) {
    const target = await targetNamed(services, { teamId, channel, to });
    if (!target)
      return given(`The team has no ${channelPlug(channel).label} channel "${to[0]}" that is switched on.`);
    if (!mayReach(services, target.url)) return given(PRIVATE);
    const nowMs = services.now();
    const notice = {
      id,
      kind: 'workflow.message' as const,
      level: 'info' as const,
      title: subject,
      text: body,
      link: null,
      data: {},
      at: new Date(nowMs).toISOString(),
    };
    return await channelPlug(channel).send(
      { deliveryId: id, notice, link: null, nowMs, last: true },
      target,
      deps,
    );
  };
}

async function targetNamed(
  services: CoreServices,
  { teamId, channel: type, to }: Pick<DirectMessage, 'teamId' | 'channel' | 'to'>,
): Promise<Target | null> {
  if (type === 'email') return { to, url: null, secrets: [] };
  const [name = ''] = to;
  if (/^https?:\/\//i.test(name)) return URL.canParse(name) ? { to: [], url: name, secrets: [] } : null;
  const channels = await listChannels(services, teamId);
  const found = channels.find(
    (one) => one.type === type && one.enabled && (one.id === name || one.name === name),
  );
  return found ? await targetOf(services, found) : null;
}

const linkOf = ({ vars }: CoreServices, path: string | null): string | null =>
  path === null || vars.PUBLIC_URL === undefined ? null : new URL(path, vars.PUBLIC_URL).href;

const chance = () => crypto.getRandomValues(new Uint32Array(1))[0]! / 2 ** 32;

function channelDeps(services: CoreServices): ChannelDeps {
  const send = teamsWayOut(services);
  const { SMTP_URL } = services.vars;
  return {
    async post(url, { headers, body }) {
      const response = await send(url, {
        method: 'POST',
        headers: { 'user-agent': 'Prompt-Manage', ...headers },
        body,
        // an address that sends us elsewhere could send us into a private network
        redirect: 'manual',
        signal: AbortSignal.timeout(POST_TIMEOUT_MS),
      });
      return {
        status: response.status,
        text: await beginningOf(response),
        retryAfterMs: retryAfterMs(response.headers.get('retry-after'), services.now()),
      };
    },
    mail:
      SMTP_URL === undefined
        ? null
        : { server: mailServerOf(SMTP_URL), connect: connectToMail, timeoutMs: MAIL_TIMEOUT_MS },
  };
}

/** The first words of an answer; the rest is not read. */
async function beginningOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  if (!reader) return '';
  const decoder = new TextDecoder();
  let text = '';
  while (text.length < MOST_ANSWER) {
    const { value, done } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
  await reader.cancel();
  return text.slice(0, MOST_ANSWER);
}

async function connectToMail({
  host,
  port,
  secure,
}: {
  host: string;
  port: number;
  secure: boolean;
}): Promise<MailSocket> {
  const socket = connect(
    { hostname: host, port },
    { secureTransport: secure ? 'on' : 'starttls', allowHalfOpen: false },
  );
  await opened(socket);
  return asMailSocket(socket, host);
}

async function opened(socket: Socket): Promise<void> {
  // a socket that never opens also closes with an error
  socket.closed.catch(() => {});
  await socket.opened;
}

const asMailSocket = (socket: Socket, host: string): MailSocket => ({
  readable: socket.readable as ReadableStream<Uint8Array>,
  writable: socket.writable as WritableStream<Uint8Array>,
  startTls() {
    const secured = socket.startTls({ expectedServerHostname: host });
    secured.closed.catch(() => {});
    return asMailSocket(secured, host);
  },
  close: () => void socket.close().catch(() => {}),
});
