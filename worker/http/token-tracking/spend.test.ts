import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { drainOutbox } from '../../queues/ledger.ts';
import { services } from '../../services.ts';

const log = (fetch: Fetch, json: object) =>
  fetch('/api/token-tracking/log', {
    json: { model: 'sandbox-large', inputTokens: 10, outputTokens: 2, ...json },
  });
const read = async <T = any>(fetch: Fetch, path: string): Promise<T> => {
  const response = await fetch(`/api/token-tracking/${path}`);
  expect([path, response.status]).toEqual([path, 200]);
  return (await response.json()) as T;
};

describe('usage logged from outside', () => {
  it('is priced, booked once per runId, and stands in ledger, statistics and reconciliation', async () => {
    const { fetch, teamId, keyId } = await makeTeam();
    const first = await log(fetch, { runId: 'mine-1', tags: ['acme'], reasoningTokens: 1 });
    expect([first.status, await first.json()]).toEqual([
      201,
      { runId: 'mine-1', costNanoUsd: 60_000, priced: true },
    ]);
    await drainOutbox(services(env), teamId);
    const again = await log(fetch, { runId: 'mine-1', tags: ['acme'] });
    expect([again.status, await again.json()]).toEqual([
      201,
      { runId: 'mine-1', costNanoUsd: 60_000, priced: true },
    ]);

    expect((await read(fetch, 'ledger')).data).toMatchObject([
      {
        runId: 'mine-1',
        attempt: 1,
        source: 'external',
        flags: [],
        costNanoUsd: 60_000,
        keyId,
        tags: ['acme'],
        reasoningTokens: 1,
      },
    ]);
    const sums = { runs: 1, inputTokens: 10, outputTokens: 2, costNanoUsd: 60_000 };
    expect(await read(fetch, 'stats?groupBy=tag')).toMatchObject({
      totals: sums,
      groups: [{ key: 'acme', label: 'acme', ...sums }],
    });
    expect(await read(fetch, 'reconcile')).toMatchObject({
      ledgerNanoUsd: 60_000,
      rollupNanoUsd: 60_000,
      counterNanoUsd: 60_000,
      pendingNanoUsd: 0,
      heldNanoUsd: 0,
      driftNanoUsd: 0,
    });
  });

  it('belongs to the day it occurred on, in the zone that is asked for', async () => {
    const { fetch, teamId } = await makeTeam();
    await log(fetch, { occurredAt: '2026-03-28T22:30:00Z' });
    await log(fetch, { occurredAt: '2026-03-28T23:30:00+00:00' });
    await log(fetch, { occurredAt: '2026-03-29T21:45:00Z' });
    await log(fetch, { occurredAt: '2026-03-29T22:00:00Z' });
    await drainOutbox(services(env), teamId);
    const stats = await read(
      fetch,
      'stats?from=2026-03-27T23:00:00Z&to=2026-03-30T22:00:00Z&interval=day&timeZone=Europe/Berlin',
    );
    expect(stats.series.map(({ start, runs }: { start: string; runs: number }) => [start, runs])).toEqual([
      ['2026-03-27T23:00:00.000Z', 1],
      ['2026-03-28T23:00:00.000Z', 2],
      ['2026-03-29T22:00:00.000Z', 1],
    ]);
    expect(stats.totals.runs).toBe(4);
    const hours = await read(
      fetch,
      'stats?from=2026-03-28T22:00:00Z&to=2026-03-29T00:00:00Z&interval=hour&groupBy=model',
    );
    expect(hours.series.map((piece: { byGroup: object }) => piece.byGroup)).toEqual([
      { 'sandbox-large': 60_000 },
      { 'sandbox-large': 60_000 },
    ]);
  });

  it('B14: without a price is refused under a budget, and recorded as unpriced without one', async () => {
    const { fetch, teamId } = await makeTeam();
    const free = await log(fetch, { model: 'no-such-model-anywhere' });
    expect([free.status, await free.json()]).toMatchObject([201, { costNanoUsd: 0, priced: false }]);
    await drainOutbox(services(env), teamId);
    expect((await read(fetch, 'ledger')).data).toMatchObject([
      { priced: false, priceId: null, costNanoUsd: 0 },
    ]);
    await fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'day', limitNanoUsd: 1 },
    });
    const refused = await log(fetch, { model: 'no-such-model-anywhere' });
    expect([refused.status, await refused.json()]).toMatchObject([
      422,
      { error: { code: 'model_unpriced' } },
    ]);
  });

  it.each([
    ['inputTokens', { inputTokens: 1.5 }],
    ['inputTokens', { inputTokens: 1, cacheReadTokens: 2 }],
    ['reasoningTokens', { reasoningTokens: 3 }],
    ['occurredAt', { occurredAt: '2999-01-01T00:00:00Z' }],
    ['occurredAt', { occurredAt: 'yesterday' }],
    ['promptId', { promptId: 'prm_nowhere' }],
    ['memberId', { memberId: 'x' }],
    ['runId', { runId: "'; DROP TABLE ledger; --" }],
    ['cost', { cost: 1 }],
  ])('refuses a bad %s by its name', async (path, json) => {
    const { fetch } = await makeTeam();
    const response = await log(fetch, json);
    expect(response.status).toBe(422);
    const { error } = (await response.json()) as { error: { issues: { path: string }[] } };
    expect(error.issues.map((issue) => issue.path)).toContain(path);
  });
});

describe('the ledger over HTTP', () => {
  it('is read page by page, newest first, filtered, and only by its own team', async () => {
    const { fetch, teamId } = await makeTeam();
    const other = await makeTeam();
    for (let i = 0; i < 5; i++)
      await log(fetch, {
        runId: `run-${i}`,
        tags: [i % 2 ? 'odd' : 'even'],
        occurredAt: `2026-11-0${i + 1}T12:00:00Z`,
      });
    await drainOutbox(services(env), teamId);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: { data: { runId: string }[]; nextCursor: string | null } = await read(
        fetch,
        `ledger?limit=2${cursor && `&cursor=${encodeURIComponent(cursor)}`}`,
      );
      seen.push(...page.data.map((row) => row.runId));
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['run-4', 'run-3', 'run-2', 'run-1', 'run-0']);
    const runs = async (query: string) =>
      (await read(fetch, `ledger?${query}`)).data.map((row: { runId: string }) => row.runId);
    expect(await runs('tag=odd')).toEqual(['run-3', 'run-1']);
    expect(await runs('runId=run-2')).toEqual(['run-2']);
    expect(await runs('from=2026-11-02&to=2026-11-04')).toEqual(['run-2', 'run-1']);
    expect(await runs('executionId=exec_none')).toEqual([]);
    expect((await read(other.fetch, 'ledger')).data).toEqual([]);
    expect((await fetch('/api/token-tracking/ledger?cursor=nonsense')).status).toBe(400);
  });

  it('B23: statistics do not look into the ledger', async () => {
    const { fetch, teamId } = await makeTeam();
    await log(fetch, {});
    await drainOutbox(services(env), teamId);
    await env.DB.prepare('DELETE FROM ledger WHERE team_id = ?').bind(teamId).run();
    expect(await read(fetch, 'stats?groupBy=model')).toMatchObject({
      totals: { costNanoUsd: 60_000 },
      groups: [{ key: 'sandbox-large' }],
    });
  });

  it('refuses a span that would give too many points', async () => {
    const { fetch } = await makeTeam();
    const response = await fetch('/api/token-tracking/stats?from=2020-01-01&to=2026-01-01&interval=hour');
    expect(response.status).toBe(422);
  });
});
