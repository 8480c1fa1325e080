/** Keys this isolate looked up a moment ago, so that the gateway's hot path does not ask D1 for every call. */
import type { ApiKey } from '../store/keys.ts';

/** A deleted key must answer 401 within 5 s everywhere (KEY-3): other isolates forget it after this long. */
export const KEY_CACHE_MS = 3_000;
export const KEY_CACHE_SIZE = 1_000;

const remembered = new Map<string, { key: ApiKey; untilMs: number }>();

/** By the key's own text (hashing it costs more than all the rest of this); null when it has to be looked up. */
export function rememberedKey(text: string, nowMs: number): ApiKey | null {
  const entry = remembered.get(text);
  if (!entry) return null;
  if (nowMs < entry.untilMs) return entry.key;
  remembered.delete(text);
  return null;
}

/** The oldest entry leaves when the cache is full. */
export function rememberKey(text: string, key: ApiKey, nowMs: number): void {
  remembered.delete(text);
  if (remembered.size >= KEY_CACHE_SIZE) remembered.delete(remembered.keys().next().value!);
  remembered.set(text, { key, untilMs: nowMs + KEY_CACHE_MS });
}

export function forgetKey(keyId: string): void {
  for (const [text, { key }] of remembered) if (key.id === keyId) remembered.delete(text);
}
