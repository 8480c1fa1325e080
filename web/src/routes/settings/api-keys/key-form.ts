/** What the dialogs of a key hold while somebody types, and what is sent of it. */
import { limitOf, listOf } from '$lib/fields.ts';
import type { ApiKeyRow } from '$lib/shapes.ts';
import type { Role } from '$domain/access/roles.ts';

/** The key's expiry stays as it is. */
export const KEEP_EXPIRY = -1;
/** A cache time that is typed. */
export const CUSTOM_CACHE = -1;
export const CACHE_SECONDS = [300, 3600, 86_400];
const DAY_MS = 24 * 3600 * 1000;
const UNUSED_DAYS = 30;

export interface KeyForm {
  name: string;
  role: Role;
  expiresInDays: number;
  tags: string;
  requestsPerMinute: string;
  tokensPerMinute: string;
  groupId: string;
  /** 0 = off */
  cacheSeconds: number;
  customCacheSeconds: string;
  allowedModels: string;
  deniedModels: string;
  maxInputTokens: string;
}

const shown = (value: number | null) => (value === null ? '' : String(value));

export function formOf(key: ApiKeyRow | null): KeyForm {
  const cache = key?.cacheTtlSeconds ?? 0;
  const custom = cache > 0 && !CACHE_SECONDS.includes(cache);
  return {
    name: key?.name ?? '',
    role: key?.role ?? 'runner',
    expiresInDays: key ? KEEP_EXPIRY : 0,
    tags: key?.tags.join(', ') ?? '',
    requestsPerMinute: shown(key?.requestsPerMinute ?? null),
    tokensPerMinute: shown(key?.tokensPerMinute ?? null),
    groupId: key?.groupId ?? '',
    cacheSeconds: custom ? CUSTOM_CACHE : cache,
    customCacheSeconds: custom ? String(cache) : '',
    allowedModels: key?.allowedModels?.join('\n') ?? '',
    deniedModels: key?.deniedModels.join('\n') ?? '',
    maxInputTokens: shown(key?.maxInputTokens ?? null),
  };
}

/** The body of POST and PATCH, without the role. */
export function bodyOf(form: KeyForm, nowMs: number) {
  const allowed = listOf(form.allowedModels);
  const days = form.expiresInDays;
  return {
    name: form.name.trim(),
    ...(days === KEEP_EXPIRY
      ? {}
      : { expiresAt: days === 0 ? null : new Date(nowMs + days * DAY_MS).toISOString() }),
    tags: listOf(form.tags),
    requestsPerMinute: limitOf(form.requestsPerMinute),
    tokensPerMinute: limitOf(form.tokensPerMinute),
    groupId: form.groupId || null,
    cacheTtlSeconds:
      form.cacheSeconds === CUSTOM_CACHE
        ? (limitOf(form.customCacheSeconds) ?? 0)
        : form.cacheSeconds || null,
    allowedModels: allowed.length > 0 ? allowed : null,
    deniedModels: listOf(form.deniedModels),
    maxInputTokens: limitOf(form.maxInputTokens),
  };
}

/** A new key with the settings of another; it lives as long as that one was meant to (KEY-6). */
export function rotationOf(key: ApiKeyRow, nowMs: number) {
  const { role, tags, requestsPerMinute, tokensPerMinute, cacheTtlSeconds } = key;
  const { allowedModels, deniedModels, maxInputTokens, groupId } = key;
  const lifetimeMs = key.expiresAt === null ? null : Date.parse(key.expiresAt) - Date.parse(key.createdAt);
  return {
    name: `${key.name.slice(0, 90)} (rotated)`,
    role,
    tags,
    requestsPerMinute,
    tokensPerMinute,
    cacheTtlSeconds,
    allowedModels,
    deniedModels,
    maxInputTokens,
    groupId,
    expiresAt: lifetimeMs === null ? null : new Date(nowMs + lifetimeMs).toISOString(),
  };
}

/** KEY-5: nobody has called with it for 30 days. */
export const isUnused = (key: ApiKeyRow, nowMs: number): boolean =>
  nowMs - Date.parse(key.lastUsedAt ?? key.createdAt) > UNUSED_DAYS * DAY_MS;
