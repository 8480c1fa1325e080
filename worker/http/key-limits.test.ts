import { env } from 'cloudflare:workers';
import { eq } from 'drizzle-orm';
import { Hono } from 'hono';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { findKey } from '../store/keys.ts';
import { apiKey, ledger } from '../store/schema.ts';
import type { Access } from './access.ts';
import { Refused } from './errors.ts';
import { holdToLimits } from './key-limits.ts';
import type { AppEnv } from './routes.ts';

/** A booked call of the key, `agoMs` ago. */
async function book(teamId: string, keyId: string, seq: number, tokens: number, agoMs: number) {
  await services(env)
    .db.insert(ledger)
    .values({
      id: `led_${keyId}_${seq}`,
      teamId,
      seq,
      runId: `run_${keyId}_${seq}`,
      attempt: 1,
      status: 'succeeded',
      source: 'reported',
      executionType: 'gateway',
      provider: 'sandbox',
      model: 'sandbox-small',
      inputTokens: tokens - 1,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens: 1,
      reasoningTokens: 0,
      costNanoUsd: 0,
      priced: true,
      keyId,
      usageJson: '{}',
      latencyMs: 1,
      createdAt: new Date(Date.now() - agoMs).toISOString(),
    });
}

async function ask(teamId: string, keyId: string, access: Access): Promise<Refused | null> {
  const key = (await findKey(services(env).db, teamId, keyId))!;
  const app = new Hono<AppEnv>();
  let refused: Refused | null = null;
  app.get('/', async (c) => {
    c.set('services', services(env));
    await holdToLimits(c, key, access);
    return c.text('ok');
  });
  app.onError((error, c) => {
    if (!(error instanceof Refused)) throw error;
    refused = error;
    return c.text('no', 429);
  });
  await app.request('/');
  return refused;
}

describe("a key's tokens per minute", () => {
  it('count what the ledger booked to it in the last minute, where money is spent', async () => {
    const team = await makeTeam();
    const { keyId } = await makeKey(team.teamId, 'runner', { tokensPerMinute: 100 });
    const other = await makeKey(team.teamId, 'runner', { tokensPerMinute: 100 });
    await book(team.teamId, keyId, 1, 500, 61_000);
    await book(team.teamId, keyId, 2, 99, 20_000);
    expect(await ask(team.teamId, keyId, 'gateway.call')).toBeNull();
    await book(team.teamId, keyId, 3, 2, 1_000);
    const refused = await ask(team.teamId, keyId, 'gateway.call');
    expect(refused?.refusal).toMatchObject({ reason: 'rate_limited' });
    const { retryAfterSeconds } = refused!.refusal as { retryAfterSeconds: number };
    expect(retryAfterSeconds).toBeGreaterThan(30);
    expect(retryAfterSeconds).toBeLessThanOrEqual(40);
    expect(await ask(team.teamId, keyId, 'run.create')).not.toBeNull();
    expect(await ask(team.teamId, keyId, 'prompt.read')).toBeNull();
    expect(await ask(team.teamId, other.keyId, 'gateway.call')).toBeNull();
  });

  it('are without end when none were given', async () => {
    const team = await makeTeam();
    await book(team.teamId, team.keyId, 1, 1_000_000_000, 1_000);
    expect(await ask(team.teamId, team.keyId, 'gateway.call')).toBeNull();
    const [row] = await services(env).db.select().from(apiKey).where(eq(apiKey.id, team.keyId));
    expect(row!.tokensPerMinute).toBeNull();
  });
});
