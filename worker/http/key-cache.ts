/** Keys this isolate looked up a moment ago, so that the gateway's hot path does not ask D1 for every call. */
import { recent } from '../domain/recent.ts';
import type { ApiKey } from '../store/keys.ts';

/** A deleted key must answer 401 within 5 s everywhere (KEY-3): other isolates forget it after this long, and the second one may read it in. */
export const KEY_CACHE_MS = 3_000;

/** By the key's own text: hashing it costs more than all the rest of this. */
export const knownKeys = recent<ApiKey | null>({ forMs: KEY_CACHE_MS, size: 1_000 });

export const forgetKey = (keyId: string): void => knownKeys.forgetWhere((key) => key?.id === keyId);
