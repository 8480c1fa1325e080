import { describe, expect, it } from 'vitest';
import { parseDollars } from './dollars.ts';

describe('dollars that a person types', () => {
  it.each([
    ['', null],
    ['0', 0],
    ['100', 100_000_000_000],
    ['$0.25', 250_000_000],
    ['0,25', 250_000_000],
    ['0.000000001', 1],
    ['9007199', 9_007_199_000_000_000],
  ])('%j is %j nano-USD', (text, nanoUsd) => {
    expect(parseDollars(text)).toEqual({ ok: true, nanoUsd });
  });

  it.each(['-1', '1e3', 'ten', '1.2.3', '0.0000000001', '9007200', '١٢'])(
    '%j is refused with a sentence',
    (text) => {
      expect(parseDollars(text).ok).toBe(false);
    },
  );
});
