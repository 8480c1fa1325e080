import { describe, expect, it } from 'vitest';
import { PATIENCE_MS } from '../domain/recent.ts';
import type { ApiKey } from '../store/keys.ts';
import { forgetKey, KEY_CACHE_MS, knownKeys } from './key-cache.ts';

const key = (id: string) => ({ id }) as ApiKey;
const lookUp = (text: string, found: ApiKey | null) =>
  knownKeys.get(
    text,
    () => 0,
    async () => found,
  );

describe('the keys an isolate remembers', () => {
  it('are forgotten soon enough for a deleted key to be 401 within 5 s', () => {
    expect(KEY_CACHE_MS + PATIENCE_MS).toBeLessThan(5_000);
  });

  it('are forgotten at once where they are deleted', async () => {
    expect((await lookUp('b', key('key_b')))?.id).toBe('key_b');
    expect((await lookUp('b', null))?.id).toBe('key_b');
    forgetKey('key_b');
    expect(await lookUp('b', null)).toBeNull();
  });
});
