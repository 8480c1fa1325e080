import { describe, expect, it } from 'vitest';
import { deploymentPriceSchema, priceBodyOf, type PriceInput } from './price-input.ts';

const faultOf = (input: PriceInput) => {
  const body = priceBodyOf(input);
  return body.ok ? [] : body.error.map(({ path }) => path);
};
const base = { inputUsdPerMillionTokens: '3', outputUsdPerMillionTokens: '15' };

describe('a price as people write it', () => {
  it('becomes whole pico-USD per token from either unit', () => {
    expect(
      priceBodyOf({
        inputUsdPerMillionTokens: '3.75',
        outputPicoUsdPerToken: 15_000_001,
        cacheReadUsdPerMillionTokens: '0.000001',
        tiers: [
          { aboveInputTokens: 200_000, inputUsdPerMillionTokens: '6', outputUsdPerMillionTokens: '22.5' },
        ],
        picoUsdPerWebSearch: 10_000_000_000,
      }),
    ).toEqual({
      ok: true,
      value: {
        rates: { input: 3_750_000, output: 15_000_001, cacheRead: 1 },
        tiers: [{ aboveInputTokens: 200_000, rates: { input: 6_000_000, output: 22_500_000 } }],
        picoUsdPerWebSearch: 10_000_000_000,
      },
    });
  });

  it('says what service tiers, regions and things billed by the piece cost', () =>
    expect(
      priceBodyOf({
        ...base,
        serviceTiers: [
          { tier: 'flex', perMille: 500 },
          { tier: 'priority', inputUsdPerMillionTokens: '6', outputUsdPerMillionTokens: '30' },
        ],
        regionalPerMille: 1_100,
        picoUsdPerGroundedRequest: 35_000_000_000,
        picoUsdPerToolCall: { fileSearch: 2_500_000_000 },
      }),
    ).toEqual({
      ok: true,
      value: {
        rates: { input: 3_000_000, output: 15_000_000 },
        tiers: [],
        serviceTiers: {
          flex: { perMille: 500 },
          priority: { rates: { input: 6_000_000, output: 30_000_000 }, tiers: [] },
        },
        regionalPerMille: 1_100,
        picoUsdPerGroundedRequest: 35_000_000_000,
        picoUsdPerToolCall: { fileSearch: 2_500_000_000 },
      },
    }));

  it('may be nothing on purpose', () =>
    expect(priceBodyOf({ inputUsdPerMillionTokens: '0', outputPicoUsdPerToken: 0 })).toMatchObject({
      ok: true,
      value: { rates: { input: 0, output: 0 } },
    }));

  it.each<[string, PriceInput, string]>([
    ['finer than a pico-USD', { ...base, inputUsdPerMillionTokens: '0.0000001' }, 'inputUsdPerMillionTokens'],
    ['not a plain decimal', { ...base, outputUsdPerMillionTokens: '1e3' }, 'outputUsdPerMillionTokens'],
    ['negative', { ...base, cacheWriteUsdPerMillionTokens: '-1' }, 'cacheWriteUsdPerMillionTokens'],
    [
      'beyond a dollar per token',
      { ...base, inputUsdPerMillionTokens: '1000001' },
      'inputUsdPerMillionTokens',
    ],
    ['without an output price', { inputUsdPerMillionTokens: '1' }, 'outputUsdPerMillionTokens'],
    ['given twice', { ...base, inputPicoUsdPerToken: 1 }, 'inputPicoUsdPerToken'],
    [
      'a cache hit dearer than the miss',
      { ...base, cacheReadPicoUsdPerToken: 3_000_001 },
      'cacheReadPicoUsdPerToken',
    ],
    [
      'a tier without prices',
      { ...base, tiers: [{ aboveInputTokens: 9, outputUsdPerMillionTokens: '1' }] },
      'tiers.0.inputUsdPerMillionTokens',
    ],
    [
      'a service tier without a price',
      { ...base, serviceTiers: [{ tier: 'flex', outputPicoUsdPerToken: 1 }] },
      'serviceTiers.0.inputUsdPerMillionTokens',
    ],
    [
      'a service tier with two prices',
      { ...base, serviceTiers: [{ tier: 'flex', perMille: 500, inputPicoUsdPerToken: 1 }] },
      'serviceTiers.0.perMille',
    ],
    [
      'a service tier twice',
      {
        ...base,
        serviceTiers: [
          { tier: 'flex', perMille: 500 },
          { tier: 'flex', perMille: 400 },
        ],
      },
      'serviceTiers.1.tier',
    ],
    [
      'a cache hit dearer than the miss in a service tier',
      { ...base, serviceTiers: [{ tier: 'priority', ...base, cacheReadUsdPerMillionTokens: '4' }] },
      'serviceTiers.0.cacheReadUsdPerMillionTokens',
    ],
    [
      'tiers that do not ascend',
      {
        ...base,
        tiers: [
          { aboveInputTokens: 9, ...base },
          { aboveInputTokens: 9, ...base },
        ],
      },
      'tiers.1.aboveInputTokens',
    ],
  ])('names the field: %s', (_, input, path) => expect(faultOf(input)).toEqual([path]));

  it('of a deployment is a price row with its own source', () => {
    expect(deploymentPriceSchema.parse({ provider: 'openai', model: 'tiny', ...base })).toEqual({
      id: 'deployment:openai/tiny@1970-01-01T00:00:00.000Z',
      provider: 'openai',
      model: 'tiny',
      effectiveFrom: '1970-01-01T00:00:00.000Z',
      source: 'deployment',
      rates: { input: 3_000_000, output: 15_000_000 },
      tiers: [],
    });
    const wrong = deploymentPriceSchema.safeParse({ provider: 'openai', model: 'x', ...base, ouput: 1 });
    expect(wrong.error?.issues[0]?.code).toBe('unrecognized_keys');
  });
});
