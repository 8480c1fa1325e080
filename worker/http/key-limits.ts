/**
 * A key's own limits of calls and tokens per minute, if it was given any. The team's object keeps them (domain/budget/rates.ts): a paid
 * call is counted inside its reservation, every other request by one question of its own, a key without limits by none.
 */
import type { Context } from 'hono';
import type { PaidCallRequest } from '../domain/call/paid-call.ts';
import type { RateCount, RateLimits, RateStanding } from '../domain/refusal.ts';
import { Refused } from './errors.ts';
import type { AppEnv, Caller } from './routes.ts';

/** Routes whose handlers count their requests themselves: in the reservation (countedByReserve), else by holdToRates. */
const COUNTED_BY_RESERVE: ReadonlySet<string> = new Set([
  'POST /v1/chat/completions',
  'POST /v1/responses',
  'POST /v1/embeddings',
  'POST /v1/messages',
  'POST /api/integrations/openai/v1/chat/completions',
  'POST /api/integrations/openai/v1/responses',
  'POST /api/integrations/openai/v1/embeddings',
  'POST /api/integrations/anthropic/v1/messages',
  'POST /v1beta/models/:name{.+}',
  'POST /api/prompts/:id/run',
]);

/** Counts a request of a key when its route does not do it; throws 429 when the key's minute is used up. */
export async function holdToLimits(c: Context<AppEnv>, route: string): Promise<void> {
  if (!COUNTED_BY_RESERVE.has(route)) await holdToRates(c);
}

/**
 * Counts a request that was not counted yet: of a paid route, one that never came to a reservation (malformed, an unknown model, an
 * answer that was kept). Throws 429 when the key's minute is used up.
 */
export async function holdToRates(c: Context<AppEnv>): Promise<void> {
  const caller = c.get('caller');
  const limits = limitsOf(caller);
  if (caller.kind !== 'key' || !limits || c.get('rateCounted')) return;
  const { key } = caller;
  const used = await c.get('services').team(key.teamId).useKey(key.id, limits);
  const standing = used.ok ? used.value : used.error.rate;
  if (standing) tell(c, standing);
  if (!used.ok) throw new Refused(used.error);
}

/** The part of a paid call that has it counted inside its reservation; the answer's headers then say where the key stands. */
export function countedByReserve(c: Context<AppEnv>): Pick<PaidCallRequest, 'rates' | 'onRate'> {
  const rates = limitsOf(c.get('caller'));
  return rates ? { rates, onRate: (standing) => tell(c, standing) } : {};
}

function tell(c: Context<AppEnv>, standing: RateStanding): void {
  c.set('rateCounted', true);
  for (const [name, value] of Object.entries(rateHeaders(standing))) c.header(name, value);
}

function limitsOf(caller: Caller): RateLimits | null {
  if (caller.kind !== 'key') return null;
  const { requestsPerMinute, tokensPerMinute } = caller.key;
  return requestsPerMinute === null && tokensPerMinute === null
    ? null
    : { requestsPerMinute, tokensPerMinute };
}

/** RateLimit-* for requests, and OpenAI's own names for both. */
function rateHeaders({ requests, tokens }: RateStanding): Record<string, string> {
  const named = (what: string, count: RateCount | null): Record<string, string> =>
    count === null
      ? {}
      : {
          [`x-ratelimit-limit-${what}`]: String(count.limit),
          [`x-ratelimit-remaining-${what}`]: String(count.remaining),
          [`x-ratelimit-reset-${what}`]: `${count.resetSeconds}s`,
        };
  return {
    ...(requests === null
      ? {}
      : {
          'ratelimit-limit': String(requests.limit),
          'ratelimit-remaining': String(requests.remaining),
          'ratelimit-reset': String(requests.resetSeconds),
        }),
    ...named('requests', requests),
    ...named('tokens', tokens),
  };
}
