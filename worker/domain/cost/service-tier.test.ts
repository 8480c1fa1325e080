import { describe, expect, it } from 'vitest';
import shipped from '../../generated/prices.json';
import { ceilingOf } from './ceiling.ts';
import { costOf } from './cost.ts';
import { priceSchema, type Price } from './price.ts';
import { createPriceTable } from './price-table.ts';
import { dearestTier, priceIdOf, servedTier, variantOf, withFlaggedServing } from './service-tier.ts';
import { NO_USAGE, usageSchema, type Usage } from './usage.ts';

const AT = '2026-11-01T12:00:00.000Z';
const table = createPriceTable(shipped);
const price = (provider: string, model: string): Price => table.lookup(provider, model, AT)!;
const million = (some: Partial<Usage> = {}): Usage => ({
  ...NO_USAGE,
  inputTokens: 100_000,
  outputTokens: 100_000,
  ...some,
});
/** of 100K tokens in and 100K out, at USD per million tokens */
const cost = (input: number, output: number) => (input + output) * 100_000_000;

describe('the tier that a call was served under', () => {
  it.each([
    ['openai', 'gpt-5', 'standard', 1.25, 10],
    ['openai', 'gpt-5', 'priority', 2.5, 20],
    ['openai', 'gpt-5', 'flex', 0.625, 5],
    ['openai', 'gpt-5', 'batch', 0.625, 5],
    ['openai', 'gpt-5.5', 'priority', 12.5, 75],
    ['openai', 'gpt-5-mini', 'priority', 0.45, 3.6],
    ['openai', 'gpt-4o-2024-08-06', 'priority', 4.25, 17],
    ['openai', 'gpt-4o-mini', 'priority', 0.25, 1],
    ['openai', 'o4-mini', 'priority', 2, 8],
    ['openai', 'gpt-5.6-sol', 'priority', 8, 40],
    ['anthropic', 'claude-opus-4-6', 'fast', 30, 150],
    ['anthropic', 'claude-opus-5', 'fast', 10, 50],
    ['anthropic', 'claude-sonnet-4-5', 'batch', 1.5, 7.5],
    ['anthropic', 'claude-sonnet-4-5', 'priority', 3, 15],
    ['gemini', 'gemini-2.5-flash', 'batch', 0.15, 1.25],
    ['gemini', 'gemini-2.5-flash', 'priority', 0.6, 5],
  ] as const)('prices %s/%s as %s at its own price', (provider, model, serviceTier, input, output) =>
    expect(costOf(million({ serviceTier }), price(provider, model))).toBe(cost(input, output)),
  );

  it('prices cached input by the tier as well', () => {
    const cached = { inputTokens: 100_000, cacheReadTokens: 100_000, outputTokens: 0 };
    expect(costOf(million({ ...cached, serviceTier: 'priority' }), price('openai', 'gpt-4o-mini'))).toBe(
      12_500_000,
    );
  });

  it('multiplies a region on top of the tier', () => {
    const opus = price('anthropic', 'claude-opus-5');
    expect(costOf(million({ regional: true }), opus)).toBe(cost(5.5, 27.5));
    expect(costOf(million({ regional: true, serviceTier: 'fast' }), opus)).toBe(cost(11, 55));
  });

  it('reads what no source states at its dearer sense, never cheaper, and says so', () => {
    const unknown = priceSchema.parse({
      id: 'x',
      provider: 'x',
      model: 'x',
      effectiveFrom: AT,
      source: 'team',
      rates: { input: 1_000_000, output: 2_000_000 },
    });
    const at = (some: Partial<Usage>) => costOf(million(some), unknown);
    expect(at({ serviceTier: 'flex' })).toBe(at({}));
    expect(at({ serviceTier: 'batch' })).toBe(at({}));
    expect(at({ serviceTier: 'priority' })).toBe(cost(2.5, 5));
    expect(at({ serviceTier: 'fast' })).toBe(cost(6, 12));
    expect(variantOf(unknown, { serviceTier: 'flex', regional: false }).assumed).toBe(true);
    expect(variantOf(unknown, { serviceTier: 'standard', regional: false }).assumed).toBe(false);
    expect(variantOf(price('openai', 'gpt-5'), { serviceTier: 'priority', regional: false }).assumed).toBe(
      false,
    );
  });

  it('stands in the price id of the ledger row', () => {
    const opus = price('anthropic', 'claude-opus-5');
    expect(priceIdOf(opus, million())).toBe(opus.id);
    expect(priceIdOf(opus, million({ serviceTier: 'standard' }))).toBe(opus.id);
    expect(priceIdOf(opus, million({ serviceTier: 'fast', regional: true }))).toBe(
      `${opus.id}+fast+regional`,
    );
  });

  it('is what the provider reports; where it reports nothing, what was asked for', () => {
    const priority = { asked: 'priority', reachable: ['priority', 'standard'] } as const;
    expect(servedTier('standard', priority)).toBe('standard');
    expect(servedTier(null, priority)).toBe('priority');
    expect(servedTier(null, { asked: 'standard', reachable: ['standard', 'priority'] })).toBe(null);
  });

  it('holds the dearest within reach: auto may become priority, flex may become standard', () => {
    const gpt5 = price('openai', 'gpt-5');
    const bounds = { inputTokens: 1_000, maxOutputTokens: 1_000 };
    const held = (serviceTiers: ('standard' | 'flex' | 'priority')[]) =>
      ceilingOf({ ...bounds, serviceTiers }, gpt5);
    expect(held(['standard', 'priority'])).toBe(2 * held(['standard']));
    expect(held(['flex', 'standard'])).toBe(held(['standard']));
    expect(dearestTier(gpt5, { asked: 'standard', reachable: ['standard', 'priority'] })).toBe('priority');
    expect(dearestTier(gpt5, { asked: 'flex', reachable: ['flex', 'standard'] })).toBe(null);
  });

  it('is found in the flags of rows that were booked before usage kept it', () => {
    const old = usageSchema.parse({ inputTokens: 5, outputTokens: 1, webSearches: 0 });
    expect(withFlaggedServing(old, ['late', 'service_tier:priority']).serviceTier).toBe('priority');
    expect(withFlaggedServing(old, ['fast_mode', 'regional_inference'])).toMatchObject({
      serviceTier: 'fast',
      regional: true,
    });
    expect(withFlaggedServing(old, [])).toEqual(old);
  });
});

