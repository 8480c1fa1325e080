import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { SANDBOX_MAX_OUTPUT_TOKENS } from '../domain/cost/sandbox-prices.ts';
import { services } from '../services.ts';
import { providerConnection } from '../store/schema.ts';
import { makeTeam } from '../../tests/workers/fixtures.ts';

interface Page {
  data: {
    id: string;
    provider: string;
    connected: boolean;
    prices: { input: number; output: number } | null;
  }[];
  nextCursor: string | null;
}

describe('GET /api/models', () => {
  it('shows the sandbox as connected, with integer prices in force', async () => {
    const team = await makeTeam('viewer');
    const page = (await (await team.fetch('/api/models?connected=true')).json()) as Page;
    expect(page.nextCursor).toBeNull();
    expect(page.data.map(({ id }) => id)).toEqual([
      'sandbox-large',
      'sandbox-small',
      'sandbox-slow',
      'sandbox-flaky',
      'sandbox-429',
      'sandbox-500',
    ]);
    expect(page.data[0]).toMatchObject({
      provider: 'sandbox',
      contextWindow: 128_000,
      maxOutputTokens: SANDBOX_MAX_OUTPUT_TOKENS,
      prices: { input: 3_000_000, output: 15_000_000, tiers: [] },
      priceId: 'sandbox:sandbox/sandbox-large@2026-01-01',
      effectiveFrom: '2026-01-01T00:00:00.000Z',
    });
  });

  it('counts the providers of the team as connected, and only its own', async () => {
    const [team, other] = [await makeTeam('viewer'), await makeTeam('viewer')];
    const { db } = services(env);
    await db.insert(providerConnection).values({
      id: `conn_${team.teamId}`,
      teamId: team.teamId,
      provider: 'openai',
      sealedKey: 'sealed',
      keyHint: '1234',
      createdAt: '2026-09-01T00:00:00.000Z',
    });
    const providersOf = async (fetch: typeof team.fetch) => {
      const page = (await (await fetch('/api/models?connected=true&limit=200')).json()) as Page;
      return [...new Set(page.data.map(({ provider }) => provider))];
    };
    expect(await providersOf(team.fetch)).toEqual(['sandbox', 'openai']);
    expect(await providersOf(other.fetch)).toEqual(['sandbox']);
  });

  it('pages through every model once', async () => {
    const team = await makeTeam('viewer');
    const seen: string[] = [];
    let cursor: string | null = null;
    do {
      const page: Page = (await (
        await team.fetch(`/api/models?limit=200${cursor ? `&cursor=${cursor}` : ''}`)
      ).json()) as Page;
      seen.push(...page.data.map(({ provider, id }) => `${provider}/${id}`));
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen.length).toBeGreaterThan(1_500);
    expect(new Set(seen).size).toBe(seen.length);
  });

  it('finds by a part of the name', async () => {
    const team = await makeTeam('viewer');
    const page = (await (
      await team.fetch('/api/models?q=openai/gpt-4o-mini&provider=openai')
    ).json()) as Page;
    expect(page.data.find(({ id }) => id === 'gpt-4o-mini')).toMatchObject({
      connected: false,
      prices: { input: 150_000, output: 600_000 },
    });
    expect((await team.fetch('/api/models?cursor=x')).status).toBe(422);
  });
});
