/** What must hold for every price that is shipped: every model, every date, every tier by length, every way of serving. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import shipped from '../../generated/prices.json';
import { costOfLines } from '../money.ts';
import { ceilingOf, type CallBounds } from './ceiling.ts';
import { costOf, fullRates } from './cost.ts';
import type { Price } from './price.ts';
import { createPriceTable } from './price-table.ts';
import { variantOf, type Serving } from './service-tier.ts';
import { NO_USAGE, SERVICE_TIERS, TOOL_KINDS, type Usage } from './usage.ts';

const PRICES = createPriceTable(shipped).prices();
const SERVINGS: Serving[] = SERVICE_TIERS.flatMap((serviceTier) =>
  [false, true].map((regional) => ({ serviceTier, regional })),
);

/** Every price in every way of serving, once in each of its tiers: `inputTokens` lies just above where the tier begins. */
function everyVariant(): { name: string; price: Price; serving: Serving; inputTokens: number }[] {
  return PRICES.flatMap((price) =>
    SERVINGS.flatMap((serving) =>
      [1_000, ...price.tiers.map(({ aboveInputTokens }) => aboveInputTokens + 1)].map((inputTokens) => ({
        name: `${price.id} ${serving.serviceTier} ${serving.regional ? 'regional ' : ''}at ${inputTokens}`,
        price,
        serving,
        inputTokens,
      })),
    ),
  );
}
const VARIANTS = everyVariant();
const usage = (serving: Serving, some: Partial<Usage>): Usage => ({ ...NO_USAGE, ...serving, ...some });

/** More of each thing that is billed. */
const MORE: Record<string, (some: Usage) => Usage> = {
  input: (some) => ({ ...some, inputTokens: some.inputTokens + 1_000 }),
  cacheRead: (some) => grown(some, 'cacheReadTokens'),
  cacheWrite: (some) => grown(some, 'cacheWriteTokens'),
  cacheWrite1h: (some) => grown(some, 'cacheWrite1hTokens'),
  inputAudio: (some) => grown(some, 'inputAudioTokens'),
  output: (some) => ({ ...some, outputTokens: some.outputTokens + 1_000 }),
  outputAudio: (some) => ({
    ...some,
    outputTokens: some.outputTokens + 1_000,
    outputAudioTokens: some.outputAudioTokens + 1_000,
  }),
  webSearches: (some) => ({ ...some, webSearches: some.webSearches + 1 }),
  ...Object.fromEntries(
    TOOL_KINDS.map((kind) => [
      kind,
      (some: Usage) => ({ ...some, toolCalls: { [kind]: (some.toolCalls[kind] ?? 0) + 1 } }),
    ]),
  ),
};
const grown = (
  some: Usage,
  kind: 'cacheReadTokens' | 'cacheWriteTokens' | 'cacheWrite1hTokens' | 'inputAudioTokens',
) => ({ ...some, inputTokens: some.inputTokens + 1_000, [kind]: some[kind] + 1_000 });

describe('every shipped price', () => {
  it('is there in great number, with tiers by length and with tiers of service', () => {
    expect(PRICES.length).toBeGreaterThan(1_500);
    expect(PRICES.filter(({ tiers }) => tiers.length > 0).length).toBeGreaterThan(20);
    expect(PRICES.filter(({ serviceTiers }) => serviceTiers?.priority).length).toBeGreaterThan(40);
  });

  it('B26: charges a cache hit no more than the miss, in every tier and way of serving', () => {
    const dearer = VARIANTS.filter(({ price, serving, inputTokens }) => {
      const miss = costOf(usage(serving, { inputTokens }), price);
      return costOf(usage(serving, { inputTokens, cacheReadTokens: inputTokens }), price) > miss;
    });
    expect(dearer.map(({ name }) => name)).toEqual([]);
  });

  it('B27: never gets cheaper by more of anything inside one tier, in every tier and way of serving', () => {
    const cheaper: string[] = [];
    for (const { name, price, serving, inputTokens } of VARIANTS) {
      const room = { cacheReadTokens: 100, inputAudioTokens: 50, outputTokens: 10 };
      const some = usage(serving, { ...room, inputTokens });
      const before = costOf(some, price);
      for (const [kind, more] of Object.entries(MORE)) {
        const after = more(some);
        if (tierAt(price, after.inputTokens) !== tierAt(price, some.inputTokens)) continue;
        if (costOf(after, price) < before) cheaper.push(`${name}: ${kind}`);
      }
    }
    expect(cheaper).toEqual([]);
  });

  it('B29: just above a tier by length the whole request has its rates, and so has the reservation', () => {
    const wrong: string[] = [];
    for (const { name, price, serving, inputTokens } of VARIANTS.filter((each) => each.inputTokens > 1_000)) {
      const variant = variantOf(price, serving);
      const tier = variant.tiers.findLast(({ aboveInputTokens }) => inputTokens > aboveInputTokens)!;
      const { input, output } = fullRates(tier.rates);
      const whole = costOfLines([
        { units: inputTokens, picoUsdPerUnit: input },
        { units: 500, picoUsdPerUnit: output },
        { units: 1, picoUsdPerUnit: price.picoUsdPerRequest ?? 0 },
      ]);
      if (costOf(usage(serving, { inputTokens, outputTokens: 500 }), price) !== whole) wrong.push(name);
      const bounds = { inputTokens, maxOutputTokens: 500, audio: false, cacheWrites: false };
      const { serviceTier, regional } = serving;
      const held = ceilingOf({ ...bounds, serviceTiers: [serviceTier!], regional }, price);
      if (held < whole) wrong.push(`${name}: holds ${held} of ${whole}`);
    }
    expect(wrong).toEqual([]);
  });

  it('has multiples that come out in whole pico-USD, so that no tier is rounded', () => {
    const rounded = PRICES.flatMap((price) =>
      Object.values(price.serviceTiers ?? {}).flatMap((tier) =>
        'perMille' in tier
          ? [price.rates, ...price.tiers.map(({ rates }) => rates)]
              .flatMap((rates) => Object.values(rates))
              .filter((rate) => (rate * tier.perMille) % 1_000 !== 0)
              .map((rate) => `${price.id}: ${rate} x ${tier.perMille}`)
          : [],
      ),
    );
    expect(rounded).toEqual([]);
  });

  it('has a ceiling that no usage within its bounds exceeds, fees, tiers of service and rounds on other models inside', () => {
    fc.assert(
      fc.property(anyCall, ({ price, other, usage: some, bounds }) => {
        const cost = costOf(some, price, (model) => (model === 'other' ? other : null));
        expect(ceilingOf(bounds, price)).toBeGreaterThanOrEqual(cost);
      }),
      { numRuns: 5_000 },
    );
  });
});

