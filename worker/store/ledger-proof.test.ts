import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { everyMinute } from '../cron/index.ts';
import { drainOutbox } from '../queues/ledger.ts';
import { services } from '../services.ts';
import { ledgerCut } from './ledger-cut.ts';
import { proveLedger, wantsProof } from './ledger-proof.ts';

const record = services(env);
const AT = '2026-11-27T10:00:00.000Z';
const whole = { mayGoOn: () => true, nowIso: () => AT, sliceRows: 3 };

async function booked(teamId: string, from: number, count: number) {
  for (let i = from; i < from + count; i++)
    await record
      .team(teamId)
      .settle(settlementOf({ runId: `run_${i}`, subject: { teamId, tags: [] }, costNanoUsd: 100 + i }));
  await drainOutbox(record, teamId);
}
const sumOf = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => 100 + from + i).reduce((sum, cost) => sum + cost, 0);

describe('the proof of a ledger', () => {
  it('sums every row; a quick cut afterwards adds only the newer ones, and both are the same sum', async () => {
    const teamId = 'team_proof';
    await booked(teamId, 0, 10);
    expect(await ledgerCut(env.DB, teamId)).toMatchObject({
      ledgerNanoUsd: sumOf(0, 10),
      verifiedSeq: 0,
      verifiedAt: null,
      newerRows: 10,
    });
    expect(await proveLedger(env.DB, teamId, whole)).toBe(true);
    await booked(teamId, 10, 4);
    expect(await ledgerCut(env.DB, teamId)).toEqual({
      ledgerNanoUsd: sumOf(0, 14),
      rollupNanoUsd: sumOf(0, 14),
      watermarkSeq: 14,
      verifiedSeq: 10,
      verifiedAt: AT,
      newerRows: 4,
      verifyingSeq: null,
    });
  });

  it('stops after a slice and goes on later, also when two go on at once', async () => {
    const teamId = 'team_slices';
    await booked(teamId, 0, 10);
    expect(await proveLedger(env.DB, teamId, { ...whole, mayGoOn: () => false })).toBe(false);
    expect(await ledgerCut(env.DB, teamId)).toMatchObject({
      verifiedSeq: 0,
      verifyingSeq: 3,
      ledgerNanoUsd: sumOf(0, 10),
    });
    expect(
      await Promise.all([proveLedger(env.DB, teamId, whole), proveLedger(env.DB, teamId, whole)]),
    ).toEqual([true, true]);
    expect(await ledgerCut(env.DB, teamId)).toMatchObject({
      verifiedSeq: 10,
      ledgerNanoUsd: sumOf(0, 10),
      newerRows: 0,
    });
  });

  it('finds out what a quick cut cannot: a row that was changed after it had been proved', async () => {
    const teamId = 'team_tampered';
    await booked(teamId, 0, 5);
    await proveLedger(env.DB, teamId, whole);
    await env.DB.prepare('UPDATE ledger SET cost_nano_usd = cost_nano_usd + 7 WHERE team_id = ? AND seq = 2')
      .bind(teamId)
      .run();
    expect((await ledgerCut(env.DB, teamId)).ledgerNanoUsd).toBe(sumOf(0, 5));
    await proveLedger(env.DB, teamId, whole);
    const cut = await ledgerCut(env.DB, teamId);
    expect(cut.ledgerNanoUsd).toBe(sumOf(0, 5) + 7);
    expect(cut.ledgerNanoUsd - cut.rollupNanoUsd).toBe(7);
  });

  it('B24: rows that retention removed and carried forward still count, also when they go in the middle of a proof', async () => {
    const teamId = 'team_carried';
    await booked(teamId, 0, 10);
    await proveLedger(env.DB, teamId, whole);
    await proveLedger(env.DB, teamId, { ...whole, mayGoOn: () => false });
    await env.DB.batch([
      env.DB.prepare(
        `UPDATE ledger_checkpoint SET carried_rows = 2,
           carried_cost_nano_usd = (SELECT sum(cost_nano_usd) FROM ledger WHERE team_id = ?1 AND seq <= 2) WHERE team_id = ?1`,
      ).bind(teamId),
      env.DB.prepare('DELETE FROM ledger WHERE team_id = ? AND seq <= 2').bind(teamId),
    ]);
    await proveLedger(env.DB, teamId, whole);
    expect(await ledgerCut(env.DB, teamId)).toMatchObject({
      ledgerNanoUsd: sumOf(0, 10),
      rollupNanoUsd: sumOf(0, 10),
      verifiedSeq: 10,
    });
    const { rows } = (await env.DB.prepare('SELECT rows FROM ledger_checkpoint WHERE team_id = ?')
      .bind(teamId)
      .first<{ rows: number }>())!;
    expect(rows).toBe(10);
  });

  it('is wanted when it is old, when many rows are newer, and when one was left in the middle', async () => {
    const teamId = 'team_wanted';
    const wish = { nowMs: Date.parse(AT), maxAgeMs: 86_400_000, maxNewerRows: 3 };
    expect(await wantsProof(env.DB, teamId, wish)).toBe(false);
    await booked(teamId, 0, 5);
    expect(await wantsProof(env.DB, teamId, wish)).toBe(true);
    await proveLedger(env.DB, teamId, whole);
    expect(await wantsProof(env.DB, teamId, wish)).toBe(false);
    expect(await wantsProof(env.DB, teamId, { ...wish, nowMs: wish.nowMs + 86_400_001 })).toBe(true);
    await booked(teamId, 5, 4);
    expect(await wantsProof(env.DB, teamId, wish)).toBe(true);
    await proveLedger(env.DB, teamId, whole);
    await proveLedger(env.DB, teamId, { ...whole, mayGoOn: () => false });
    expect(await wantsProof(env.DB, teamId, wish)).toBe(true);
  });

  it('is made for active teams by the minute', async () => {
    const { fetch, teamId } = await makeTeam();
    await fetch('/api/token-tracking/log', {
      json: { model: 'sandbox-large', inputTokens: 10, outputTokens: 2 },
    });
    await drainOutbox(record, teamId);
    await everyMinute(record);
    const quick = (await (await fetch('/api/token-tracking/reconcile')).json()) as Record<string, unknown>;
    expect(quick).toMatchObject({
      verifiedUpTo: 1,
      newestRow: 1,
      driftNanoUsd: 0,
      ledgerNanoUsd: 60_000,
      verifying: null,
    });
    const full = (await (await fetch('/api/token-tracking/reconcile?full=true')).json()) as Record<
      string,
      string
    >;
    expect(Date.parse(full.verifiedAt!)).toBeGreaterThanOrEqual(Date.parse(quick.verifiedAt as string));
    expect((await fetch('/api/token-tracking/reconcile?full=maybe')).status).toBe(422);
  });
});
