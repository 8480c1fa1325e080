import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { drainOutbox } from '../../queues/ledger.ts';
import { services } from '../../services.ts';

const LOG = '/api/token-tracking/log';
const row = (over: object = {}): Record<string, any> => ({
  model: 'sandbox-large',
  inputTokens: 10,
  outputTokens: 2,
  ...over,
});
async function send<T = any>(fetch: Fetch, json: unknown): Promise<[number, T]> {
  const response = await fetch(LOG, { json });
  return [response.status, (await response.json()) as T];
}
async function read<T = any>(fetch: Fetch, path: string): Promise<T> {
  return (await (await fetch(`/api/token-tracking/${path}`)).json()) as T;
}
const budget = (fetch: Fetch, over: object) =>
  fetch('/api/token-tracking/budget', { json: { scope: { type: 'team' }, limitNanoUsd: 1e12, ...over } });

describe('a batch of usage logged from outside', () => {
  it('is booked row by row, answered in order, and once per runId however often it comes', async () => {
    const { fetch, teamId } = await makeTeam();
    const rows = Array.from({ length: 1_000 }, (_, i) =>
      row({ runId: `mine-${i}`, inputTokens: i + 1, tags: [`client-${i % 7}`] }),
    );
    const [status, first] = await send(fetch, { rows });
    expect(status).toBe(201);
    expect(first.data).toEqual(
      rows.map(({ runId, inputTokens }) => ({
        runId,
        costNanoUsd: inputTokens * 3_000 + 30_000,
        priced: true,
      })),
    );
    await drainOutbox(services(env), teamId);
    expect(await send(fetch, rows)).toEqual([201, first]);
    await drainOutbox(services(env), teamId);
    const sum = first.data.reduce(
      (total: number, one: { costNanoUsd: number }) => total + one.costNanoUsd,
      0,
    );
    expect(await read(fetch, 'reconcile')).toMatchObject({
      ledgerNanoUsd: sum,
      rollupNanoUsd: sum,
      counterNanoUsd: sum,
      driftNanoUsd: 0,
    });
    expect((await read(fetch, 'stats?groupBy=tag')).totals).toMatchObject({ runs: 1_000, costNanoUsd: sum });
  });

  it('counts a run that stands twice in it once', async () => {
    const { fetch } = await makeTeam();
    const [, { data }] = await send(fetch, [
      row({ runId: 'same' }),
      row({ runId: 'same', inputTokens: 999 }),
    ]);
    expect(data).toEqual([1, 2].map(() => ({ runId: 'same', costNanoUsd: 60_000, priced: true })));
    expect(await read(fetch, 'reconcile')).toMatchObject({ counterNanoUsd: 60_000 });
  });

  it.each([
    ['rows.2.model', [row(), row(), { ...row(), model: '' }]],
    ['rows.1.inputTokens', { rows: [row(), row({ inputTokens: 1, cacheReadTokens: 2 })] }],
    ['rows.1.occurredAt', { rows: [row(), row({ occurredAt: '2999-01-01T00:00:00Z' })] }],
    ['rows.0.memberId', { rows: [row({ memberId: 'mem_nobody' }), row()] }],
    ['rows.0.cost', { rows: [row({ cost: 1 })] }],
    ['rows', { rows: [] }],
    ['rows', { rows: Array.from({ length: 1_001 }, () => row()) }],
    ['extra', { rows: [row()], extra: 1 }],
  ])('is refused as a whole by the name of the field: %s', async (path, json) => {
    const { fetch } = await makeTeam();
    const [status, { error }] = await send(fetch, json);
    expect(status).toBe(422);
    expect(error.issues.map((issue: { path: string }) => issue.path)).toContain(path);
    expect(await read(fetch, 'reconcile')).toMatchObject({ counterNanoUsd: 0 });
  });

  it('B14: under a budget refuses the rows whose model has no price, by their index, and books the others', async () => {
    const { fetch } = await makeTeam();
    await budget(fetch, { window: 'month' });
    const [status, { data }] = await send(fetch, [
      row({ runId: 'a' }),
      row({ model: 'nobody-knows' }),
      row({ runId: 'b' }),
    ]);
    expect(status).toBe(201);
    expect(data).toMatchObject([
      { runId: 'a', costNanoUsd: 60_000 },
      {
        index: 1,
        error: {
          code: 'model_unpriced',
          param: 'rows.1.model',
          message: expect.stringContaining('nobody-knows'),
        },
      },
      { runId: 'b', costNanoUsd: 60_000 },
    ]);
    expect(await read(fetch, 'reconcile')).toMatchObject({ counterNanoUsd: 120_000, heldNanoUsd: 0 });
    expect(await send(fetch, [row({ model: 'nobody-knows' })])).toMatchObject([
      422,
      { error: { code: 'model_unpriced' } },
    ]);
  });

  it('needs the right to run, and a body of one of the forms', async () => {
    const { teamId, fetch } = await makeTeam();
    const viewer = await makeKey(teamId, 'viewer');
    expect((await viewer.fetch(LOG, { json: [row()] })).status).toBe(403);
    for (const json of [1, 'text', null]) expect((await fetch(LOG, { json })).status).toBe(422);
    expect(
      (
        await fetch(LOG, {
          method: 'POST',
          body: '{"rows":',
          headers: { 'content-type': 'application/json' },
        })
      ).status,
    ).toBe(400);
  });
});

