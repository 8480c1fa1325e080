import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import shipped from '../../generated/prices.json';
import { ceilingOf, inputCeilingOf, maxOutputOf, outputTokensThatFit } from './ceiling.ts';
import { costLines, costOf, isContradictory } from './cost.ts';
import { priceSchema, type Price } from './price.ts';
import { createPriceTable } from './price-table.ts';
import { NO_USAGE, type Usage } from './usage.ts';

const AT = '2026-09-01T12:00:00.000Z';
const table = createPriceTable(shipped);
const shippedPrices: Price[] = table
  .models()
  .flatMap(({ provider, model }) => table.lookup(provider, model, AT) ?? []);
const sonnet = table.lookup('anthropic', 'claude-sonnet-4-5', AT)!;
const small = table.lookup('sandbox', 'sandbox-small', AT)!;
const usage = (some: Partial<Usage>): Usage => ({ ...NO_USAGE, ...some });

const anyPrice = fc.constantFrom(...shippedPrices);
/** Parts that fit their totals, around the tiers (128K, 200K, 272K) as well as small. */
const anyUsage: fc.Arbitrary<Usage> = fc
  .record({
    uncached: fc.nat(300_000),
    cacheReadTokens: fc.nat(100_000),
    cacheWriteTokens: fc.nat(100_000),
    cacheWrite1hTokens: fc.nat(50_000),
    outputTokens: fc.nat(100_000),
    audioShare: fc.nat(100),
    webSearches: fc.nat(5),
  })
  .map(({ uncached, outputTokens, audioShare, ...parts }) => {
    const inputTokens = uncached + parts.cacheReadTokens + parts.cacheWriteTokens + parts.cacheWrite1hTokens;
    return {
      ...NO_USAGE,
      ...parts,
      inputTokens,
      outputTokens,
      reasoningTokens: Math.floor(outputTokens / 2),
      inputAudioTokens: Math.floor((inputTokens * audioShare) / 100),
      outputAudioTokens: Math.floor((outputTokens * audioShare) / 100),
    };
  });

const tierOf = (price: Price, inputTokens: number) =>
  price.tiers.filter((tier) => inputTokens > tier.aboveInputTokens).length;

describe('what a run costs', () => {
  it.each([
    ['nothing', small, {}, 0],
    ['a sandbox call', small, { inputTokens: 1_000, outputTokens: 200 }, 600_000],
    [
      'one token, rounded up to a nano-dollar',
      priceSchema.parse({ ...small, rates: { input: 1, output: 0 } }),
      { inputTokens: 1 },
      1,
    ],
    ['reasoning inside output, not on top', small, { outputTokens: 100, reasoningTokens: 90 }, 150_000],
    [
      'a cache read at its own rate',
      sonnet,
      { inputTokens: 1_000, cacheReadTokens: 900 },
      100 * 3_000 + 900 * 300,
    ],
    [
      '5-minute writes at 1.25x, 1-hour writes at 2x',
      sonnet,
      { inputTokens: 300, cacheWriteTokens: 100, cacheWrite1hTokens: 100 },
      100 * (3_000 + 3_750 + 6_000),
    ],
    ['web searches one by one', sonnet, { webSearches: 3 }, 30_000_000],
  ] satisfies [string, Price, Partial<Usage>, number][])('%s', (_, price, some, cost) =>
    expect(costOf(usage(some), price)).toBe(cost),
  );

  it('prices the whole request by its long-context tier, from the first token above it (B29)', () => {
    expect(costOf(usage({ inputTokens: 200_000, outputTokens: 1_000 }), sonnet)).toBe(
      200_000 * 3_000 + 1_000 * 15_000,
    );
    expect(costOf(usage({ inputTokens: 200_001, outputTokens: 1_000 }), sonnet)).toBe(
      200_001 * 6_000 + 1_000 * 22_500,
    );
  });

  it('charges the larger reading of a usage whose parts exceed its total, and says so', () => {
    const broken = usage({ inputTokens: 10, cacheReadTokens: 100 });
    expect(isContradictory(broken)).toBe(true);
    expect(costOf(broken, sonnet)).toBe(100 * 300);
    expect(isContradictory(usage({ inputTokens: 100, cacheReadTokens: 100 }))).toBe(false);
  });

  it('takes the dearer sensible rate where a part has no price of its own', () => {
    const bare = priceSchema.parse({ ...small, rates: { input: 1_000, output: 1_000 } });
    const parts = { cacheReadTokens: 1, cacheWriteTokens: 1, cacheWrite1hTokens: 1, inputAudioTokens: 1 };
    expect(costOf(usage({ inputTokens: 4, ...parts }), bare)).toBe(4);
    const writes = priceSchema.parse({ ...small, rates: { input: 1_000, output: 0, cacheWrite: 1_250 } });
    expect(costOf(usage({ inputTokens: 1, cacheWrite1hTokens: 1 }), writes)).toBe(2);
  });

  it('bills each request where the provider does', () => {
    const sonar = table.lookup('perplexity', 'sonar', AT)!;
    expect(costOf(usage({ inputTokens: 1_000 }), sonar)).toBe(12_000_000 + 1_000 * 1_000);
    expect(costLines(usage({ inputTokens: 1_000 }), sonar).map((line) => line.kind)).toEqual([
      'input',
      'request',
    ]);
  });

  it('accounts for every token exactly once', () => {
    fc.assert(
      fc.property(anyUsage, anyPrice, (some, price) => {
        const flat = priceSchema.parse({
          ...price,
          rates: { input: 1, output: 1 },
          tiers: [],
          picoUsdPerRequest: 0,
          picoUsdPerWebSearch: 0,
          picoUsdPerGroundedRequest: 0,
        });
        const units = costLines(some, flat).reduce((sum, line) => sum + line.units, 0);
        expect(units).toBe(some.inputTokens + some.outputTokens);
      }),
    );
  });

  it('never gets cheaper by more tokens of any kind inside one tier (B27)', () => {
    const kinds = ['cacheReadTokens', 'cacheWriteTokens', 'cacheWrite1hTokens', 'inputAudioTokens'] as const;
    const more = fc.constantFrom(
      ...kinds,
      'plain' as const,
      'output' as const,
      'outputAudio' as const,
      'webSearches' as const,
    );
    fc.assert(
      fc.property(
        anyUsage,
        anyPrice,
        more,
        fc.integer({ min: 1, max: 1_000 }),
        (some, price, kind, count) => {
          const grown = { ...some };
          if (kind === 'output') grown.outputTokens += count;
          else if (kind === 'webSearches') grown.webSearches += count;
          else if (kind === 'outputAudio') {
            grown.outputTokens += count;
            grown.outputAudioTokens += count;
          } else {
            grown.inputTokens += count;
            if (kind !== 'plain') grown[kind] += count;
          }
          fc.pre(tierOf(price, some.inputTokens) === tierOf(price, grown.inputTokens));
          expect(costOf(grown, price)).toBeGreaterThanOrEqual(costOf(some, price));
        },
      ),
      { numRuns: 3_000 },
    );
  });

  it.each(
    shippedPrices
      .map((price) => [`${price.provider}/${price.model}`, price] as const)
      .filter(([, price]) => price.rates.cacheRead !== undefined),
  )('a cache hit of %s is never dearer than the miss (B26)', (_, price) => {
    for (const inputTokens of [1_000, 199_999, 1_000_001]) {
      const miss = costOf(usage({ inputTokens }), price);
      expect(costOf(usage({ inputTokens, cacheReadTokens: inputTokens }), price)).toBeLessThanOrEqual(miss);
    }
  });
});

