/** Periods in the real object: its own SQLite, its own clock put to the instants that matter. */
import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import type { Budget } from '../worker/domain/budget/budget.ts';
import { services } from '../worker/services.ts';
import { settlementOf } from '../tests/workers/settlement.ts';
import type { TeamBudget } from './team-budget.ts';

const LIMIT = 300;

/** A team whose only budget has this window; calls of it are paid at the instant of its clock. */
async function limited(over: Pick<Budget, 'window' | 'timeZone' | 'anchor'>) {
  const teamId = `team_${crypto.randomUUID()}`;
  const judge = services(env).team(teamId);
  const subject = { teamId, tags: [] };
  let calls = 0;
  const at = (ms: number) =>
    runInDurableObject(env.TEAM_BUDGET.getByName(teamId), (object) => {
      (object as TeamBudget).clock = () => ms;
    });
  const reserve = (ceilingNanoUsd: number) =>
    judge.reserve({
      runId: `run_${++calls}`,
      attempt: 1,
      subject,
      provider: 'sandbox',
      model: 'sandbox-small',
      ceilingNanoUsd,
      inputNanoUsd: 1,
      clampable: false,
      dispatching: true,
      ttlMs: 60_000,
      executionType: 'gateway',
    });
  const settle = (call: number, costNanoUsd: number) =>
    judge.settle(settlementOf({ runId: `run_${call}`, subject, costNanoUsd }));
  const crash = () =>
    runInDurableObject(env.TEAM_BUDGET.getByName(teamId), (_, state) => state.abort()).catch(() => undefined);
  /** uses the whole limit up; answers the refusal when that is not possible */
  const useUp = async () => {
    const answer = await reserve(LIMIT);
    if (!answer.ok) return answer.error;
    await settle(calls, LIMIT);
    return null;
  };
  await at(Date.parse('2034-01-01T00:00:00Z'));
  await judge.createBudget({
    id: 'bud_1',
    scope: { type: 'team' },
    limitNanoUsd: LIMIT,
    policy: 'block',
    thresholds: [],
    createdAt: '2034-01-01T00:00:00.000Z',
    ...over,
  });
  return { judge, at, crash, reserve, settle, useUp, status: async () => (await judge.listBudgets())[0]! };
}

const BERLIN = 'Europe/Berlin';

describe('B16, B17: a budget in the real object', () => {
  it.each<[string, Pick<Budget, 'window' | 'timeZone' | 'anchor'>, start: string, end: string]>([
    [
      'the month of the spring change',
      { window: 'month', timeZone: BERLIN, anchor: {} },
      '2036-02-29T23:00:00.000Z',
      '2036-03-31T22:00:00.000Z',
    ],
    [
      'the month of the autumn change',
      { window: 'month', timeZone: BERLIN, anchor: {} },
      '2036-09-30T22:00:00.000Z',
      '2036-10-31T23:00:00.000Z',
    ],
    [
      'the day of 23 hours',
      { window: 'day', timeZone: BERLIN, anchor: {} },
      '2036-03-29T23:00:00.000Z',
      '2036-03-30T22:00:00.000Z',
    ],
    [
      'the day of 25 hours',
      { window: 'day', timeZone: BERLIN, anchor: {} },
      '2036-10-25T22:00:00.000Z',
      '2036-10-26T23:00:00.000Z',
    ],
    [
      'February 29',
      { window: 'day', timeZone: 'UTC', anchor: {} },
      '2036-02-29T00:00:00.000Z',
      '2036-03-01T00:00:00.000Z',
    ],
    [
      'December 31',
      { window: 'day', timeZone: BERLIN, anchor: {} },
      '2036-12-30T23:00:00.000Z',
      '2036-12-31T23:00:00.000Z',
    ],
    [
      'a year',
      { window: 'year', timeZone: BERLIN, anchor: {} },
      '2035-12-31T23:00:00.000Z',
      '2036-12-31T23:00:00.000Z',
    ],
    [
      'a year from April 1 at 6',
      { window: 'year', timeZone: BERLIN, anchor: { month: 4, dayOfMonth: 1, hour: 6 } },
      '2036-04-01T04:00:00.000Z',
      '2037-04-01T04:00:00.000Z',
    ],
    [
      'a week from Sunday at 3, over the change in New York',
      { window: 'week', timeZone: 'America/New_York', anchor: { weekday: 7, hour: 3 } },
      '2036-10-26T07:00:00.000Z',
      '2036-11-02T08:00:00.000Z',
    ],
    [
      'a month from the 28th at 9 in Tokyo',
      { window: 'month', timeZone: 'Asia/Tokyo', anchor: { dayOfMonth: 28, hour: 9 } },
      '2036-02-28T00:00:00.000Z',
      '2036-03-28T00:00:00.000Z',
    ],
  ])('over %s begins and ends at the exact instant', async (_, rule, start, end) => {
    const { at, useUp, status } = await limited(rule);
    await at(Date.parse(start) - 1);
    expect(await useUp()).toBeNull();
    expect(await useUp()).toMatchObject({ reason: 'budget_exceeded', resetsAt: start });
    await at(Date.parse(start));
    expect(await status()).toMatchObject({ spentNanoUsd: 0, periodStart: start, resetsAt: end });
    expect(await useUp()).toBeNull();
    await at(Date.parse(end) - 1);
    expect(await useUp()).toMatchObject({ spentNanoUsd: LIMIT, heldNanoUsd: 0, resetsAt: end });
    await at(Date.parse(end));
    expect(await useUp()).toBeNull();
    expect(await status()).toMatchObject({ spentNanoUsd: LIMIT, periodStart: end });
  });

  it('in total never begins again', async () => {
    const { at, useUp } = await limited({ window: 'total', timeZone: BERLIN, anchor: {} });
    await at(Date.parse('2036-01-01T00:00:00Z'));
    expect(await useUp()).toBeNull();
    await at(Date.parse('2046-01-01T00:00:00Z'));
    expect(await useUp()).toMatchObject({ spentNanoUsd: LIMIT, resetsAt: null });
  });
});

describe('a call over midnight in the real object', () => {
  it('B19: holds and is paid in the day that admitted it, and takes nothing from the next, also over a restart', async () => {
    const day = { window: 'day', timeZone: BERLIN, anchor: {} } as const;
    const { judge, at, reserve, settle, status, crash } = await limited(day);
    const midnight = Date.parse('2036-11-20T23:00:00Z');
    await at(midnight - 1);
    expect((await reserve(LIMIT)).ok).toBe(true);
    expect(await status()).toMatchObject({ spentNanoUsd: 0, heldNanoUsd: LIMIT });
    await at(midnight);
    expect(await status()).toMatchObject({ spentNanoUsd: 0, heldNanoUsd: 0 });
    expect((await reserve(LIMIT)).ok).toBe(true);
    expect((await judge.cutAt(0)).heldNanoUsd).toBe(2 * LIMIT);
    await settle(1, 250);
    expect(await status()).toMatchObject({ spentNanoUsd: 0, heldNanoUsd: LIMIT });
    await at(midnight - 1);
    expect(await status()).toMatchObject({ spentNanoUsd: 250, heldNanoUsd: 0 });
    await crash();
    await at(midnight - 1);
    expect(await status()).toMatchObject({ spentNanoUsd: 250, heldNanoUsd: 0 });
    await at(midnight);
    expect(await status()).toMatchObject({ spentNanoUsd: 0, heldNanoUsd: LIMIT });
  });
});
