import { describe, expect, it } from 'vitest';
import { durationWords, unitOf } from './duration.ts';

describe('a length of time', () => {
  it('is told in the largest unit in which it is whole', () => {
    expect([500, 1000, 90_000, 120_000, 5_400_000, 86_400_000, 172_800_000].map(durationWords)).toEqual([
      '0.5 seconds',
      '1 second',
      '90 seconds',
      '2 minutes',
      '90 minutes',
      '1 day',
      '2 days',
    ]);
  });
  it('of nothing is seconds', () => {
    expect(unitOf(0)).toBe('seconds');
    expect(durationWords(0)).toBe('0 seconds');
  });
});
