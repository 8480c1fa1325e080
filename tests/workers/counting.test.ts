import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { services } from '../../worker/services.ts';

const small = { provider: 'sandbox', model: 'sandbox-small' };

describe('counting in the Workers runtime', () => {
  it('counts exactly with ranks read from the assets', async () => {
    const { counter } = services(env);
    expect(await counter.countText(small, 'hello world')).toEqual({
      tokens: 2,
      ceilingTokens: 2,
      exact: true,
    });
    expect(await counter.countText({ provider: 'openai', model: 'gpt-4' }, '<|endoftext|>')).toEqual({
      tokens: 7,
      ceilingTokens: 7,
      exact: true,
    });
  });

  it('shares one load between callers that come at once', async () => {
    const { counter } = services(env);
    const counts = await Promise.all(Array.from({ length: 20 }, () => counter.countText(small, 'a b c')));
    expect(new Set(counts.map(({ tokens }) => tokens))).toEqual(new Set([3]));
  });

  it('prices a call of the sandbox and of a shipped model', () => {
    const { prices } = services(env);
    expect(prices.lookup('sandbox', 'sandbox-large', '2026-05-01T00:00:00.000Z')?.rates).toEqual({
      input: 3_000_000,
      output: 15_000_000,
    });
    expect(prices.lookup('openai', 'gpt-4o-2024-08-06', '2026-05-01T00:00:00.000Z')?.rates.input).toBe(
      2_500_000,
    );
  });
});
