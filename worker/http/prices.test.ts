import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { deploymentPriceSchema } from '../domain/cost/price-input.ts';
import { varsSchema } from '../env.ts';
import { services } from '../services.ts';
import { overridesOf, PRICES_CACHE_MS } from '../store/prices.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const put = (fetch: Fetch, id: string, body: object) =>
  fetch(`/api/models/${encodeURIComponent(id)}/price`, { method: 'PUT', json: body });
const usd = (input: string, output: string) => ({
  inputUsdPerMillionTokens: input,
  outputUsdPerMillionTokens: output,
});
const ask = (fetch: Fetch, model: string) =>
  fetch('/v1/chat/completions', {
    json: { model, messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 },
  });
const newestRow = async (fetch: Fetch, runId: string | null) => {
  let row: Answer | undefined;
  await vi.waitFor(
    async () => {
      const { data } = await json(await fetch('/api/token-tracking/ledger'));
      row = data.find((one: Answer) => one.runId === runId);
      expect(row).toBeDefined();
    },
    { timeout: 5_000 },
  );
  return row!;
};

/** A server of OpenAI's dialect with models that no price list knows. */
const serverWith = (...ids: string[]) =>
  vi.stubGlobal('fetch', async (input: RequestInfo) =>
    new Request(input).url.endsWith('/models')
      ? Response.json({ object: 'list', data: ids.map((id) => ({ id, object: 'model' })) })
      : Response.json({
          choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi' }, finish_reason: 'stop' }],
          usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 },
        }),
  );
const connect = (fetch: Fetch) =>
  fetch('/api/integrations/connect', {
    json: { provider: 'openai', apiKey: 'sk-0123456789abcdef', baseUrl: 'https://models.example.com/v1' },
  });
const withBudget = (fetch: Fetch) =>
  fetch('/api/token-tracking/budget', {
    json: { scope: { type: 'team' }, window: 'day', limitNanoUsd: 1_000_000_000 },
  });
afterEach(() => vi.unstubAllGlobals());

describe('a call that could cost more than can be counted', () => {
  it('is refused before anything is held, and so is its estimate', async () => {
    const { fetch } = await makeTeam();
    expect((await put(fetch, 'sandbox-small', usd('1000000', '1000000'))).status).toBe(200);
    const call = await fetch('/v1/chat/completions', {
      json: { model: 'sandbox-small', messages: [{ role: 'user', content: 'hi' }], max_tokens: 100_000_000 },
    });
    expect([call.status, (await json(call)).error.param]).toEqual([422, 'max_tokens']);
    const estimate = await fetch('/api/token-tracking/estimate', {
      json: { model: 'sandbox-small', text: 'hi', maxOutputTokens: 10_000_000 },
    });
    expect([estimate.status, (await json(estimate)).error.param]).toEqual([422, 'maxOutputTokens']);
    expect(await json(await fetch('/api/token-tracking/reconcile'))).toMatchObject({
      heldNanoUsd: 0,
      driftNanoUsd: 0,
    });
    expect((await ask(fetch, 'sandbox-small')).status).toBe(200);
  });
});

