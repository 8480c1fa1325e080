/**
 * Idempotency-Key, for every POST that costs or creates: a repeat gives the first answer, the same key with another body is 409.
 * Only success is kept: a refused request has changed nothing and may be tried again under its key. Streams are not kept.
 */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { claim, keep, release, type Attempt, type KeptAnswer } from '../store/idempotency.ts';
import { Refused } from './errors.ts';
import { holdToRates } from './key-limits.ts';
import type { AppEnv } from './routes.ts';

const MAX_KEPT_CHARS = 1024 * 1024;
const KEPT_HEADERS = [
  'content-type',
  'x-pm-run-id',
  'x-pm-cost-nano-usd',
  'x-pm-max-tokens-clamped',
  'x-pm-model',
  'x-pm-attempts',
  'location',
];

const conflict = (message: string) => new Refused({ reason: 'conflict', message });

/** Stands before the handler, behind authentication. */
export const idempotent = createMiddleware<AppEnv>(async function idempotent(c, next) {
  const key = c.req.header('idempotency-key');
  if (key === undefined) return next();
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new Refused({
      reason: 'invalid',
      issues: [{ path: 'idempotency-key', message: 'must be 1 to 255 visible ASCII characters' }],
    });
  const services = c.get('services');
  const attempt: Attempt = {
    teamId: c.get('actor').teamId,
    route: `${c.req.method} ${c.req.path}`,
    key,
    bodyHash: await sha256(await c.req.text()),
  };
  const claimed = await claim(services, attempt);
  // Answered from what was kept, it comes to no reservation that would count it.
  if (claimed.is !== 'first') await holdToRates(c);
  switch (claimed.is) {
    case 'repeat':
      return replayed(c, claimed.answer);
    case 'working':
      throw conflict('The first request with this Idempotency-Key is still being worked on.');
    case 'other_body':
      throw conflict('This Idempotency-Key was already used with another body.');
    case 'not_kept':
      throw conflict(
        'The first request with this Idempotency-Key was answered with a stream, which is not kept.',
      );
    case 'first': {
      const story = next().then(() => settled(c.res));
      // The answer is kept even when the caller leaves before it comes.
      c.executionCtx.waitUntil(story.catch(() => {}));
      return story;
    }
    default:
      return claimed satisfies never;
  }

  async function settled(response: Response): Promise<void> {
    if (!response.ok) return release(services, attempt);
    const headers = Object.fromEntries(
      KEPT_HEADERS.flatMap((name) => {
        const value = response.headers.get(name);
        return value === null ? [] : [[name, value]];
      }),
    );
    const streams = headers['content-type']?.startsWith('text/event-stream') ?? false;
    const body = streams ? null : await response.clone().text();
    const kept = body !== null && body.length <= MAX_KEPT_CHARS ? body : null;
    await keep(services, attempt, { status: response.status, headers, body: kept });
  }
});

const replayed = (c: Context<AppEnv>, { status, headers, body }: KeptAnswer) =>
  c.body(body, status as ContentfulStatusCode, { ...headers, 'idempotent-replayed': 'true' });

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