const tierAt = (price: Price, inputTokens: number) =>
  price.tiers.filter(({ aboveInputTokens }) => inputTokens > aboveInputTokens).length;

/** A call, the bounds it was admitted under, and a usage within them. */
const anyCall = fc
  .record({
    price: fc.constantFrom(...PRICES),
    other: fc.constantFrom(...PRICES),
    reachable: fc.subarray([...SERVICE_TIERS], { minLength: 1 }),
    served: fc.nat(4),
    mayBeRegional: fc.boolean(),
    isRegional: fc.boolean(),
    own: fc.record({
      uncached: fc.nat(300_000),
      cacheReadTokens: fc.nat(100_000),
      cacheWriteTokens: fc.nat(100_000),
      cacheWrite1hTokens: fc.nat(50_000),
      outputTokens: fc.nat(50_000),
    }),
    audioShare: fc.nat(100),
    round: fc.option(
      fc.record({ uncached: fc.nat(300_000), cacheReadTokens: fc.nat(9_000), outputTokens: fc.nat(9_000) }),
    ),
    searches: fc.nat(5),
    tools: fc.record({ fileSearch: fc.nat(3), codeContainerGb: fc.nat(4), mapsGrounding: fc.nat(1) }),
    slack: fc.nat(1_000),
  })
  .map((call) => {
    const { uncached, ...own } = call.own;
    const ownInput = uncached + own.cacheReadTokens + own.cacheWriteTokens + own.cacheWrite1hTokens;
    const round = call.round && {
      model: 'other',
      inputTokens: call.round.uncached + call.round.cacheReadTokens,
      cacheReadTokens: call.round.cacheReadTokens,
      cacheWriteTokens: 0,
      cacheWrite1hTokens: 0,
      outputTokens: call.round.outputTokens,
    };
    const some: Usage = {
      ...NO_USAGE,
      ...own,
      inputTokens: ownInput + (round?.inputTokens ?? 0),
      cacheReadTokens: own.cacheReadTokens + (round?.cacheReadTokens ?? 0),
      outputTokens: own.outputTokens + (round?.outputTokens ?? 0),
      inputAudioTokens: Math.floor((ownInput * call.audioShare) / 100),
      outputAudioTokens: Math.floor((own.outputTokens * call.audioShare) / 100),
      webSearches: call.searches,
      toolCalls: call.tools,
      serviceTier: call.reachable[call.served % call.reachable.length]!,
      regional: call.mayBeRegional && call.isRegional,
      rounds: round ? [round] : [],
    };
    const bounds: CallBounds = {
      inputTokens: Math.max(ownInput, round?.inputTokens ?? 0) + call.slack,
      maxOutputTokens: Math.max(own.outputTokens, round?.outputTokens ?? 0) + call.slack,
      webSearches: call.searches,
      toolCalls: call.tools,
      serviceTiers: call.reachable,
      regional: call.mayBeRegional,
      rounds: round ? [{ price: call.other, maxOutputTokens: null }] : [],
    };
    return { price: call.price, other: call.other, usage: some, bounds };
  });
