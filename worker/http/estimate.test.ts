import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { SANDBOX_MAX_OUTPUT_TOKENS } from '../domain/cost/sandbox-prices.ts';
import { services } from '../services.ts';
import { ledger } from '../store/schema.ts';
import { anonymous, makeTeam } from '../../tests/workers/fixtures.ts';

interface Answer {
  inputTokens: number;
  exact: boolean;
  outputTokens: { low: number; expected: number; high: number; max: number };
  costNanoUsd: { low: number; expected: number; high: number; max: number };
  basis: { kind: string; runs: number };
  priceId: string;
  alternatives: { model: string; costNanoUsd: number; savingsPercent: number }[];
}

const PATH = '/api/token-tracking/estimate';

/** A ledger row as the queue writes it. */
const row = (
  teamId: string,
  seq: number,
  some: Partial<typeof ledger.$inferInsert>,
): typeof ledger.$inferInsert => ({
  id: `led_${teamId}_${seq}`,
  teamId,
  seq,
  runId: `run_${seq}`,
  attempt: 1,
  status: 'succeeded',
  source: 'reported',
  executionType: 'gateway',
  provider: 'sandbox',
  model: 'sandbox-small',
  inputTokens: 10,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 100,
  reasoningTokens: 0,
  costNanoUsd: 1,
  priced: true,
  usageJson: '{}',
  latencyMs: 1,
  createdAt: new Date(1_790_000_000_000 + seq * 1_000).toISOString(),
  ...some,
});

describe('POST /api/token-tracking/estimate', () => {
  it('counts a text exactly and states the ceiling where the past says nothing', async () => {
    const team = await makeTeam('viewer');
    const response = await team.fetch(PATH, {
      json: { model: 'sandbox-large', text: 'hello world', maxOutputTokens: 100 },
    });
    expect(response.status).toBe(200);
    const answer = (await response.json()) as Answer;
    expect(answer).toMatchObject({
      provider: 'sandbox',
      model: 'sandbox-large',
      inputTokens: 2,
      exact: true,
      outputTokens: { low: 0, expected: 100, high: 100, max: 100 },
      costNanoUsd: { low: 6_000, expected: 1_506_000, high: 1_506_000, max: 1_506_000 },
      basis: { kind: 'rough', runs: 0, confidence: 'rough' },
    });
    expect(answer.alternatives).toEqual([
      { provider: 'sandbox', model: 'sandbox-small', costNanoUsd: 150_600, savingsPercent: 90 },
    ]);
  });

  it('counts messages with their framing', async () => {
    const team = await makeTeam('viewer');
    const messages = [
      { role: 'system', content: 'Be brief.' },
      { role: 'user', content: [{ type: 'text', text: 'hello world' }] },
    ];
    const answer = (await (
      await team.fetch(PATH, { json: { model: 'sandbox-small', messages } })
    ).json()) as Answer;
    // 2 x 3 framing, 3 priming, "system" "user" 1 each, "Be brief." 3, "hello world" 2
    expect(answer.inputTokens).toBe(16);
    expect(answer.outputTokens.max).toBe(SANDBOX_MAX_OUTPUT_TOKENS);
  });

  it('takes its range from the past runs of this team and model', async () => {
    const team = await makeTeam('viewer');
    const other = await makeTeam('viewer');
    const { db } = services(env);
    const rows = Array.from({ length: 30 }, (_, i) =>
      row(team.teamId, i + 1, { outputTokens: (i + 1) * 10 }),
    );
    rows.push(row(team.teamId, 31, { outputTokens: 9_000, status: 'failed' }));
    rows.push(row(team.teamId, 32, { outputTokens: 9_000, model: 'sandbox-large' }));
    rows.push(row(other.teamId, 1, { outputTokens: 9_000 }));
    for (const values of rows) await db.insert(ledger).values(values);
    const ask = { model: 'sandbox-small', text: 'hello world', maxOutputTokens: 1_000 };
    const answer = (await (await team.fetch(PATH, { json: ask })).json()) as Answer;
    expect(answer.basis).toEqual({ kind: 'runs', runs: 30, confidence: 'good' });
    expect(answer.outputTokens).toEqual({ low: 30, expected: 155, high: 270, max: 1_000 });
    expect(answer.costNanoUsd).toEqual({ low: 45_600, expected: 233_100, high: 405_600, max: 1_500_600 });
  });

  it('estimates models that are not connected, with a shipped price and honest about what it cannot count', async () => {
    const team = await makeTeam('viewer');
    const ask = async (model: string) =>
      (await (
        await team.fetch(PATH, { json: { model, text: 'hello world', maxOutputTokens: 10 } })
      ).json()) as Answer;
    expect(await ask('gpt-4o-mini')).toMatchObject({
      exact: true,
      inputTokens: 2,
      costNanoUsd: { max: 300 + 6_000 },
    });
    const claude = await ask('claude-sonnet-4-5');
    expect(claude.exact).toBe(false);
    expect(claude.priceId).toMatch(/^genai-prices@[\d.]+:anthropic\/claude-sonnet-4-5@/);
    expect(claude.costNanoUsd.max).toBeGreaterThanOrEqual(claude.costNanoUsd.high);
  });

  it('answers 404 model_not_found for a model nobody has', async () => {
    const team = await makeTeam('viewer');
    const response = await team.fetch(PATH, { json: { model: 'gpt-99-imaginary', text: 'x' } });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ error: { code: 'model_not_found', param: 'model' } });
  });

  it.each([
    ['neither text nor messages', { model: 'sandbox-small' }, 'text'],
    ['both', { model: 'sandbox-small', text: 'x', messages: [{ role: 'user', content: 'x' }] }, 'text'],
    ['an unknown field', { model: 'sandbox-small', text: 'x', temprature: 1 }, 'temprature'],
    ['a negative maximum', { model: 'sandbox-small', text: 'x', maxOutputTokens: -1 }, 'maxOutputTokens'],
  ])('refuses %s and names the place', async (_, json, path) => {
    const team = await makeTeam('viewer');
    const response = await team.fetch(PATH, { json });
    expect(response.status).toBe(422);
    expect(await response.json()).toMatchObject({ error: { code: 'invalid', issues: [{ path }] } });
  });

  it('asks who is calling', async () => {
    expect((await anonymous(PATH, { json: { model: 'sandbox-small', text: 'x' } })).status).toBe(401);
  });

  it('answers a text above the byte cap by its bytes, flagged as no exact count', async () => {
    const team = await makeTeam('viewer');
    const text = 'word '.repeat(220_000);
    const answer = (await (
      await team.fetch(PATH, { json: { model: 'sandbox-small', text, maxOutputTokens: 0 } })
    ).json()) as Answer;
    expect(answer.exact).toBe(false);
    expect(answer.costNanoUsd.max).toBe(text.length * 300);
  });
});
