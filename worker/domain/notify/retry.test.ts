import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MOST_TRIES, nextTryAt, resultOfStatus, RETRY_AFTER_MS, retryAfterMs } from './retry.ts';

const failed = { ok: false, permanent: false, code: 500, text: '' };

describe('when a delivery is tried again', () => {
  it('follows the table, moved by a fifth at most, and ends after the last entry', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 20 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (tries, chance) => {
          const at = nextTryAt({ tries, result: failed, nowMs: 1_000_000 }, chance);
          if (tries >= MOST_TRIES) {
            expect(at).toBeNull();
            return;
          }
          expect(at! - 1_000_000).toBeGreaterThanOrEqual(Math.floor(RETRY_AFTER_MS[tries]! * 0.8));
          expect(at! - 1_000_000).toBeLessThanOrEqual(Math.ceil(RETRY_AFTER_MS[tries]! * 1.2));
        },
      ),
    );
  });

  it('waits as long as the receiver asks, but not for ever', () => {
    const asks = (ms: number) =>
      nextTryAt({ tries: 1, result: { ...failed, code: 429, retryAfterMs: ms }, nowMs: 0 }, 0.5);
    expect(asks(60_000)).toBe(60_000);
    expect(asks(1)).toBe(5_000);
    expect(asks(1e12)).toBe(24 * 3_600_000);
  });

  it('never tries again after success or a permanent refusal', () => {
    expect(nextTryAt({ tries: 1, result: { ...failed, ok: true }, nowMs: 0 }, 0)).toBeNull();
    expect(nextTryAt({ tries: 1, result: { ...failed, permanent: true }, nowMs: 0 }, 0)).toBeNull();
  });

  it.each([
    [204, false, { ok: true, permanent: false }],
    [302, false, { ok: false, permanent: false }],
    [404, false, { ok: false, permanent: false }],
    [404, true, { ok: false, permanent: true }],
    [408, true, { ok: false, permanent: false }],
    [429, true, { ok: false, permanent: false }],
    [410, false, { ok: false, permanent: true, gone: true }],
    [503, true, { ok: false, permanent: false }],
  ])('reads status %i (strict: %s)', (status, strict, expected) => {
    expect(resultOfStatus({ status, text: '', retryAfterMs: null }, { strict })).toMatchObject(expected);
  });

  it('reads Retry-After as seconds or as a date', () => {
    expect(retryAfterMs('3', 0)).toBe(3000);
    expect(retryAfterMs('0.4', 0)).toBe(400);
    expect(retryAfterMs('Thu, 01 Jan 1970 00:01:00 GMT', 10_000)).toBe(50_000);
    expect(retryAfterMs('soon', 0)).toBeNull();
    expect(retryAfterMs(null, 0)).toBeNull();
  });
});