describe('the ceiling of a call', () => {
  it('is input and output at their rates where nothing dearer can apply', () => {
    expect(ceilingOf({ inputTokens: 1_000, maxOutputTokens: 500 }, small)).toBe(1_000 * 300 + 500 * 1_500);
    expect(inputCeilingOf({ inputTokens: 1_000, maxOutputTokens: 500 }, small)).toBe(300_000);
  });

  it('reserves the tier that the prompt reaches, and cache writes unless none are asked for (B29)', () => {
    const bounds = { inputTokens: 200_001, maxOutputTokens: 0, cacheWrites: false };
    expect(ceilingOf(bounds, sonnet)).toBe(200_001 * 6_000);
    expect(ceilingOf({ ...bounds, cacheWrites: true }, sonnet)).toBe(200_001 * 12_000);
  });

  it('is at least the cost of every usage within its bounds, for every shipped price', () => {
    fc.assert(
      fc.property(anyUsage, anyPrice, fc.nat(1_000), fc.nat(1_000), (some, price, slackIn, slackOut) => {
        const bounds = {
          inputTokens: some.inputTokens + slackIn,
          maxOutputTokens: some.outputTokens + slackOut,
          webSearches: some.webSearches,
        };
        expect(ceilingOf(bounds, price)).toBeGreaterThanOrEqual(costOf(some, price));
        const plain = usage({ inputTokens: some.inputTokens, outputTokens: some.outputTokens });
        expect(ceilingOf({ ...bounds, audio: false, cacheWrites: false }, price)).toBeGreaterThanOrEqual(
          costOf(plain, price),
        );
      }),
      { numRuns: 3_000 },
    );
  });

  it('lets exactly so much output fit as the amount pays for', () => {
    fc.assert(
      fc.property(
        anyPrice,
        fc.nat(300_000),
        fc.nat(100_000),
        fc.nat(10_000_000_000),
        (price, inputTokens, maxOutputTokens, amount) => {
          const bounds = { inputTokens, maxOutputTokens };
          const fits = outputTokensThatFit(bounds, price, amount);
          const at = (tokens: number) => ceilingOf({ ...bounds, maxOutputTokens: tokens }, price);
          if (fits > 0) expect(at(fits)).toBeLessThanOrEqual(amount);
          if (fits < maxOutputTokens) expect(at(fits + 1)).toBeGreaterThan(amount);
        },
      ),
    );
  });

  it.each([
    ['what was asked', 7, { maxOutputTokens: 100, contextWindow: 1_000 }, 7],
    ['zero, when zero was asked', 0, { maxOutputTokens: 100, contextWindow: 1_000 }, 0],
    ["the model's own limit", undefined, { maxOutputTokens: 100, contextWindow: 1_000 }, 100],
    ['the room left in the window', null, { maxOutputTokens: null, contextWindow: 1_000 }, 600],
    ['at least one token', null, { maxOutputTokens: null, contextWindow: 300 }, 1],
    ['the most anybody writes', null, { maxOutputTokens: null, contextWindow: null }, 128_000],
  ])('bounds the output by %s', (_, asked, info, max) =>
    expect(maxOutputOf({ provider: 'p', model: 'm', name: 'm', ...info }, 400, asked)).toBe(max),
  );
});
