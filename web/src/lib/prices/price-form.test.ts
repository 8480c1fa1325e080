import { describe, expect, it } from 'vitest';
import { priceBodyOf, type PriceInput } from '../../../../worker/domain/cost/price-input.ts';
import type { Model } from '../shapes.ts';
import { alsoOf, bodyOf, formOf, type PriceForm } from './price-form.ts';

const model = (prices: Partial<NonNullable<Model['prices']>>, source = 'genai-prices@0.1.8') =>
  ({
    id: 'm',
    provider: 'p',
    source,
    prices: { input: 3_750_000, output: 15_000_000, tiers: [], ...prices },
  }) as Model;
const sent = (form: PriceForm) => {
  const made = bodyOf(form);
  if ('faults' in made) throw new Error(JSON.stringify(made.faults));
  return made.body;
};

describe('the price dialog', () => {
  it('begins with the common rates in force, and sends only what is filled in', () => {
    const form = formOf(model({ cacheRead: 375_000, picoUsdPerWebSearch: 10_000_000_000 }));
    expect(sent(form)).toEqual({
      inputUsdPerMillionTokens: '3.75',
      outputUsdPerMillionTokens: '15',
      cacheReadUsdPerMillionTokens: '0.375',
    });
  });

  it('sends nothing but zero for what is free, from its day', () =>
    expect(sent({ ...formOf(model({ cacheRead: 1 })), free: true, from: '2026-12-01' })).toEqual({
      inputUsdPerMillionTokens: '0',
      outputUsdPerMillionTokens: '0',
      effectiveFrom: '2026-12-01',
    }));

  it('gives an own price back as it is in force, through the server’s own reading', () => {
    const own = {
      tiers: [
        { aboveInputTokens: 200_000, rates: { input: 6_000_000, output: 22_500_000, cacheRead: 600_000 } },
      ],
      serviceTiers: { flex: { perMille: 500 }, priority: { perMille: 2_000 } },
      picoUsdPerWebSearch: 12_500_000_000,
      picoUsdPerRequest: 5_000,
    };
    const read = priceBodyOf(sent(formOf(model(own, 'team'))) as PriceInput);
    expect(read).toEqual({ ok: true, value: { rates: { input: 3_750_000, output: 15_000_000 }, ...own } });
  });

  it('names the fields whose text is no number', () => {
    const form = formOf(model({}));
    form.multiples.flex = 'half';
    form.fees.picoUsdPerWebSearch = '1,5';
    form.lengthTiers = [{ above: '200K', input: '1', output: '2', cacheRead: '' }];
    expect(Object.keys((bodyOf(form) as { faults: object }).faults)).toEqual([
      'tiers.0.aboveInputTokens',
      'multiple.flex',
      'picoUsdPerWebSearch',
    ]);
  });

  it('says in few words what else a price holds', () => {
    expect(
      alsoOf(
        model({
          tiers: [{ aboveInputTokens: 271_999, rates: { input: 1, output: 1 } }],
          serviceTiers: { flex: { perMille: 500 }, priority: { perMille: 1_750 } },
          picoUsdPerWebSearch: 10_000_000_000,
        }),
      ),
    ).toEqual(['dearer above 272K tokens', 'flex ×0.5', 'priority ×1.75', 'web search $10 / 1K']);
    expect(alsoOf({ prices: null } as Model)).toEqual([]);
  });
});
