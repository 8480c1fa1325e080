import { describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => {
  const body = (await response.json()) as Answer;
  expect(response.ok, JSON.stringify(body)).toBe(true);
  return body;
};
const MODEL = 'sandbox-small';
const DAY = { from: '2026-03-01', to: '2026-03-02' };
const price = (fetch: Fetch, input: string, output: string, more: object = {}) =>
  fetch(`/api/models/${MODEL}/price`, {
    method: 'PUT',
    json: { inputUsdPerMillionTokens: input, outputUsdPerMillionTokens: output, ...more },
  }).then(json);
const log = (fetch: Fetch, more: object = {}) =>
  fetch('/api/token-tracking/log', {
    json: {
      model: MODEL,
      inputTokens: 1_000,
      outputTokens: 100,
      occurredAt: '2026-03-01T12:00:00Z',
      ...more,
    },
  }).then(json);
const reprice = (fetch: Fetch, more: object = {}) =>
  fetch(`/api/models/${MODEL}/reprice`, { json: { ...DAY, ...more } }).then(json);
const ledgerOf = async (fetch: Fetch, rows: number): Promise<Answer[]> => {
  let data: Answer[] = [];
  await vi.waitFor(
    async () => {
      data = (await json(await fetch('/api/token-tracking/ledger'))).data;
      expect(data).toHaveLength(rows);
    },
    { timeout: 5_000 },
  );
  return data;
};
const spentOf = async (fetch: Fetch) =>
  (await json(await fetch('/api/token-tracking/budget'))).data.map((budget: Answer) => budget.spentNanoUsd);
const statsOf = async (fetch: Fetch) =>
  await json(await fetch(`/api/token-tracking/stats?from=${DAY.from}&to=${DAY.to}&interval=day&groupBy=tag`));

describe('POST /api/models/:id/reprice', () => {
  // 1,000 x 0.30 + 100 x 1.50 USD per million = 450,000 nano-USD at the sandbox's price
  it('books the difference beside the rows, so that counter = ledger = rollups at the new price', async () => {
    const { fetch, teamId } = await makeTeam();
    for (const scope of [{ type: 'team' }, { type: 'tag', id: 'acme' }])
      await json(
        await fetch('/api/token-tracking/budget', {
          json: { scope, window: 'total', limitNanoUsd: null, policy: 'warn' },
        }),
      );
    const { runId } = await log(fetch, { tags: ['acme'] });
    await log(fetch, { occurredAt: '2026-03-02T00:00:00Z' });
    await ledgerOf(fetch, 2);

    await price(fetch, '0.10', '0.50');
    const expected = {
      rows: 1,
      unpriced: 0,
      beforeNanoUsd: 450_000,
      afterNanoUsd: 150_000,
      differenceNanoUsd: -300_000,
      adjustments: 1,
    };
    expect(await reprice(fetch, { dryRun: true })).toEqual({ dryRun: true, ...expected, bookedNanoUsd: 0 });
    await ledgerOf(fetch, 2);
    expect(await reprice(fetch)).toEqual({ dryRun: false, ...expected, bookedNanoUsd: -300_000 });

    const rows = await ledgerOf(fetch, 3);
    const original = rows.find((row) => row.runId === runId)!;
    expect(original.costNanoUsd).toBe(450_000);
    expect(rows.find((row) => row.executionType === 'adjustment')).toMatchObject({
      runId: `adj_${original.id}`,
      attempt: 1,
      costNanoUsd: -300_000,
      priceId: expect.stringMatching(/^team:sandbox\/sandbox-small@.*#1$/),
      tags: ['acme'],
      flags: ['adjustment'],
      createdAt: original.createdAt,
      inputTokens: 0,
    });
    expect(await spentOf(fetch)).toEqual(expect.arrayContaining([600_000, 150_000]));
    expect(await statsOf(fetch)).toMatchObject({
      totals: { runs: 1, inputTokens: 1_000, outputTokens: 100, costNanoUsd: 150_000 },
      groups: [{ key: 'acme', costNanoUsd: 150_000 }],
    });
    expect(await json(await fetch('/api/token-tracking/reconcile'))).toMatchObject({
      ledgerNanoUsd: 600_000,
      rollupNanoUsd: 600_000,
      counterNanoUsd: 600_000,
      driftNanoUsd: 0,
    });
    expect((await json(await fetch('/api/runs'))).data).toHaveLength(2);
    const { data } = await json(await fetch(`/api/teams/${teamId}/audit-log?action=price.reprice`));
    expect(data).toMatchObject([{ target: MODEL, after: { differenceNanoUsd: -300_000, adjustments: 1 } }]);
  });

  it('changes nothing the second time, and goes on from the last adjustment when the price changed again', async () => {
    const { fetch } = await makeTeam();
    await log(fetch);
    await ledgerOf(fetch, 1);
    await price(fetch, '0.10', '0.50');
    await Promise.all([reprice(fetch), reprice(fetch)]);
    await ledgerOf(fetch, 2);
    expect(await reprice(fetch)).toMatchObject({ beforeNanoUsd: 150_000, adjustments: 0, bookedNanoUsd: 0 });

    await price(fetch, '1', '1');
    expect(await reprice(fetch)).toMatchObject({ beforeNanoUsd: 150_000, bookedNanoUsd: 950_000 });
    const rows = await ledgerOf(fetch, 3);
    expect(rows.map(({ costNanoUsd }) => costNanoUsd).toSorted((a, b) => a - b)).toEqual([
      -300_000, 450_000, 950_000,
    ]);
    expect(await json(await fetch('/api/token-tracking/reconcile'))).toMatchObject({
      counterNanoUsd: 1_100_000,
      driftNanoUsd: 0,
    });
  });

  it('prices what had no price when it was logged', async () => {
    const { fetch } = await makeTeam();
    const usage = {
      model: 'in-house',
      inputTokens: 10,
      outputTokens: 10,
      occurredAt: '2026-03-01T12:00:00Z',
    };
    expect(await json(await fetch('/api/token-tracking/log', { json: usage }))).toMatchObject({
      priced: false,
    });
    await ledgerOf(fetch, 1);
    const job = () => fetch('/api/models/in-house/reprice', { json: DAY }).then(json);
    expect(await job()).toMatchObject({ rows: 1, unpriced: 1, adjustments: 0 });
    await json(
      await fetch('/api/models/in-house/price', {
        method: 'PUT',
        json: { provider: 'external', inputPicoUsdPerToken: 1_000, outputPicoUsdPerToken: 1_000 },
      }),
    );
    expect(await job()).toMatchObject({ rows: 1, unpriced: 0, bookedNanoUsd: 20 });
  });

  it('can take the price of each call’s own time, as prices stand now', async () => {
    const { fetch } = await makeTeam();
    await log(fetch);
    await ledgerOf(fetch, 1);
    await price(fetch, '1', '1', { effectiveFrom: '2026-04-01' });
    expect(await reprice(fetch, { priceAt: 'then', dryRun: true })).toMatchObject({ differenceNanoUsd: 0 });
    await price(fetch, '1', '1', { effectiveFrom: '2026-02-01' });
    expect(await reprice(fetch, { priceAt: 'then', dryRun: true })).toMatchObject({
      differenceNanoUsd: 650_000,
    });
  });

  it('touches no other team, and is for admins', async () => {
    const [team, other] = [await makeTeam(), await makeTeam()];
    await log(other.fetch);
    await ledgerOf(other.fetch, 1);
    await price(team.fetch, '9', '9');
    expect(await reprice(team.fetch)).toMatchObject({ rows: 0, bookedNanoUsd: 0 });
    const editor = await makeKey(team.teamId, 'editor');
    const refused = await editor.fetch(`/api/models/${MODEL}/reprice`, { json: DAY });
    expect(refused.status).toBe(403);
    const backwards = await team.fetch(`/api/models/${MODEL}/reprice`, {
      json: { from: DAY.to, to: DAY.from },
    });
    expect(backwards.status).toBe(422);
  });
});
