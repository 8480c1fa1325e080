import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ceilingOf } from './ceiling.ts';
import { estimateOf, FEWEST_RUNS, GOOD_RUNS, type Candidate } from './estimate.ts';
import { priceSchema } from './price.ts';
import { SANDBOX_MODELS, SANDBOX_PRICES } from './sandbox-prices.ts';

const large = SANDBOX_PRICES.find(({ model }) => model === 'sandbox-large')!;
const exactly = (tokens: number) => ({ tokens, ceilingTokens: tokens, exact: true });
const roughly = (tokens: number, ceilingTokens: number) => ({ tokens, ceilingTokens, exact: false });
const ask = { count: exactly(1_000), maxOutputTokens: 500, price: large, history: [] as number[] };

const candidate = (
  model: string,
  input: number,
  output: number,
  contextWindow: number | null = null,
): Candidate => ({
  info: { provider: 'p', model, name: model, contextWindow, maxOutputTokens: null },
  price: priceSchema.parse({ ...large, id: model, provider: 'p', model, rates: { input, output } }),
});

describe('an estimate', () => {
  it('without a past knows the ceiling only', () => {
    const estimate = estimateOf({ ...ask, history: [10, 20, 30, 40] });
    expect(estimate.outputTokens).toEqual({ low: 0, expected: 500, high: 500, max: 500 });
    expect(estimate.costNanoUsd).toEqual({
      low: 3_000_000,
      expected: 10_500_000,
      high: 10_500_000,
      max: 10_500_000,
    });
    expect(estimate.basis).toEqual({ kind: 'rough', runs: 4, confidence: 'rough' });
  });

  it('from 5 runs goes from the smallest to the largest', () => {
    const estimate = estimateOf({ ...ask, history: [50, 10, 20, 30, 40] });
    expect(estimate.outputTokens).toEqual({ low: 10, expected: 30, high: 50, max: 500 });
    expect(estimate.basis).toEqual({ kind: 'runs', runs: 5, confidence: 'fair' });
  });

  it('from 20 runs goes from p10 to p90', () => {
    const estimate = estimateOf({ ...ask, history: Array.from({ length: 100 }, (_, i) => i + 1) });
    expect(estimate.outputTokens).toEqual({ low: 10, expected: 51, high: 90, max: 500 });
    expect(estimate.basis).toMatchObject({ confidence: 'good' });
  });

  it('is exact where nothing is written', () => {
    const estimate = estimateOf({ ...ask, maxOutputTokens: 0 });
    expect(estimate.basis).toEqual({ kind: 'exact', runs: 0, confidence: 'exact' });
    expect(estimate.costNanoUsd).toEqual({
      low: 3_000_000,
      expected: 3_000_000,
      high: 3_000_000,
      max: 3_000_000,
    });
  });

  it('widens by its band where the count is none', () => {
    const history = Array.from({ length: 30 }, () => 100);
    const cost = estimateOf({ ...ask, count: roughly(1_000, 1_600), history }).costNanoUsd!;
    expect(cost).toEqual({ low: 3_900_000, expected: 4_500_000, high: 5_100_000, max: 12_300_000 });
  });

  it('has no cost where the model has no price, but still its tokens', () => {
    const estimate = estimateOf({ ...ask, price: null });
    expect(estimate).toMatchObject({ inputTokens: 1_000, costNanoUsd: null, alternatives: [] });
  });

  it('holds its order, and its max is the ceiling of the reservation, whatever the past', () => {
    const history = fc.array(fc.nat(5_000), { maxLength: 60 });
    fc.assert(
      fc.property(
        fc.nat(100_000),
        fc.nat(1_000),
        fc.boolean(),
        fc.nat(2_000),
        history,
        (tokens, slack, exact, max, past) => {
          const count = exact ? exactly(tokens) : roughly(tokens, tokens + slack);
          const { outputTokens, costNanoUsd, basis } = estimateOf({
            ...ask,
            count,
            maxOutputTokens: max,
            history: past,
          });
          for (const { low, expected, high, max: most } of [outputTokens, costNanoUsd!]) {
            expect(low).toBeLessThanOrEqual(expected);
            expect(expected).toBeLessThanOrEqual(high);
            expect(high).toBeLessThanOrEqual(most);
          }
          expect(costNanoUsd!.max).toBe(
            ceilingOf({ inputTokens: count.ceilingTokens, maxOutputTokens: max }, large),
          );
          if (basis.kind === 'runs') expect(past.length).toBeGreaterThanOrEqual(FEWEST_RUNS);
          if (basis.confidence === 'good') expect(past.length).toBeGreaterThanOrEqual(GOOD_RUNS);
        },
      ),
    );
  });
});

describe('cheaper models', () => {
  it('are named from 20 percent on, the cheapest first, in whole percent rounded down', () => {
    const candidates = [
      candidate('same', 3_000_000, 15_000_000),
      candidate('nineteen', 2_430_000, 12_150_000),
      candidate('twenty', 2_400_000, 12_000_000),
      candidate('third', 2_000_000, 10_000_000),
      candidate('embed-small', 1, 1),
      candidate('short', 1_000, 1_000, 1_200),
      candidate('no-output', 1_000, 0),
    ];
    expect(estimateOf({ ...ask, candidates }).alternatives).toEqual([
      { provider: 'p', model: 'third', costNanoUsd: 7_000_000, savingsPercent: 33 },
      { provider: 'p', model: 'twenty', costNanoUsd: 8_400_000, savingsPercent: 20 },
    ]);
  });

  it('of sandbox-large is sandbox-small, a tenth of the price', () => {
    const candidates = SANDBOX_PRICES.map((price, i) => ({ price, info: SANDBOX_MODELS[i]! }));
    expect(estimateOf({ ...ask, candidates }).alternatives[0]).toMatchObject({ savingsPercent: 90 });
  });
});
