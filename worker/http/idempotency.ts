/**
 * Idempotency-Key, for every POST that costs or creates: a repeat gives the first answer, a stream too; the same key with another body
 * is 409. Only success is kept: what was refused, or a stream that broke off, may be tried again under its key.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { MAX_KEPT_BYTES } from '../domain/call/cached-calls.ts';
import { logLine } from '../domain/log-line.ts';
import { claim, keep, release, type Attempt, type KeptAnswer } from '../store/idempotency.ts';
import { sha256Of } from '../store/sha256.ts';
import { Refused } from './errors.ts';
import { keptStream, type Streamed } from './kept-stream.ts';
import { holdToRates } from './key-limits.ts';
import type { AppEnv } from './routes.ts';

const KEPT_HEADERS = [
  'content-type',
  'cache-control',
  'x-pm-run-id',
  'x-pm-cost-nano-usd',
  'x-pm-max-tokens-clamped',
  'x-pm-model',
  'x-pm-attempts',
  'location',
];

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const conflict = (message: string, retryAfterSeconds?: number) =>
  new Refused({
    reason: 'conflict',
    message,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });

/** Stands before the handler, behind authentication. */
export const idempotent = createMiddleware<AppEnv>(async function idempotent(c, next) {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return next();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new Refused({
      reason: 'invalid',
      issues: [{ path: 'idempotency-key', message: 'must be 1 to 255 visible ASCII characters' }],
    });
  const attempt: Attempt = {
    teamId: c.get('actor').teamId,
    route: `${c.req.method} ${c.req.path}`,
    key,
    bodyHash: await sha256Of(await c.req.text()),
  };
  const claimed = await claim(c.get('services'), attempt);
  // Answered from what was kept, it comes to no reservation that would count it.
  if (claimed.is !== 'first') await holdToRates(c);
  switch (claimed.is) {
    case 'repeat':
      return replayed(c, claimed.answer);
    case 'working':
      throw conflict('The first request with this Idempotency-Key is still being worked on.', 1);
    case 'other_body':
      throw conflict('This Idempotency-Key was already used with another body.');
    case 'not_kept':
      throw conflict(
        `The answer to the first request with this Idempotency-Key is not kept: it was larger than ${MAX_KEPT_BYTES} bytes, or its stream was left before its end.`,
      );
    case 'first': {
      const first = firstAnswer(c, attempt);
      c.set('keepStream', first.keepStream);
      const story = next().then(() => first.given(c.res));
      // The answer is kept even when the caller leaves before it comes.
      c.executionCtx.waitUntil(story.catch(() => {}));
      return story;
    }
    default:
      return claimed satisfies never;
  }
});

/** The answer to a request that was first under its key: kept when it is a success, else the key is free again. */
function firstAnswer(c: Context<AppEnv>, attempt: Attempt) {
  const services = c.get('services');
  const head = Promise.withResolvers<Omit<KeptAnswer, 'body'>>();
  let streams = false;
  return {
    keepStream({ body, done, onDisconnect }: Streamed): ReadableStream<Uint8Array> {
      streams = true;
      const over = Promise.withResolvers<void>();
      c.executionCtx.waitUntil(over.promise);
      const whenOver = async (text: string | null) => {
        try {
          if ((await done).ok) await keep(services, attempt, { ...(await head.promise), body: text });
          else await release(services, attempt);
        } catch (error) {
          // The answer is given and paid: that it cannot be kept is told to whoever asks again, until the claim runs out.
          console.error(logLine({ level: 'error', at: 'idempotency.keepStream', message: String(error) }));
        }
        over.resolve();
      };
      return keptStream({ body, onDisconnect }, { maxBytes: MAX_KEPT_BYTES, keep: whenOver });
    },
    async given(response: Response): Promise<void> {
      const { status } = response;
      if (!response.ok) return release(services, attempt);
      const headers = Object.fromEntries(
        KEPT_HEADERS.flatMap((name) => {
          const value = response.headers.get(name);
          return value === null ? [] : [[name, value]];
        }),
      );
      if (streams) return head.resolve({ status, headers });
      const bytes = await response.clone().arrayBuffer();
      const body = bytes.byteLength <= MAX_KEPT_BYTES ? utf8.decode(bytes) : null;
      await keep(services, attempt, { status, headers, body });
    },
  };
}

const replayed = (c: Context<AppEnv>, { status, headers, body }: KeptAnswer) =>
  c.body(body, status as ContentfulStatusCode, { ...headers, 'idempotent-replayed': 'true' });
