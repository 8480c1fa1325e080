import { calcPrice, waitForUpdate } from '@pydantic/genai-prices';
import { describe, expect, it } from 'vitest';
import shipped from '../../generated/prices.json';
import { scaledInteger } from '../../../scripts/build-prices.mjs';
import { costOf } from './cost.ts';
import { priceSchema, type Price } from './price.ts';
import { createPriceTable } from './price-table.ts';
import { SANDBOX_MODELS } from './sandbox-prices.ts';
import { NO_USAGE } from './usage.ts';

const table = createPriceTable(shipped);
const AT = '2026-09-01T12:00:00.000Z';
const override = (source: string, model: string, input: number, effectiveFrom: string): Price =>
  priceSchema.parse({
    id: `${source}:openai/${model}@${effectiveFrom}`,
    provider: 'openai',
    model,
    effectiveFrom,
    source,
    rates: { input, output: input },
  });

describe('reading prices', () => {
  it.each([
    ['3.75', 6, 3_750_000],
    ['0.0028', 6, 2_800],
    ['2.5e-7', 9, 250],
    ['1e-7', 6, 0],
    ['5e-7', 6, 1],
    ['0.18000000000000002', 6, 180_000],
    ['0.08333333333333334', 6, 83_333],
    ['1e2', 6, 100_000_000],
    ['10', 9, 10_000_000_000],
  ])('takes %s with %i places as %i, by text alone', (text, places, value) =>
    expect(scaledInteger(text, places)).toBe(value),
  );

  it('refuses what is not a price', () => {
    expect(() => scaledInteger('-1', 6)).toThrow('not a decimal number');
    expect(() => scaledInteger('1e30', 6)).toThrow('too large');
  });
});

describe('the price table', () => {
  it('holds the sandbox at its published prices', () => {
    for (const { model } of SANDBOX_MODELS) {
      const price = table.lookup('sandbox', model, AT);
      const large = model === 'sandbox-large';
      expect(price).toMatchObject({
        source: 'sandbox',
        rates: large ? { input: 3_000_000, output: 15_000_000 } : { input: 300_000, output: 1_500_000 },
      });
      expect(priceSchema.parse(price)).toEqual(price);
    }
    expect(table.lookup('sandbox', 'sandbox-huge', AT)).toBeNull();
  });

  it('finds dated and aliased names under the model they mean', () => {
    expect(table.lookup('openai', 'gpt-4o-2024-08-06', AT)?.model).toBe('gpt-4o');
    expect(table.lookup('anthropic', 'claude-sonnet-4-5-20250929', AT)?.model).toBe('claude-sonnet-4-5');
    expect(table.lookup('gemini', 'gemini-2.5-pro', AT)?.provider).toBe('google');
    expect(table.lookup('azure', 'gpt-4o-mini', AT)?.rates.input).toBe(150_000);
    expect(table.info('openai', 'gpt-4o-2024-08-06')).toMatchObject({
      model: 'gpt-4o-2024-08-06',
      contextWindow: 128_000,
    });
  });

  it('knows no price rather than a wrong one', () => {
    expect(table.lookup('openai', 'gpt-99-imaginary', AT)).toBeNull();
    expect(table.lookup('nobody', 'gpt-4o', AT)).toBeNull();
    expect(table.lookup('groq', 'whisper-large-v3', AT)).toBeNull();
  });

  it('prices by the hour where the provider does', () => {
    const at = (time: string) => table.lookup('deepseek', 'deepseek-v4-pro', `2026-09-01T${time}Z`)!;
    expect(at('00:59:59.999').rates.input).toBe(660_000);
    expect(at('01:00:00.000').rates.input).toBe(1_320_000);
    expect(at('04:00:00.000').rates.input).toBe(660_000);
    expect(at('01:00:00.000').id).not.toBe(at('00:00:00.000').id);
    expect(table.lookup('deepseek', 'deepseek-v4-pro', '2026-08-16T23:59:59.999Z')!.rates.input).toBe(
      435_000,
    );
  });

  it('lets the team go before the deployment and the deployment before the shipped price, each from its day', () => {
    const rows = [
      override('deployment', 'gpt-4o', 7, '2026-01-01T00:00:00.000Z'),
      override('team', 'gpt-4o', 5, '2026-08-01T00:00:00.000Z'),
      override('team', 'gpt-4o', 0, '2026-08-15T00:00:00.000Z'),
      override('team', 'my-own', 9, '2026-01-01T00:00:00.000Z'),
    ];
    const input = (model: string, at: string) => table.lookup('openai', model, at, rows)?.rates.input;
    expect(input('gpt-4o', '2025-12-31T00:00:00.000Z')).toBe(2_500_000);
    expect(input('gpt-4o', '2026-02-01T00:00:00.000Z')).toBe(7);
    expect(input('gpt-4o', '2026-08-02T00:00:00.000Z')).toBe(5);
    expect(input('gpt-4o', '2026-08-15T00:00:00.000Z')).toBe(0);
    expect(input('my-own', AT)).toBe(9);
  });

  it('reads what a caller means by a name', () => {
    expect(table.resolve('sandbox-small')).toEqual({ provider: 'sandbox', model: 'sandbox-small' });
    expect(table.resolve('sandbox/sandbox-small')).toEqual({ provider: 'sandbox', model: 'sandbox-small' });
    expect(table.resolve('gpt-4o', ['sandbox'])).toEqual({ provider: 'openai', model: 'gpt-4o' });
    expect(table.resolve('gpt-4o', ['azure'])).toEqual({ provider: 'azure', model: 'gpt-4o' });
    expect(table.resolve('gpt-4o', ['azure', 'openai'])).toEqual({ provider: 'openai', model: 'gpt-4o' });
    expect(table.resolve('openai/gpt-4o')).toEqual({ provider: 'openai', model: 'gpt-4o' });
    expect(table.resolve('groq/openai/gpt-oss-20b')).toEqual({
      provider: 'groq',
      model: 'openai/gpt-oss-20b',
    });
    for (const name of ['gemini-2.5-pro', 'gemini/gemini-2.5-pro', 'google/gemini-2.5-pro'])
      expect(table.resolve(name)).toEqual({ provider: 'gemini', model: 'gemini-2.5-pro' });
    expect(table.resolve('gpt-99-imaginary')).toBeNull();
    expect(table.resolve('nobody/nothing')).toBeNull();
    expect(table.resolve('')).toBeNull();
  });

  it('lists every model once, and every price row is sound', () => {
    const names = table.models().map(({ provider, model }) => `${provider}/${model}`);
    expect(names.length).toBeGreaterThan(1_500);
    expect(names.length - new Set(names).size).toBe(0);
    for (const { provider, model } of table.models()) {
      const price = table.lookup(provider, model, AT);
      if (price) priceSchema.parse(price);
    }
  });

  it('charges for plain tokens what the library charges, for every model at several instants', async () => {
    const usage = { input_tokens: 250_001, output_tokens: 7_777 };
    const wrong: string[] = [];
    for (const provider of await waitForUpdate().then((all) => all ?? [])) {
      for (const model of provider.models) {
        for (const at of [
          '2024-03-01T03:00:00.000Z',
          '2026-09-01T02:00:00.000Z',
          '2026-10-30T17:00:00.000Z',
        ]) {
          const prices = JSON.stringify(model.prices);
          // Where other units exist we charge the dearer one on purpose (scripts/build-prices.mjs).
          if (/image|video|reasoning|citation|hours|kpages|messages/.test(prices)) continue;
          const oracle = calcPrice(usage, model.id, { provider, timestamp: new Date(at) });
          const price = table.lookup(provider.id, model.id, at);
          if (!oracle || !price) {
            if (oracle && oracle.total_price > 0) wrong.push(`${provider.id}/${model.id}: no price`);
            continue;
          }
          const ours = costOf({ ...NO_USAGE, inputTokens: 250_001, outputTokens: 7_777 }, price) / 1e9;
          if (Math.abs(ours - oracle.total_price) > 2e-9 + oracle.total_price * 1e-9)
            wrong.push(`${provider.id}/${model.id} at ${at}: ${ours} instead of ${oracle.total_price}`);
        }
      }
    }
    expect(wrong).toEqual([]);
  });
});

