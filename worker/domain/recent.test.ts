import { describe, expect, it } from 'vitest';
import { recent } from './recent.ts';

/** A cache with a clock in hand and a source that answers when it is told to. */
function setUp({ forMs = 3_000, size = 10 } = {}) {
  const cache = recent<string | null>({ forMs, size });
  const clock = { nowMs: 0 };
  const reads: ((value: string | null) => void)[] = [];
  const failures: ((error: Error) => void)[] = [];
  const get = (key: string) =>
    cache.get(
      key,
      () => clock.nowMs,
      () =>
        new Promise((answer, fail) => {
          reads.push(answer);
          failures.push(fail);
        }),
    );
  const known = async (key: string, value: string | null) => {
    const asked = get(key);
    reads.at(-1)!(value);
    await asked;
  };
  return { cache, clock, reads, failures, get, known };
}

describe('what an isolate read a moment ago', () => {
  it('is read once while it is fresh, and anew when it is not', async () => {
    const { clock, reads, get, known } = setUp();
    await known('a', 'first');
    clock.nowMs = 2_999;
    expect(await get('a')).toBe('first');
    expect(reads).toHaveLength(1);
    clock.nowMs = 3_000;
    const asked = get('a');
    reads[1]!('second');
    expect(await asked).toBe('second');
    expect(await get('a')).toBe('second');
    expect(reads).toHaveLength(2);
  });

  it('is read anew by one while the others take the old one', async () => {
    const { clock, reads, get, known } = setUp();
    await known('a', 'old');
    clock.nowMs = 3_500;
    const reader = get('a');
    const others = await Promise.all(Array.from({ length: 50 }, () => get('a')));
    expect(new Set(others)).toEqual(new Set(['old']));
    expect(reads).toHaveLength(2);
    reads[1]!('new');
    expect(await reader).toBe('new');
    expect(await get('a')).toBe('new');
  });

  it('is read by the next, too, when the one who reads takes a second or failed', async () => {
    const { clock, reads, failures, get, known } = setUp();
    await known('a', 'old');
    clock.nowMs = 3_000;
    const slow = get('a');
    clock.nowMs = 4_000;
    const next = get('a');
    expect(reads).toHaveLength(3);
    failures[1]!(new Error('lost'));
    await expect(slow).rejects.toThrow('lost');
    reads[2]!('new');
    expect(await next).toBe('new');
  });

  it('is never taken when it is older than it may be and a second', async () => {
    const { clock, reads, get, known } = setUp();
    await known('a', 'old');
    clock.nowMs = 4_000;
    const first = get('a');
    const second = get('a');
    expect(reads).toHaveLength(3);
    reads[1]!('new');
    reads[2]!('new');
    expect(await Promise.all([first, second])).toEqual(['new', 'new']);
  });

  it('is forgotten at once where it changed, and a reading that began before the change is not kept', async () => {
    const { cache, reads, get, known } = setUp();
    await known('a', 'before');
    cache.forget('a');
    const asked = get('a');
    cache.forgetWhere((value) => value === 'nothing like it');
    reads[1]!('may be from before');
    expect(await asked).toBe('may be from before');
    void get('a');
    expect(reads).toHaveLength(3);
  });

  it('is not kept when there was nothing', async () => {
    const { reads, get, known } = setUp();
    await known('a', null);
    void get('a');
    expect(reads).toHaveLength(2);
  });

  it('is never more than its bound, the oldest leaving first', async () => {
    const { reads, get, known } = setUp({ size: 2 });
    for (const key of ['a', 'b', 'c']) await known(key, key);
    expect(await get('c')).toBe('c');
    expect(reads).toHaveLength(3);
    void get('a');
    expect(reads).toHaveLength(4);
  });
});
