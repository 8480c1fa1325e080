import { runDurableObjectAlarm, runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Budget, ReserveRequest, Settlement } from '../worker/domain/budget/budget.ts';
import { settlementOf } from '../tests/workers/settlement.ts';
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
    runInDurableObject(stub, (object) => {
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