describe("a team's own price", () => {
  it('B14, B15: makes an unpriced model usable under a budget, at that price, also 0, and names its row', async () => {
    serverWith('acme/tiny-llama');
    const { fetch } = await makeTeam();
    await connect(fetch);
    await withBudget(fetch);
    const refused = await ask(fetch, 'acme/tiny-llama');
    expect([refused.status, (await json(refused)).error.code]).toEqual([422, 'model_unpriced']);
    expect((await json(await fetch('/api/models?q=tiny-llama'))).data).toMatchObject([
      { id: 'acme/tiny-llama', provider: 'openai', prices: null, source: null, connected: true },
    ]);

    const set = await put(fetch, 'acme/tiny-llama', usd('3.75', '15'));
    expect(set.status, await set.clone().text()).toBe(200);
    const shown = await json(set);
    expect(shown).toMatchObject({
      id: 'acme/tiny-llama',
      provider: 'openai',
      prices: { input: 3_750_000, output: 15_000_000 },
      source: 'team',
    });
    const called = await ask(fetch, 'acme/tiny-llama');
    expect(called.status, await called.clone().text()).toBe(200);
    // 1,000 x 3,750,000 + 100 x 15,000,000 pico-USD
    expect(called.headers.get('x-pm-cost-nano-usd')).toBe('5250000');
    expect(await newestRow(fetch, called.headers.get('x-pm-run-id'))).toMatchObject({
      costNanoUsd: 5_250_000,
      priceId: shown.priceId,
      provider: 'openai',
      model: 'acme/tiny-llama',
    });
    expect((await json(await fetch('/api/models?q=tiny-llama'))).data).toMatchObject([
      { priceId: shown.priceId, source: 'team' },
    ]);

    const free = await json(
      await put(fetch, 'acme/tiny-llama', { inputPicoUsdPerToken: 0, outputPicoUsdPerToken: 0 }),
    );
    expect(free.priceId).not.toBe(shown.priceId);
    const again = await ask(fetch, 'acme/tiny-llama');
    expect([again.status, again.headers.get('x-pm-cost-nano-usd')]).toEqual([200, '0']);
    expect(await newestRow(fetch, again.headers.get('x-pm-run-id'))).toMatchObject({
      costNanoUsd: 0,
      priceId: free.priceId,
    });
    const first = await newestRow(fetch, called.headers.get('x-pm-run-id'));
    expect(first).toMatchObject({ costNanoUsd: 5_250_000, priceId: shown.priceId });
    expect(await json(await fetch('/api/token-tracking/reconcile'))).toMatchObject({ driftNanoUsd: 0 });
  });

  it('counts in the estimate, the gateway and the usage log alike, and for no other team', async () => {
    const [team, other] = [await makeTeam(), await makeTeam()];
    await put(team.fetch, 'sandbox-large', usd('1', '2'));
    const estimateOf = async (fetch: Fetch) =>
      json(
        await fetch('/api/token-tracking/estimate', {
          json: { model: 'sandbox-large', text: 'hi', maxOutputTokens: 10 },
        }),
      );
    const mine = await estimateOf(team.fetch);
    expect(mine.priceId).toMatch(/^team:sandbox\/sandbox-large@.*#1$/);
    expect(mine.costNanoUsd.max).toBe(mine.inputTokens * 1_000 + 10 * 2_000);
    expect((await estimateOf(other.fetch)).priceId).toMatch(/^sandbox:/);

    const usage = { model: 'sandbox-large', inputTokens: 1_000, outputTokens: 1_000 };
    expect((await json(await team.fetch('/api/token-tracking/log', { json: usage }))).costNanoUsd).toBe(
      3_000_000,
    );
    expect((await json(await other.fetch('/api/token-tracking/log', { json: usage }))).costNanoUsd).toBe(
      18_000_000,
    );
    const late = { ...usage, occurredAt: '2026-03-01T00:00:00Z' };
    expect((await json(await team.fetch('/api/token-tracking/log', { json: late }))).costNanoUsd).toBe(
      18_000_000,
    );
  });

  it('can begin later; until then the old one holds', async () => {
    const { fetch } = await makeTeam();
    const answer = await json(
      await put(fetch, 'gpt-4o', { provider: 'openai', ...usd('1', '1'), effectiveFrom: '2031-01-01' }),
    );
    expect(answer).toMatchObject({
      source: expect.stringContaining('genai-prices'),
      set: { effectiveFrom: '2031-01-01T00:00:00.000Z' },
    });
  });

  it('prices usage that is only logged, under the provider "external"', async () => {
    const { fetch } = await makeTeam();
    await put(fetch, 'in-house/7b', { provider: 'external', ...usd('0.5', '0.5') });
    const usage = { model: 'in-house/7b', inputTokens: 10, outputTokens: 10 };
    expect(await json(await fetch('/api/token-tracking/log', { json: usage }))).toMatchObject({
      costNanoUsd: 10_000,
      priced: true,
    });
  });

  it('is refused field by field, and to all but admins', async () => {
    const { fetch, teamId } = await makeTeam();
    const faults = async (body: object, id = 'sandbox-small') => {
      const response = await put(fetch, id, body);
      expect(response.status).toBe(422);
      return (await json(response)).error.issues.map((issue: Answer) => issue.path);
    };
    expect(await faults(usd('0.0000001', '1'))).toEqual(['inputUsdPerMillionTokens']);
    expect(await faults({ inputUsdPerMillionTokens: 3.75, outputUsdPerMillionTokens: '1' })).toEqual([
      'inputUsdPerMillionTokens',
    ]);
    expect(await faults({ inputPicoUsdPerToken: 0.5, outputPicoUsdPerToken: 1 })).toEqual([
      'inputPicoUsdPerToken',
    ]);
    expect(await faults({ ...usd('1', '1'), surprise: 1 })).toEqual(['surprise']);
    expect(await faults({ ...usd('1', '1'), effectiveFrom: 'soon' })).toEqual(['effectiveFrom']);
    expect(await faults(usd('1', '1'), 'nobody-has-this')).toEqual(['provider']);
    const editor = await makeKey(teamId, 'editor');
    expect((await put(editor.fetch, 'sandbox-small', usd('1', '1'))).status).toBe(403);
  });

  it('stands in the audit log with what it was before', async () => {
    const { fetch, teamId } = await makeTeam();
    await put(fetch, 'sandbox-small', usd('1', '2'));
    const { data } = await json(await fetch(`/api/teams/${teamId}/audit-log?action=price.set`));
    expect(data).toMatchObject([
      {
        target: 'sandbox/sandbox-small',
        before: { rates: { input: 300_000, output: 1_500_000 } },
        after: { rates: { input: 1_000_000, output: 2_000_000 } },
      },
    ]);
  });

  it('is a row of its own each time, though several are set at once', async () => {
    const { fetch, teamId } = await makeTeam();
    const answers = await Promise.all(
      ['1', '2', '3'].map((text) => put(fetch, 'sandbox-small', usd(text, text))),
    );
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const rows = await overridesOf({ ...services(env), now: () => Date.now() + PRICES_CACHE_MS + 1 }, teamId);
    expect(rows.map(({ id }) => id.split('#')[1])).toEqual(['1', '2', '3']);
  });
});

describe('PRICE_OVERRIDES', () => {
  const given = { provider: 'openai', model: 'gpt-4o', ...usd('1', '1') };
  it("lies over the shipped prices and below the team's", async () => {
    const { fetch, teamId } = await makeTeam();
    const deployed = {
      ...services(env),
      vars: { ...services(env).vars, PRICE_OVERRIDES: [deploymentPriceSchema.parse(given)] },
    };
    const sourceNow = async () =>
      deployed.prices.lookup(
        'openai',
        'gpt-4o',
        new Date().toISOString(),
        await overridesOf(deployed, teamId),
      )?.source;
    expect(await sourceNow()).toBe('deployment');
    await put(fetch, 'gpt-4o', { provider: 'openai', ...usd('2', '2') });
    expect(await sourceNow()).toBe('team');
  });

  it('is read at the start, and says what is wrong with it', () => {
    const rest = { MASTER_KEY: `${'A'.repeat(43)}=` };
    const faultOf = (value: string) =>
      varsSchema
        .safeParse({ ...rest, PRICE_OVERRIDES: value })
        .error?.issues.map(({ path, message }) => [path.join('.'), message]);
    expect(faultOf(JSON.stringify([given]))).toBeUndefined();
    expect(faultOf('[{')).toEqual([['PRICE_OVERRIDES', 'must be JSON']]);
    expect(faultOf(JSON.stringify([{ ...given, inputUsdPerMillionTokens: '-1' }]))?.[0]?.[0]).toBe(
      'PRICE_OVERRIDES.0.inputUsdPerMillionTokens',
    );
  });
});

describe('a call that was served under another tier', () => {
  it('costs what that tier does, says so in its price id, and is priced anew by it', async () => {
    vi.stubGlobal('fetch', async (input: RequestInfo) =>
      new Request(input).url.endsWith('/models')
        ? Response.json({ object: 'list', data: [{ id: 'gpt-5', object: 'model' }] })
        : Response.json({
            service_tier: 'priority',
            choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi' }, finish_reason: 'stop' }],
            usage: { prompt_tokens: 1_000, completion_tokens: 100, total_tokens: 1_100 },
          }),
    );
    const { fetch } = await makeTeam();
    await connect(fetch);
    await withBudget(fetch);
    const called = await fetch('/v1/chat/completions', {
      json: {
        model: 'gpt-5',
        service_tier: 'fast',
        messages: [{ role: 'user', content: 'hi' }],
        max_tokens: 200,
      },
    });
    // 1,000 x 2,500,000 + 100 x 20,000,000 pico-USD: twice the list price
    expect(called.headers.get('x-pm-cost-nano-usd')).toBe('4500000');
    const row = await newestRow(fetch, called.headers.get('x-pm-run-id'));
    expect(row).toMatchObject({ flags: ['service_tier:priority'], costNanoUsd: 4_500_000 });
    expect(row.priceId).toMatch(/openai\/gpt-5@.*\+priority$/);

    await put(fetch, 'gpt-5', {
      ...usd('1', '5'),
      serviceTiers: [{ tier: 'priority', perMille: 1_500 }],
    });
    const [from, to] = [new Date(Date.now() - 60_000), new Date(Date.now() + 60_000)].map((at) =>
      at.toISOString(),
    );
    const priced = await fetch('/api/models/gpt-5/reprice', { json: { from, to } });
    // 1,000 x 1,500,000 + 100 x 7,500,000
    expect(await json(priced)).toMatchObject({
      rows: 1,
      beforeNanoUsd: 4_500_000,
      afterNanoUsd: 2_250_000,
      bookedNanoUsd: -2_250_000,
    });
    const adjusted = await vi.waitFor(async () => {
      const { data } = await json(await fetch('/api/token-tracking/ledger'));
      const found = data.find((one: Answer) => one.executionType === 'adjustment');
      expect(found).toBeDefined();
      return found as Answer;
    });
    expect(adjusted.priceId).toMatch(/^team:openai\/gpt-5@.*#1\+priority$/);
    // Once more changes nothing: it is the same price.
    expect(await json(await fetch('/api/models/gpt-5/reprice', { json: { from, to } }))).toMatchObject({
      adjustments: 0,
      differenceNanoUsd: 0,
    });
  });
});
