import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { OutboxRow, Settlement } from '../domain/budget/budget.ts';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { NO_USAGE } from '../domain/cost/usage.ts';
import { services } from '../services.ts';
import { carryToLedger } from '../store/ledger.ts';
import { ledgerCut } from '../store/ledger-cut.ts';
import { attemptsOf, findRun } from '../store/runs.ts';
import { drainOutbox } from './ledger.ts';

const record = services(env);

const settled = (teamId: string, runId: string, over: Partial<Settlement> = {}) =>
  settlementOf({
    runId,
    subject: {
      teamId,
      keyId: 'key_1',
      memberId: 'mem_1',
      groupIds: ['grp_1'],
      promptId: 'prm_1',
      promptVersion: 2,
      tags: ['a', 'b', 'a'],
    },
    ...over,
  });
const count = async (table: string, teamId: string) =>
  (await env.DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE team_id = ?`)
    .bind(teamId)
    .first<{ n: number }>())!.n;

describe('the outbox on its way to D1', () => {
  it('B05: the same rows delivered twice, whole and in part, give one ledger row and one debit', async () => {
    const teamId = 'team_twice';
    const rows: OutboxRow[] = [1, 2, 3].map((seq) => ({
      seq,
      settlement: settled(teamId, `run_${seq}`),
      at: '2026-11-20T12:16:00.000Z',
    }));
    const newId = () => record.newId('ledger');
    await carryToLedger(env.DB, teamId, { rows: rows.slice(0, 2), newId });
    await carryToLedger(env.DB, teamId, { rows, newId });
    await Promise.all([
      carryToLedger(env.DB, teamId, { rows, newId }),
      carryToLedger(env.DB, teamId, { rows, newId }),
    ]);
    expect(await ledgerCut(env.DB, teamId)).toMatchObject({
      ledgerNanoUsd: 3000,
      rollupNanoUsd: 3000,
      watermarkSeq: 3,
    });
    expect(await count('ledger', teamId)).toBe(3);
    expect(await count('run', teamId)).toBe(3);
    const { results } = await env.DB.prepare(
      'SELECT dimension, key, start, runs, input_tokens, cost_nano_usd FROM rollup WHERE team_id = ? ORDER BY dimension, key',
    )
      .bind(teamId)
      .all();
    const sums = {
      start: Date.parse('2026-11-20T12:15:00Z') / 1000,
      runs: 3,
      input_tokens: 30,
      cost_nano_usd: 3000,
    };
    expect(results).toEqual(
      [
        ['group', 'grp_1'],
        ['key', 'key_1'],
        ['member', 'mem_1'],
        ['model', 'sandbox-small'],
        ['prompt', 'prm_1'],
        ['provider_model', 'sandbox/sandbox-small'],
        ['tag', 'a'],
        ['tag', 'b'],
        ['team', ''],
      ].map(([dimension, key]) => ({ dimension, key, ...sums })),
    );
  });

  it('writes an unbilled attempt on the run only, and adds up the attempts of one run', async () => {
    const teamId = 'team_attempts';
    const team = record.team(teamId);
    await team.settle(
      settled(teamId, 'run_1', {
        status: 'failed',
        billed: false,
        costNanoUsd: 0,
        usage: NO_USAGE,
        error: '429',
      }),
    );
    await team.settle(settled(teamId, 'run_1', { attempt: 2 }));
    await drainOutbox(record, teamId);
    expect(await count('ledger', teamId)).toBe(1);
    expect(
      await env.DB.prepare(
        'SELECT attempts, status, cost_nano_usd, input_tokens, error FROM run WHERE team_id = ?',
      )
        .bind(teamId)
        .first(),
    ).toEqual({ attempts: 2, status: 'succeeded', cost_nano_usd: 1000, input_tokens: 10, error: null });
  });

  it('B10: keeps the attempts of a run that did not succeed, in order and once, however often they are delivered', async () => {
    const teamId = 'team_failed_attempts';
    const at = '2026-11-20T12:16:00.000Z';
    const failed = { status: 'failed', error: 'busy' } as const;
    const rows: OutboxRow[] = [
      { ...failed, billed: false, costNanoUsd: 0, usage: NO_USAGE },
      { ...failed, attempt: 2, error: 'cut "off"' },
      { attempt: 3, model: 'sandbox-large' },
    ].map((over, index) => ({ seq: index + 1, at, settlement: settled(teamId, 'run_1', over) }));
    const newId = () => record.newId('ledger');
    await carryToLedger(env.DB, teamId, { rows: rows.slice(0, 2), newId });
    await carryToLedger(env.DB, teamId, { rows, newId });
    await carryToLedger(env.DB, teamId, { rows, newId });
    const row = (await findRun(record.db, teamId, 'run_1'))!;
    expect(row).toMatchObject({ attempts: 3, status: 'succeeded', costNanoUsd: 2000 });
    const of = { status: 'failed', provider: 'sandbox', model: 'sandbox-small', latencyMs: 13 };
    expect(row.failedAttempts).toEqual([
      { ...of, at, attempt: 1, billed: false, error: 'busy' },
      { ...of, at, attempt: 2, billed: true, error: 'cut "off"' },
    ]);
    const none = { inputTokens: 0, outputTokens: 0, costNanoUsd: 0 };
    const some = { inputTokens: 10, outputTokens: 5, costNanoUsd: 1000 };
    expect(await attemptsOf(record.db, row)).toEqual([
      { ...of, ...none, createdAt: at, attempt: 1, billed: false, error: 'busy' },
      { ...of, ...some, createdAt: at, attempt: 2, billed: true, error: 'cut "off"' },
      {
        ...of,
        ...some,
        createdAt: at,
        attempt: 3,
        billed: true,
        error: null,
        status: 'succeeded',
        model: 'sandbox-large',
      },
    ]);
  });

  it('keeps nothing beside the row of a run whose only attempt succeeded', async () => {
    const teamId = 'team_succeeded';
    const rows = [{ seq: 1, settlement: settled(teamId, 'run_1'), at: '2026-11-20T12:16:00.000Z' }];
    await carryToLedger(env.DB, teamId, { rows, newId: () => record.newId('ledger') });
    expect((await findRun(record.db, teamId, 'run_1'))!.failedAttempts).toBeNull();
  });

  it('B15: a call that is free on purpose has its row, with cost 0 and a price', async () => {
    const teamId = 'team_free';
    await record.team(teamId).settle(settled(teamId, 'run_free', { costNanoUsd: 0 }));
    await drainOutbox(record, teamId);
    const row = await env.DB.prepare('SELECT cost_nano_usd, priced, source FROM ledger WHERE team_id = ?')
      .bind(teamId)
      .first();
    expect(row).toEqual({ cost_nano_usd: 0, priced: 1, source: 'reported' });
  });

  it('B21: counters, ledger and rollups are equal at any instant, also while rows are on their way', async () => {
    const teamId = 'team_b21';
    const team = record.team(teamId);
    await team.createBudget({
      id: 'bud_b21',
      scope: { type: 'tag', id: 'odd' },
      window: 'total',
      timeZone: 'UTC',
      anchor: {},
      limitNanoUsd: null,
      policy: 'block',
      thresholds: [],
      createdAt: '2026-01-01T00:00:00.000Z',
    });
    const settles = (async () => {
      for (let i = 0; i < 120; i++)
        await team.settle(
          settled(teamId, `run_${i}`, {
            costNanoUsd: 997 * (i + 1),
            subject: { teamId, tags: i % 2 ? ['odd'] : ['even'] },
          }),
        );
    })();
    const drifts: number[] = [];
    let done = false;
    const drains = (async () => {
      while (!done) await drainOutbox(record, teamId);
    })();
    const cuts = (async () => {
      while (!done) {
        const cut = await ledgerCut(env.DB, teamId);
        const own = await team.cutAt(cut.watermarkSeq);
        drifts.push(
          own.counterNanoUsd - cut.ledgerNanoUsd - own.pendingNanoUsd,
          cut.ledgerNanoUsd - cut.rollupNanoUsd,
        );
      }
    })();
    await settles;
    done = true;
    await Promise.all([drains, cuts]);
    await drainOutbox(record, teamId);
    expect(drifts.length).toBeGreaterThan(10);
    expect(new Set(drifts)).toEqual(new Set([0]));
    const odd = await env.DB.prepare(
      `SELECT sum(cost_nano_usd) AS cost FROM ledger WHERE team_id = ? AND EXISTS (SELECT 1 FROM json_each(tags) WHERE value = 'odd')`,
    )
      .bind(teamId)
      .first<{ cost: number }>();
    expect(await team.listBudgets()).toMatchObject([{ spentNanoUsd: odd!.cost }]);
    expect((await team.cutAt(120)).counterNanoUsd).toBe((997 * 120 * 121) / 2);
  });

  it('is carried by the queue without anybody asking', async () => {
    const teamId = 'team_queue';
    await record.team(teamId).settle(settled(teamId, 'run_1'));
    await expect.poll(() => count('ledger', teamId), { timeout: 5000 }).toBe(1);
  });
});
