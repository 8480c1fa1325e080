/** Our own request headers on every gateway route, whatever the wire format: `x-pm-*` (api.md). */
import type { Context } from 'hono';
import type { CallSubject } from '../../domain/budget/budget.ts';
import type { PaidCallRequest, PaidStream } from '../../domain/call/paid-call.ts';
import { Refused } from '../errors.ts';
import type { AppEnv } from '../routes.ts';

const MAX_TAGS = 20;
const MAX_TAG_CHARS = 64;

const MAX_FALLBACKS = 5;

type Wishes = Pick<PaidCallRequest, 'onDisconnect' | 'clampable' | 'maxCostNanoUsd' | 'fallback' | 'cache'>;

const invalid = (header: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path: header, message }] });

/** How the caller wants this call to be treated. 422 names the header that makes no sense. */
export function wishesOf(c: Context<AppEnv>): Wishes {
  const onDisconnect = c.req.header('x-pm-on-disconnect') ?? 'drain';
  if (onDisconnect !== 'drain' && onDisconnect !== 'cancel')
    throw invalid('x-pm-on-disconnect', 'must be "drain" or "cancel"');
  const clamp = c.req.header('x-pm-clamp') ?? 'false';
  if (clamp !== 'true' && clamp !== 'false') throw invalid('x-pm-clamp', 'must be "true" or "false"');
  const cost = c.req.header('x-pm-max-cost-nano-usd');
  if (cost !== undefined && !(/^\d{1,16}$/.test(cost) && Number.isSafeInteger(Number(cost))))
    throw invalid('x-pm-max-cost-nano-usd', 'must be a whole number of nano-USD');
  return {
    onDisconnect,
    clampable: clamp === 'true',
    maxCostNanoUsd: cost === undefined ? null : Number(cost),
    fallback: fallbackOf(c),
    ...cacheWishOf(c),
  };
}

/** The cache is the key's to opt into; a call can leave it out, or have it answered anew. */
function cacheWishOf(c: Context<AppEnv>): Pick<Wishes, 'cache'> {
  const wish = c.req.header('x-pm-cache');
  if (wish !== undefined && wish !== 'off' && wish !== 'refresh')
    throw invalid('x-pm-cache', 'must be "off" or "refresh"');
  const caller = c.get('caller');
  const ttlSeconds = caller.kind === 'key' ? caller.key.cacheTtlSeconds : null;
  if (ttlSeconds === null || wish === 'off') return {};
  return { cache: { ttlSeconds, refresh: wish === 'refresh' } };
}

/** What an answer says of the cache; nothing when the call was none for it. */
export function cacheHeaders(
  { cache }: Pick<PaidCallRequest, 'cache'>,
  { cached, earlier }: Pick<PaidStream, 'cached' | 'earlier'>,
): Record<string, string> {
  if (!cached) return cache ? { 'x-pm-cache': 'miss' } : {};
  return {
    'x-pm-cache': 'hit',
    age: String(cached.ageSeconds),
    // attempts that failed before it may have cost something
    'x-pm-cost-nano-usd': String(earlier?.costNanoUsd ?? 0),
    'x-pm-cost-saved-nano-usd': String(cached.savedNanoUsd),
  };
}

/** Models or routes to try when the first fails, in order: `x-pm-fallback: model,model`. */
function fallbackOf(c: Context<AppEnv>): string[] {
  const models = (c.req.header('x-pm-fallback') ?? '')
    .split(',')
    .map((model) => model.trim())
    .filter((model) => model !== '');
  if (models.length > MAX_FALLBACKS)
    throw invalid('x-pm-fallback', `there are at most ${MAX_FALLBACKS} models`);
  if (models.some((model) => model.length > 200))
    throw invalid('x-pm-fallback', "a model's name has at most 200 characters");
  return models;
}

/** Who pays: the caller as we know him, and his tags. Nothing in a body can choose another budget (B28). */
export function subjectOf(c: Context<AppEnv>): CallSubject {
  const { teamId, keyId, memberId, keyTags, groupIds } = c.get('actor');
  const wanted = (c.req.header('x-pm-tags') ?? '')
    .split(',')
    .map((tag) => tag.trim())
    .filter((tag) => tag !== '');
  if (wanted.some((tag) => tag.length > MAX_TAG_CHARS))
    throw invalid('x-pm-tags', `a tag has at most ${MAX_TAG_CHARS} characters`);
  const tags = [...new Set([...keyTags, ...wanted])];
  if (tags.length > MAX_TAGS) throw invalid('x-pm-tags', `there are at most ${MAX_TAGS} tags`);
  return {
    teamId,
    tags,
    ...(keyId === null ? {} : { keyId }),
    ...(memberId === null ? {} : { memberId }),
    ...(groupIds.length === 0 ? {} : { groupIds }),
  };
}
