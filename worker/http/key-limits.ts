/** A key's own limits of calls and tokens per minute, if it was given any; kept in D1, so that they are one for all isolates. */
import type { Context } from 'hono';
import { tokensOfKey, type ApiKey } from '../store/keys.ts';
import { countInWindow } from '../store/rate-windows.ts';
import type { Access } from './access.ts';
import { Refused } from './errors.ts';
import type { AppEnv } from './routes.ts';

const WINDOW_MS = 60_000;

/** Throws 429 when the key's minute is used up. */
export async function holdToLimits(c: Context<AppEnv>, key: ApiKey, access: Access): Promise<void> {
  await holdToCalls(c, key);
  if (access === 'gateway.call' || access === 'run.create') await holdToTokens(c, key);
}

const waitFor = (untilMs: number, nowMs: number) => Math.max(1, Math.ceil((untilMs - nowMs) / 1000));

/** Sets the RateLimit-* headers of the answer. */
async function holdToCalls(c: Context<AppEnv>, key: ApiKey) {
  const limit = key.requestsPerMinute;
  if (limit === null) return;
  const { db, now } = c.get('services');
  const nowMs = now();
  const { count, resetsAtMs } = await countInWindow(db, { key: `key:${key.id}`, windowMs: WINDOW_MS, nowMs });
  const resetSeconds = waitFor(resetsAtMs, nowMs);
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

/** What the ledger booked in the last minute: a call that is still running counts from its end on. */
async function holdToTokens(c: Context<AppEnv>, key: ApiKey) {
  const limit = key.tokensPerMinute;
  if (limit === null) return;
  const { db, now } = c.get('services');
  const nowMs = now();
  const { tokens, first } = await tokensOfKey(db, key, new Date(nowMs - WINDOW_MS).toISOString());
  if (tokens < limit || first === null) return;
  const retryAfterSeconds = waitFor(Date.parse(first) + WINDOW_MS, nowMs);
  throw new Refused({
    reason: 'rate_limited',
    message: `This key may spend ${limit} tokens a minute and spent ${tokens}. Wait ${retryAfterSeconds} seconds.`,
    retryAfterSeconds,
  });
}