describe('usage that comes late', () => {
  it('belongs to the month of its own instant in Berlin: counters, budgets, rollups and ledger agree on the border', async () => {
    const { fetch, teamId } = await makeTeam();
    const month = { window: 'month', timeZone: 'Europe/Berlin', thresholds: [50] };
    const { periodStart } = (await (await budget(fetch, month)).json()) as { periodStart: string };
    const start = Date.parse(periodStart);
    expect(new Date(start).toLocaleString('sv-SE', { timeZone: 'Europe/Berlin' })).toMatch(/-01 00:00:00$/);
    const [status] = await send(fetch, [
      row({ runId: 'before', occurredAt: new Date(start - 1).toISOString() }),
      row({ runId: 'at', occurredAt: new Date(start).toISOString() }),
    ]);
    expect(status).toBe(201);
    await drainOutbox(services(env), teamId);
    expect(await services(env).team(teamId).listBudgets()).toMatchObject([{ spentNanoUsd: 60_000 }]);
    const stats = await read(
      fetch,
      `stats?from=${new Date(start - 3 * 86_400_000).toISOString()}&to=${new Date(start + 86_400_000).toISOString()}&interval=month&timeZone=Europe/Berlin`,
    );
    expect(stats.series.map(({ costNanoUsd }: { costNanoUsd: number }) => costNanoUsd)).toEqual([
      60_000, 60_000,
    ]);
    expect(
      (await read(fetch, 'ledger')).data.map(({ runId, createdAt }: Record<string, string>) => [
        runId,
        Date.parse(createdAt!),
      ]),
    ).toEqual([
      ['at', start],
      ['before', start - 1],
    ]);
    expect(await read(fetch, 'reconcile')).toMatchObject({
      driftNanoUsd: 0,
      ledgerNanoUsd: 120_000,
      rollupNanoUsd: 120_000,
    });
  });

  it('tells no alert for a period that has ended, and its own for the running one', async () => {
    const { fetch } = await makeTeam();
    await budget(fetch, { window: 'day', timeZone: 'UTC', limitNanoUsd: 100_000, thresholds: [50, 100] });
    await send(
      fetch,
      Array.from({ length: 10 }, () =>
        row({ occurredAt: new Date(Date.now() - 3 * 86_400_000).toISOString() }),
      ),
    );
    expect((await read(fetch, 'alerts')).data).toEqual([]);
    await send(fetch, [row()]);
    expect((await read(fetch, 'alerts')).data).toMatchObject([{ threshold: 50, spentNanoUsd: 60_000 }]);
  });

  it('counts for a budget of the total, whenever it happened', async () => {
    const { fetch, teamId } = await makeTeam();
    await budget(fetch, { window: 'total', timeZone: 'UTC' });
    await send(fetch, [row({ occurredAt: '2024-02-29T12:00:00+01:00' }), row()]);
    expect(await services(env).team(teamId).listBudgets()).toMatchObject([{ spentNanoUsd: 120_000 }]);
  });
});
