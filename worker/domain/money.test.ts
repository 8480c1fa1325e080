import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  addNanoUsd,
  costOfLines,
  nanoUsd,
  parseUsdPerMillionTokens,
  picoUsdPerToken,
  subtractNanoUsd,
} from './money.ts';

describe('money', () => {
  it('is a whole, safe number or it is not made', () => {
    for (const wrong of [0.5, NaN, Infinity, 2 ** 53, -(2 ** 53)])
      expect(() => nanoUsd(wrong)).toThrow(RangeError);
    expect(nanoUsd(0)).toBe(0);
    expect(() => addNanoUsd(nanoUsd(Number.MAX_SAFE_INTEGER), nanoUsd(1))).toThrow(RangeError);
    expect(subtractNanoUsd(nanoUsd(1), nanoUsd(3))).toBe(-2);
  });

  it('knows no negative or broken price', () => {
    for (const wrong of [-1, 0.5, NaN]) expect(() => picoUsdPerToken(wrong)).toThrow(RangeError);
  });

  it.each([
    ['3.75', 3_750_000],
    ['0', 0],
    ['0.15', 150_000],
    ['0.000001', 1],
    ['15', 15_000_000],
    [' 2.50 ', 2_500_000],
    ['1.1000000', 1_100_000],
  ])('reads the price %s per million as %d', (text, pico) =>
    expect(parseUsdPerMillionTokens(text)).toBe(pico),
  );

  it.each(['', '-1', '1e3', '1,5', '0.0000001', 'free', '1.2.3', '12345678901'])(
    'does not guess what the price "%s" means',
    (text) => expect(parseUsdPerMillionTokens(text)).toBeNull(),
  );

  it('reads back every price it can write', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10 ** 12 }), (pico) => {
        const digits = String(pico).padStart(7, '0');
        expect(parseUsdPerMillionTokens(`${digits.slice(0, -6)}.${digits.slice(-6)}`)).toBe(pico);
      }),
    );
  });

  it('rounds a bill up once, not once per line', () => {
    const third = { units: 1, picoUsdPerUnit: 334 };
    expect(costOfLines([third])).toBe(1);
    expect(costOfLines([third, third, third])).toBe(2);
    expect(costOfLines([])).toBe(0);
    expect(costOfLines([{ units: 1_000_000, picoUsdPerUnit: 3_750_000 }])).toBe(3_750_000_000);
  });

  it('is exact where floats are not', () => {
    const line = fc.record({
      units: fc.integer({ min: 0, max: 10_000_000 }),
      picoUsdPerUnit: fc.integer({ min: 0, max: 200_000_000 }),
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const pico = lines.reduce((sum, l) => sum + BigInt(l.units) * BigInt(l.picoUsdPerUnit), 0n);
        const cost = BigInt(costOfLines(lines));
        expect(cost * 1000n >= pico && (cost - 1n) * 1000n < pico).toBe(true);
      }),
    );
  });
});