describe('whose server an address is', () => {
  it.each([
    ['https://openrouter.ai/api/v1', 'openrouter'],
    ['https://api.groq.com/openai/v1', 'groq'],
    ['https://api.mistral.ai/v1', 'mistral'],
    ['https://api.deepseek.com', 'deepseek'],
    ['https://my-resource.openai.azure.com/openai/v1', 'azure'],
    ['https://api.cloudflare.com/client/v4/accounts/abc/ai/v1', 'workers-ai'],
    ['https://generativelanguage.googleapis.com/v1beta/openai', 'gemini'],
    ['http://localhost:11434/v1', null],
    ['https://evil.example.com/?https://api.groq.com', null],
  ])('%s: %s', (baseUrl, provider) => expect(table.providerAt(baseUrl)).toBe(provider));

  it('is known to sell Workers AI by our name of it', () => {
    const price = table.lookup('workers-ai', '@cf/meta/llama-3.1-8b-instruct', AT);
    expect(price?.id).toContain(':cloudflare/');
    expect(table.models().some(({ provider }) => provider === 'workers-ai')).toBe(true);
  });

  it("takes no server of OpenAI's dialect for OpenAI", () => {
    expect(table.lookup('openai-compatible', 'gpt-4o', AT)).toBeNull();
    expect(table.lookup('openai-compatible:local', 'gpt-4o', AT)).toBeNull();
    expect(table.info('openai-compatible', 'gpt-4o')).toBeNull();
  });
});

describe('a connection that a team says is free', () => {
  const row = (model: string, input: number): Price =>
    priceSchema.parse({
      id: `team:openai-compatible:ollama/${model}@2026-01-01`,
      provider: 'openai-compatible:ollama',
      model,
      effectiveFrom: '2026-01-01T00:00:00.000Z',
      source: 'team',
      rates: { input, output: input },
    });
  const at = (model: string, rows: Price[], provider = 'openai-compatible:ollama') =>
    table.lookup(provider, model, AT, rows)?.rates.input;

  it('costs nothing for every model but those with a price of their own', () => {
    expect(at('llama3', [row('*', 0)])).toBe(0);
    expect(at('llama3', [row('*', 0), row('llama3', 5)])).toBe(5);
    expect(at('llama3', [row('*', 0)], 'openai-compatible')).toBeUndefined();
  });

  it('has no model of that name', () => expect(table.resolve('*', [], [row('*', 0)])).toBeNull());
});
