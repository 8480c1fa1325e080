import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TIERS, tierSpansOf } from './tiers.ts';

const at = (iso: string) => Date.parse(iso) / 1000;

describe('the tiers that a span is read from', () => {
  it('are days in the middle of a month of Berlin, and what is finer at its ends', () => {
    expect(tierSpansOf(at('2026-06-30T22:00:00Z'), at('2026-07-31T22:00:00Z'))).toEqual([
      { tier: 'hour', from: at('2026-06-30T22:00:00Z'), to: at('2026-07-01T00:00:00Z') },
      { tier: 'day', from: at('2026-07-01T00:00:00Z'), to: at('2026-07-31T00:00:00Z') },
      { tier: 'six_hours', from: at('2026-07-31T00:00:00Z'), to: at('2026-07-31T18:00:00Z') },
      { tier: 'hour', from: at('2026-07-31T18:00:00Z'), to: at('2026-07-31T22:00:00Z') },
    ]);
  });

  it('are quarters of an hour only where a zone needs them', () => {
    expect(
      tierSpansOf(at('2026-06-30T18:30:00Z'), at('2026-07-01T18:30:00Z')).map(({ tier }) => tier),
    ).toEqual(['quarter', 'hour', 'six_hours', 'quarter']);
  });

  it('cover any span exactly: next to each other, each on its own grid', () => {
    const quarter = fc.integer({ min: 0, max: 4_000 });
    fc.assert(
      fc.property(quarter, quarter, (a, b) => {
        const [from, to] = [Math.min(a, b) * 900, Math.max(a, b) * 900];
        let reached = from;
        for (const span of tierSpansOf(from, to)) {
          const { seconds } = TIERS.find(({ tier }) => tier === span.tier)!;
          expect(span.from).toBe(reached);
          expect([span.from % seconds, span.to % seconds]).toEqual([0, 0]);
          expect(span.to).toBeGreaterThan(span.from);
          reached = span.to;
        }
        expect(reached).toBe(to);
      }),
    );
  });
});