describe('what is billed by the piece', () => {
  const fees = (provider: string, model: string, some: Partial<Usage>) =>
    costOf({ ...NO_USAGE, ...some }, price(provider, model));

  it.each([
    ['openai', 'gpt-5', { webSearches: 3 }, 30_000_000],
    ['openai', 'gpt-4.1-nano', { webSearches: 1 }, 10_000_000],
    ['openai', 'gpt-4o-search-preview', { webSearches: 1 }, 25_000_000],
    ['openai', 'gpt-5', { toolCalls: { webSearchPreview: 2 } }, 20_000_000],
    ['openai', 'gpt-4.1', { toolCalls: { webSearchPreview: 2 } }, 50_000_000],
    ['openai', 'gpt-5', { toolCalls: { fileSearch: 2 } }, 5_000_000],
    ['openai', 'gpt-5', { toolCalls: { codeContainerGb: 4 } }, 120_000_000],
    ['anthropic', 'claude-sonnet-4-5', { webSearches: 2 }, 20_000_000],
    ['anthropic', 'claude-sonnet-4-5', { toolCalls: { codeExecution: 1 } }, 8_333_334],
    ['gemini', 'gemini-2.5-flash', { webSearches: 4 }, 35_000_000],
    ['gemini', 'gemini-3.5-flash', { webSearches: 4 }, 56_000_000],
    ['gemini', 'gemini-2.5-pro', { toolCalls: { mapsGrounding: 1 } }, 25_000_000],
  ] as const)('of %s/%s, %o, costs its fee', (provider, model, some, expected) =>
    expect(fees(provider, model, some)).toBe(expected),
  );

  it('does not change with the tier', () =>
    expect(fees('openai', 'gpt-5', { webSearches: 1, serviceTier: 'priority' })).toBe(10_000_000));
});

describe('rounds that a provider ran on models it names', () => {
  const usage: Usage = {
    ...NO_USAGE,
    inputTokens: 300,
    outputTokens: 30,
    rounds: [
      {
        model: 'claude-haiku-4-5',
        inputTokens: 200,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        cacheWrite1hTokens: 0,
        outputTokens: 20,
      },
    ],
  };
  const priceOfModel = (model: string) => table.lookup('anthropic', model, AT);
  const opus = price('anthropic', 'claude-opus-5');

  it('cost what that model costs, the rest what the called one does', () => {
    expect(costOf(usage, opus, priceOfModel)).toBe(100 * 5_000 + 10 * 25_000 + 200 * 1_000 + 20 * 5_000);
  });

  it("cost the called model's price where theirs is not known", () =>
    expect(costOf(usage, opus)).toBe(300 * 5_000 + 30 * 25_000));

  it('are held beside the call itself', () => {
    const bounds = { inputTokens: 100, maxOutputTokens: 10, cacheWrites: false };
    const haiku = priceOfModel('claude-haiku-4-5')!;
    expect(ceilingOf({ ...bounds, rounds: [{ price: haiku, maxOutputTokens: 5 }] }, opus)).toBe(
      ceilingOf(bounds, opus) + 100 * 1_000 + 5 * 5_000,
    );
  });
});

describe('a price that people set', () => {
  const own = (rates: { input: number; output: number }, more: object = {}): Price =>
    priceSchema.parse({
      id: 'team:openai/gpt-5@2026-01-01#1',
      provider: 'openai',
      model: 'gpt-5',
      effectiveFrom: '2026-01-01T00:00:00.000Z',
      source: 'team',
      rates,
      ...more,
    });
  const inForce = (set: Price) => table.lookup('openai', 'gpt-5', AT, [set])!;

  it('keeps the fees and the dearer tiers that it does not speak of, but no discount that nobody agreed to', () => {
    const set = inForce(own({ input: 1_000_000, output: 5_000_000 }));
    expect(set.picoUsdPerWebSearch).toBe(10_000_000_000);
    expect(costOf(million({ serviceTier: 'priority' }), set)).toBe(cost(2, 10));
    expect(costOf(million({ serviceTier: 'flex' }), set)).toBe(cost(1, 5));
  });

  it('says itself what its tiers and fees are', () => {
    const set = inForce(
      own(
        { input: 1_000_000, output: 5_000_000 },
        { serviceTiers: { flex: { perMille: 400 } }, picoUsdPerWebSearch: 0 },
      ),
    );
    expect(costOf(million({ serviceTier: 'flex', webSearches: 3 }), set)).toBe(cost(0.4, 2));
  });

  it('is free in every way when it is free', () => {
    const set = inForce(own({ input: 0, output: 0 }));
    expect(
      costOf(million({ serviceTier: 'priority', webSearches: 3, toolCalls: { fileSearch: 1 } }), set),
    ).toBe(0);
  });
});
