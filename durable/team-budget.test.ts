import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Budget, ReserveRequest, Settlement } from '../worker/domain/budget/budget.ts';
import { settlementOf } from '../tests/workers/settlement.ts';
import { MemoryJournal, openBooks } from '../worker/domain/budget/memory-journal.ts';
import { services } from '../worker/services.ts';
import type { TeamBudget } from './team-budget.ts';

const NOW = Date.parse('2036-11-20T12:00:00Z');

function team(name: string) {
  const stub = env.TEAM_BUDGET.getByName(name);
  const judge = services(env).team(name);
  const budget = (over: Partial<Budget> = {}): Budget => ({
    id: 'bud_1',
    scope: { type: 'team' },
    window: 'month',
    timeZone: 'UTC',
    anchor: {},
    limitNanoUsd: 300,
    policy: 'block',
    thresholds: [75, 90, 100],
    createdAt: new Date(NOW).toISOString(),
    ...over,
  });
  const call = (runId: string, over: Partial<ReserveRequest> = {}): ReserveRequest => ({
    runId,
    attempt: 1,
    subject: { teamId: name, keyId: 'key_1', tags: ['acme'] },
    provider: 'sandbox',
    model: 'sandbox-small',
    ceilingNanoUsd: 100,
    inputNanoUsd: 10,
    clampable: false,
    dispatching: true,
    ttlMs: 60_000,
    executionType: 'gateway',
    ...over,
  });
  const end = (runId: string, costNanoUsd: number, over: Partial<Settlement> = {}) =>
    settlementOf({ runId, costNanoUsd, subject: { teamId: name, keyId: 'key_1', tags: ['acme'] }, ...over });
  const at = (iso: string) =>
    runInDurableObject(env.TEAM_BUDGET.getByName(name), (object) => {
      (object as TeamBudget).clock = () => Date.parse(iso);
    });
  return { stub, judge, budget, call, end, at };
}

