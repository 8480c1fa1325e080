/** A key's own limit of calls per minute, if it was given one; counted in D1, so that it is one count for all isolates. */
import type { Context } from 'hono';
import type { ApiKey } from '../store/keys.ts';
import { countInWindow } from '../store/rate-windows.ts';
import { Refused } from './errors.ts';
import type { AppEnv } from './routes.ts';

const WINDOW_MS = 60_000;

/** Sets the RateLimit-* headers of the answer; throws 429 when the minute is used up. */
export async function holdToLimit(c: Context<AppEnv>, key: ApiKey): Promise<void> {
  const limit = key.requestsPerMinute;
  if (limit === null) return;
  const { db, now } = c.get('services');
  const nowMs = now();
  const { count, resetsAtMs } = await countInWindow(db, { key: `key:${key.id}`, windowMs: WINDOW_MS, nowMs });
  const resetSeconds = Math.max(1, Math.ceil((resetsAtMs - nowMs) / 1000));
  c.header('ratelimit-limit', String(limit));
  c.header('ratelimit-remaining', String(Math.max(0, limit - count)));
  c.header('ratelimit-reset', String(resetSeconds));
  if (count <= limit) return;
  throw new Refused({
    reason: 'rate_limited',
    message: `This key may be used ${limit} times a minute. Wait ${resetSeconds} seconds.`,
    retryAfterSeconds: resetSeconds,
  });
}
