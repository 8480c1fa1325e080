import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { drainOutbox } from '../queues/ledger.ts';
import { services } from '../services.ts';
import { ledgerCut } from '../store/ledger-cut.ts';
import { proveLedger } from '../store/ledger-proof.ts';
import { retainLedgers } from './retain-ledgers.ts';

const record = services(env);
const DAY_MS = 86_400_000;
const prove = (teamId: string) =>
  proveLedger(env.DB, teamId, { mayGoOn: () => true, nowIso: () => new Date().toISOString() });
const rowsOf = async (teamId: string) =>
  (await env.DB.prepare('SELECT count(*) AS n FROM ledger WHERE team_id = ?').bind(teamId).first<{
    n: number;
  }>())!.n;
const log = (fetch: Awaited<ReturnType<typeof makeTeam>>['fetch'], runId: string, daysAgo: number) =>
  fetch('/api/token-tracking/log', {
    json: {
      model: 'sandbox-small',
      inputTokens: 1_000,
      outputTokens: 100,
      runId,
      occurredAt: new Date(Date.now() - daysAgo * DAY_MS).toISOString(),
    },
  });

describe('retention of the ledger', () => {
  it('B24: removes old rows and leaves counters, rollups and the proof as they were', async () => {
    const { teamId, fetch } = await makeTeam();
    for (const [runId, daysAgo] of [
      ['old_1', 90],
      ['old_2', 60],
      ['young', 1],
    ] as const)
      expect((await log(fetch, runId, daysAgo)).status).toBe(201);
    await drainOutbox(record, teamId);
    const before = await ledgerCut(env.DB, teamId);
    const kept = await fetch(`/api/teams/${teamId}`, { method: 'PATCH', json: { ledgerRetentionDays: 45 } });
    expect(await kept.json()).toMatchObject({ ledgerRetentionDays: 45 });

    await retainLedgers(record);
    expect(await rowsOf(teamId), 'nothing goes that no proof has counted').toBe(3);
    await prove(teamId);
    await retainLedgers(record);
    expect(await rowsOf(teamId)).toBe(1);

    const { ledgerNanoUsd, rollupNanoUsd } = await ledgerCut(env.DB, teamId);
    expect({ ledgerNanoUsd, rollupNanoUsd }).toEqual({
      ledgerNanoUsd: before.ledgerNanoUsd,
      rollupNanoUsd: before.rollupNanoUsd,
    });
    await prove(teamId);
    const full = await fetch('/api/token-tracking/reconcile?full=true');
    expect(await full.json()).toMatchObject({
      driftNanoUsd: 0,
      ledgerNanoUsd: before.ledgerNanoUsd,
      counterNanoUsd: before.ledgerNanoUsd,
    });
  });

  it('does not let a removed run be booked again under its own name', async () => {
    const { teamId, fetch } = await makeTeam();
    const first = (await (await log(fetch, 'once', 90)).json()) as { costNanoUsd: number };
    await drainOutbox(record, teamId);
    await prove(teamId);
    await fetch(`/api/teams/${teamId}`, { method: 'PATCH', json: { ledgerRetentionDays: 31 } });
    await retainLedgers(record);
    expect(await rowsOf(teamId)).toBe(0);
    expect(await (await log(fetch, 'once', 90)).json()).toMatchObject({ costNanoUsd: first.costNanoUsd });
    await drainOutbox(record, teamId);
    expect(await rowsOf(teamId)).toBe(0);
    expect(await (await fetch('/api/token-tracking/reconcile')).json()).toMatchObject({
      driftNanoUsd: 0,
      counterNanoUsd: first.costNanoUsd,
    });
  });

  it('is never shorter than the object remembers runs, and is for admins', async () => {
    const { teamId, fetch } = await makeTeam();
    const patch = (json: object, by = fetch) => by(`/api/teams/${teamId}`, { method: 'PATCH', json });
    expect((await patch({ ledgerRetentionDays: 30 })).status).toBe(422);
    expect((await patch({ onBudgetUnavailable: 'maybe' })).status).toBe(422);
    const viewer = await makeTeam('viewer');
    expect(
      (
        await viewer.fetch(`/api/teams/${viewer.teamId}`, {
          method: 'PATCH',
          json: { ledgerRetentionDays: 60 },
        })
      ).status,
    ).toBe(403);
  });
});

describe('calls that were let through unchecked', () => {
  it('B22: are booked by the minute when their object answers again, once', async () => {
    const { teamId, fetch } = await makeTeam();
    const settlement = settlementOf({
      runId: 'run_unchecked',
      costNanoUsd: 1_234,
      subject: { teamId, tags: [] },
      flags: ['unchecked'],
    });
    const { bookUnbooked, failsOpen, keepUnbooked } = await import('../store/unbooked.ts');
    expect(await failsOpen(record, teamId)).toBe(false);
    await fetch(`/api/teams/${teamId}`, { method: 'PATCH', json: { onBudgetUnavailable: 'allow' } });
    expect(await failsOpen(record, teamId)).toBe(true);
    await keepUnbooked(record, settlement);
    await keepUnbooked(record, settlement);
    expect(await bookUnbooked(record)).toBe(1);
    expect(await bookUnbooked(record)).toBe(0);
    await record.team(teamId).settle(settlement);
    await drainOutbox(record, teamId);
    const { results } = await env.DB.prepare('SELECT cost_nano_usd, flags FROM ledger WHERE team_id = ?')
      .bind(teamId)
      .all();
    expect(results).toEqual([{ cost_nano_usd: 1_234, flags: '["unchecked","late"]' }]);
  });
});
