import { describe, expect, it } from 'vitest';
import { formatCost, usd } from './money.ts';

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
  ])('%d nano-USD reads %s', (nano, text) => {
    expect(formatCost(nano)).toBe(text);
  });

  it('rounds ceilings up', () => {
    expect(formatCost(1_040_000, { up: true })).toBe('$0.0011');
    expect(formatCost(1, { up: true })).toBe('$0.0001');
  });

  it('writes other currencies their own way', () => {
    expect(formatCost(4_200_000, { locale: 'de-DE', currency: 'EUR' })).toBe('0,0042\u00a0€');
  });

  it.each([
    [10_500_000, '0.0105'],
    [1, '0.000000001'],
    [450_800_000_000, '450.8'],
    [0, '0'],
    [-4_200_000, '-0.0042'],
  ])('carries %d exactly as %s', (nano, text) => {
    expect(usd(nano)).toBe(text);
  });
});