describe('TeamBudget', () => {
  it('B01: exactly 3 of 20 concurrent calls fit a budget of three worst cases, and held never passes the limit', async () => {
    const { judge, budget, call, end } = team('team_b01');
    await judge.createBudget(budget());
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => judge.reserve(call(`run_${i}`))));
    const admitted = answers.flatMap((answer, i) => (answer.ok ? [`run_${i}`] : []));
    expect(admitted).toHaveLength(3);
    expect(answers.find((answer) => !answer.ok)).toMatchObject({
      error: { reason: 'budget_exceeded', limitNanoUsd: 300, heldNanoUsd: 300, askedNanoUsd: 100 },
    });
    for (const runId of admitted) await judge.settle(end(runId, 40));
    expect(await judge.listBudgets()).toMatchObject([{ spentNanoUsd: 120, heldNanoUsd: 0 }]);
  });

  it('B02: eight concurrent first calls of a key with a default budget make its budget once, and only three fit it', async () => {
    const { judge, budget, call } = team('team_b02');
    await judge.createBudget(budget({ id: 'bud_default', scope: { type: 'key' }, each: true }));
    const answers = await Promise.all(Array.from({ length: 8 }, (_, i) => judge.reserve(call(`run_${i}`))));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3);
    expect(
      (await judge.listBudgets()).filter(({ fromBudgetId }) => fromBudgetId === 'bud_default'),
    ).toMatchObject([{ scope: { type: 'key', id: 'key_1' }, heldNanoUsd: 300 }]);
  });

  it('B21: its SQLite answers what its twin in memory answers, over days, periods and restarts', async () => {
    const name = 'team_twin';
    const { judge, budget, call, end, at } = team(name);
    const journal = new MemoryJournal();
    let twin = openBooks(journal);
    const random = fc.sample(fc.nat(), { numRuns: 2000, seed: 21 });
    const dice = (sides: number) => random.pop()! % sides;
    let nowMs = Date.parse('2036-10-24T12:00:00Z');
    const setClock = () => at(new Date(nowMs).toISOString());
    await setClock();
    for (const [i, window] of (['day', 'week', 'month', 'total'] as const).entries()) {
      const one = budget({
        id: `bud_${i}`,
        window,
        timeZone: 'Europe/Berlin',
        limitNanoUsd: 800 * (i + 1),
        scope: i % 2 ? { type: 'tag', id: 'acme' } : { type: 'team' },
      });
      expect(await judge.createBudget(one)).toEqual(twin.putBudget(one, nowMs));
    }
    for (let i = 0; i < 150; i++) {
      const runId = `run_${dice(60)}`;
      const step = dice(10);
      if (step < 4) {
        const asked = call(runId, {
          ceilingNanoUsd: dice(300),
          dispatching: dice(2) === 0,
          ttlMs: 3_600_000,
        });
        expect(await judge.reserve(asked)).toEqual(twin.reserve(asked, nowMs));
      } else if (step < 8) {
        const settled = end(runId, dice(200), { billed: dice(5) > 0 });
        expect(await judge.settle(settled)).toEqual(twin.settle(settled, nowMs));
      } else if (step === 8) {
        nowMs += dice(20) * 3_600_000;
        await setClock();
        await judge.tick();
        twin.expire(nowMs);
      } else if (dice(3) === 0) {
        await runInDurableObject(env.TEAM_BUDGET.getByName(name), (_, state) => state.abort()).catch(
          () => undefined,
        );
        twin = openBooks(journal);
        await setClock();
      }
      expect(await judge.listBudgets()).toEqual(twin.statuses(nowMs));
      expect(await judge.cutAt(0)).toMatchObject({
        counterNanoUsd: twin.totals.totalNanoUsd,
        heldNanoUsd: twin.heldNanoUsd,
      });
    }
    const told = (await judge.listAlerts({ limit: 500 })).map(
      ({ budgetId, threshold, periodStart }) => `${budgetId} ${threshold} ${periodStart}`,
    );
    expect(told.sort()).toEqual(
      journal.alerts.map(({ alert }) => `${alert.budgetId} ${alert.threshold} ${alert.periodStart}`).sort(),
    );
    expect(told.length).toBeGreaterThan(5);
  }, 30_000);

  it('B06: a hold whose caller died before dispatch is gone after its time to live, by the alarm', async () => {
    const { stub, judge, budget, call, at } = team('team_b06');
    await at('2036-11-20T12:00:00Z');
    await judge.createBudget(budget({ limitNanoUsd: 100 }));
    await judge.reserve(call('run_dead', { dispatching: false }));
    expect((await judge.reserve(call('run_next'))).ok).toBe(false);
    await at('2036-11-20T12:01:01Z');
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect((await judge.reserve(call('run_next'))).ok).toBe(true);
    expect(await judge.cutAt(0)).toEqual({ counterNanoUsd: 0, pendingNanoUsd: 0, heldNanoUsd: 100 });
  });

  it('settles a dispatched hold that ran out at its ceiling, once, whatever comes later', async () => {
    const { stub, judge, call, end, at } = team('team_unconfirmed');
    await at('2036-11-20T12:00:00Z');
    await judge.reserve(call('run_1'));
    await at('2036-11-20T12:02:00Z');
    await runDurableObjectAlarm(stub);
    await runDurableObjectAlarm(stub);
    expect(await judge.settle(end('run_1', 7))).toEqual({ costNanoUsd: 100, repeated: true });
    expect((await judge.cutAt(0)).counterNanoUsd).toBe(100);
  });

  it('keeps everything over a restart', async () => {
    const { stub, judge, budget, call, end } = team('team_restart');
    await judge.createBudget(budget());
    await judge.reserve(call('run_1'));
    await judge.reserve(call('run_2'));
    await judge.settle(end('run_1', 30));
    const before = await judge.listBudgets();
    await runInDurableObject(stub, (_, state) => state.abort()).catch(() => undefined);
    const again = team('team_restart').judge;
    expect(await again.listBudgets()).toEqual(before);
    expect(await again.settle(end('run_1', 30))).toEqual({ costNanoUsd: 30, repeated: true });
    expect(before).toMatchObject([{ spentNanoUsd: 30, heldNanoUsd: 100 }]);
  });

  it('goes on after a crash: holds that ran out end, what was in the outbox reaches the ledger', async () => {
    const { stub, judge, call, end } = team('team_crash');
    await judge.reserve(call('run_cut', { ttlMs: 300 }));
    await judge.reserve(call('run_done'));
    await runInDurableObject(stub, (object) => {
      // settled, but the process ends before the queue heard of it
      Object.defineProperty(object, 'env', { value: { LEDGER: { send: async () => undefined } } });
    });
    await judge.settle(end('run_done', 30));
    await runInDurableObject(stub, async (_, state) => {
      await state.storage.deleteAlarm();
      state.abort();
    }).catch(() => undefined);
    const again = services(env).team('team_crash');
    await again.listBudgets();
    const rows = env.DB.prepare(
      "SELECT run_id, cost_nano_usd, flags FROM ledger WHERE team_id = 'team_crash' ORDER BY seq",
    );
    await expect
      .poll(async () => (await rows.all()).results, { timeout: 4000 })
      .toEqual([
        { run_id: 'run_done', cost_nano_usd: 30, flags: '[]' },
        { run_id: 'run_cut', cost_nano_usd: 100, flags: '["unconfirmed"]' },
      ]);
  });

  it('throws, and books nothing, when a call names another team than its own', async () => {
    const { judge, call } = team('team_own');
    await judge.reserve(call('run_1'));
    await expect(
      judge.reserve(call('run_2', { subject: { teamId: 'team_other', tags: [] } })),
    ).rejects.toThrow('not team_other');
    expect((await judge.cutAt(0)).heldNanoUsd).toBe(100);
  });
});
