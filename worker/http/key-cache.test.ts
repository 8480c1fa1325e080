import { describe, expect, it } from 'vitest';
import type { ApiKey } from '../store/keys.ts';
import { forgetKey, KEY_CACHE_MS, KEY_CACHE_SIZE, rememberedKey, rememberKey } from './key-cache.ts';

const key = (id: string) => ({ id }) as ApiKey;

describe('the keys an isolate remembers', () => {
  it('are forgotten soon enough for a deleted key to be 401 within 5 s', () => {
    expect(KEY_CACHE_MS).toBeLessThan(5_000);
    rememberKey('a', key('key_a'), 1_000);
    expect(rememberedKey('a', 1_000 + KEY_CACHE_MS - 1)?.id).toBe('key_a');
    expect(rememberedKey('a', 1_000 + KEY_CACHE_MS)).toBeNull();
  });

  it('are forgotten at once where they are deleted', () => {
    rememberKey('b', key('key_b'), 0);
    forgetKey('key_b');
    expect(rememberedKey('b', 0)).toBeNull();
  });

  it('are never more than their bound, the oldest leaving first', () => {
    for (let i = 0; i <= KEY_CACHE_SIZE; i++) rememberKey(`many ${i}`, key(`key_${i}`), 0);
    expect(rememberedKey('many 0', 0)).toBeNull();
    expect(rememberedKey(`many ${KEY_CACHE_SIZE}`, 0)).not.toBeNull();
  });
});
