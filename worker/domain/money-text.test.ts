import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { amount, formatCost, formatPrice, formatRange, usd } from './money-text.ts';

describe('money for the eye', () => {
  it.each([
    [0, '$0.00'],
    [1, '<$0.0001'],
    [99_999, '<$0.0001'],
    [100_000, '$0.0001'],
    [630_000, '$0.0006'],
    [1_050_000, '$0.0011'],
    [4_200_000, '$0.0042'],
    [10_500_000, '$0.0105'],
    [421_300_000, '$0.4213'],
    [999_960_000, '$1.00'],
    [12_345_600_000, '$12.35'],
    [1_234_500_000_000, '$1,234.50'],
    [-4_200_000, '-$0.0042'],
    [-5, '-<$0.0001'],
  ])('writes %d nano-USD as %s', (nano, text) => expect(formatCost(nano)).toBe(text));

  it('rounds ceilings up, even the smallest', () => {
    expect(formatCost(1_040_000, { up: true })).toBe('$0.0011');
    expect(formatCost(1, { up: true })).toBe('$0.0001');
    expect(formatCost(1_000_000_001, { up: true })).toBe('$1.01');
  });

  it('writes other currencies as their readers do', () => {
    expect(formatCost(4_200_000, { locale: 'de-DE', currency: 'EUR' })).toBe('0,0042\u00a0€');
  });

  it.each([
    ['EUR', '0.9231', 4_200_000, '€0.0039'],
    ['EUR', '0.9231', 1_234_500_000_000, '€1,139.57'],
    ['JPY', '151.32', 4_200_000, '¥0.6355'],
    ['JPY', '151.32', 10_000_000_000, '¥1,513'],
    ['KWD', '0.3071', 1, '<KWD 0.0001'],
    // 25,000 dong a dollar: the amount in nano-dong would be no safe integer
    ['VND', '25380.5', 9_000_000_000_000_000, '₫228,424,500,000'],
    ['EUR', '0.9231', 0, '€0.00'],
    ['EUR', '0.9231', -4_200_000, '-€0.0039'],
  ])('shows an amount in %s at %s a dollar', (currency, perUsd, nano, text) =>
    expect(formatCost(nano, { currency, perUsd }).replaceAll('\u00a0', ' ')).toBe(text),
  );

  it('converts exactly, whatever the rate', () => {
    expect(amount(10_500_000, '0.92')).toBe('0.00966');
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(1e9), fc.nat({ max: 8 }), (nano, digits, decimals) => {
        const rate = String(digits).padStart(decimals + 1, '0');
        const perUsd = decimals ? `${rate.slice(0, -decimals)}.${rate.slice(-decimals)}` : rate;
        const [whole = '', fraction = ''] = amount(nano, perUsd).split('.');
        const found = BigInt(whole.replace('-', '') + fraction.padEnd(9 + decimals, '0'));
        expect(found).toBe(BigInt(Math.abs(nano)) * BigInt(digits));
      }),
    );
  });

  it.each([
    [10_500_000, '0.0105'],
    [1, '0.000000001'],
    [450_800_000_000, '450.8'],
    [0, '0'],
    [-4_200_000, '-0.0042'],
    [100_000_000_000, '100'],
  ])('gives %d as the exact data-value %s', (nano, text) => expect(usd(nano)).toBe(text));

  it('loses no nano-dollar in a data-value', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (nano) => {
        const [whole, fraction = ''] = usd(Math.abs(nano)).split('.');
        expect(BigInt(whole!) * 1_000_000_000n + BigInt(fraction.padEnd(9, '0'))).toBe(
          BigInt(Math.abs(nano)),
        );
      }),
    );
  });

  it('never shows a cost as nothing', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 53 - 1 }), fc.boolean(), (nano, up) => {
        expect(formatCost(nano, { up })).not.toBe('$0.00');
      }),
    );
  });

  it('refuses amounts that are not whole', () => expect(() => usd(0.5)).toThrow(RangeError));

  it('writes a range once when both ends read the same', () => {
    expect(formatRange(3_100_000, 7_400_000)).toBe('$0.0031 – $0.0074');
    expect(formatRange(3_100_000, 3_100_001)).toBe('$0.0031');
  });

  it.each([
    [3_000_000, '$3.00 / 1M tokens'],
    [75_000, '$0.075 / 1M tokens'],
    [2_800, '$0.0028 / 1M tokens'],
    [1, '$0.000001 / 1M tokens'],
    [0, '$0.00 / 1M tokens'],
  ])('writes the price %d as %s', (pico, text) => expect(formatPrice(pico)).toBe(text));
});
