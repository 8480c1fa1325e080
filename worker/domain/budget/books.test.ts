import { describe, expect, it } from 'vitest';
import { settlementOf } from '../../../tests/workers/settlement.ts';
import type { Books } from './books.ts';
import type { Budget, CallSubject, ReserveRequest, Settlement } from './budget.ts';
import { MemoryJournal, openBooks } from './memory-journal.ts';

const NOON = Date.parse('2026-11-20T12:00:00Z');
const MINUTE = 60_000;
const subject: CallSubject = {
  teamId: 'team_1',
  keyId: 'key_1',
  workflowId: 'wf_1',
  executionId: 'exec_1',
  tags: ['acme'],
};

const budget = (over: Partial<Budget> = {}): Budget => ({
  id: 'bud_1',
  scope: { type: 'team' },
  window: 'day',
  timeZone: 'UTC',
  anchor: {},
  limitNanoUsd: 300,
  policy: 'block',
  thresholds: [75, 90, 100],
  createdAt: '2026-01-01T00:00:00.000Z',
  ...over,
});
const call = (runId: string, over: Partial<ReserveRequest> = {}): ReserveRequest => ({
  runId,
  attempt: 1,
  subject,
  provider: 'sandbox',
  model: 'sandbox-small',
  ceilingNanoUsd: 100,
  inputNanoUsd: 10,
  clampable: false,
  dispatching: true,
  ttlMs: MINUTE,
  executionType: 'gateway',
  ...over,
});
const end = (runId: string, costNanoUsd: number, over: Partial<Settlement> = {}) =>
  settlementOf({ runId, costNanoUsd, subject, ...over });

function opened(...budgets: Budget[]) {
  const journal = new MemoryJournal();
  const books = openBooks(journal);
  for (const one of budgets) books.putBudget(one, NOON);
  return { journal, books };
}
const where = (books: Books, id = 'bud_1', at = NOON) => {
  const { spentNanoUsd, heldNanoUsd } = books.status(id, at)!;
  return { spentNanoUsd, heldNanoUsd };
};

describe('the books of a team', () => {
  it('B01: admit exactly three calls when three worst cases fit', () => {
    const { books } = opened(budget());
    const admitted = Array.from({ length: 10 }, (_, i) => books.reserve(call(`run_${i}`), NOON).ok);
    expect(admitted.filter(Boolean)).toHaveLength(3);
    expect(where(books)).toEqual({ spentNanoUsd: 0, heldNanoUsd: 300 });
  });

  it('B02: make the budget of a subject from its default once, however many first calls there are', () => {
    const { books, journal } = opened(budget({ id: 'bud_default', scope: { type: 'key' }, each: true }));
    const answers = Array.from({ length: 8 }, (_, i) => books.reserve(call(`run_${i}`), NOON));
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3);
    const made = [...journal.budgets.values()].filter(({ fromBudgetId }) => fromBudgetId === 'bud_default');
    expect(made).toMatchObject([{ scope: { type: 'key', id: 'key_1' }, limitNanoUsd: 300 }]);
    expect(openBooks(journal).reserve(call('run_after'), NOON).ok).toBe(false);
    expect(books.reserve(call('run_other', { subject: { ...subject, keyId: 'key_2' } }), NOON).ok).toBe(true);
    expect(journal.budgets.size).toBe(3);
  });

  it('B03: hold nothing anywhere when one of several budgets is full', () => {
    const { books, journal } = opened(
      budget(),
      budget({ id: 'bud_key', scope: { type: 'key', id: 'key_1' } }),
      budget({ id: 'bud_tag', scope: { type: 'tag', id: 'acme' }, limitNanoUsd: 99 }),
    );
    expect(books.reserve(call('run_1'), NOON)).toMatchObject({ ok: false, error: { budgetId: 'bud_tag' } });
    for (const id of ['bud_1', 'bud_key', 'bud_tag']) expect(where(books, id).heldNanoUsd).toBe(0);
    expect(journal.holds.size).toBe(0);
    expect(books.heldNanoUsd).toBe(0);
  });

  it('B04: hold what is left when a call may be clamped, so that the next one finds nothing', () => {
    const { books } = opened(budget({ limitNanoUsd: 150 }));
    books.reserve(call('run_1'), NOON);
    expect(books.reserve(call('run_2', { clampable: true }), NOON)).toMatchObject({
      ok: true,
      value: { heldNanoUsd: 50, clamped: true },
    });
    expect(books.reserve(call('run_3', { clampable: true }), NOON).ok).toBe(false);
  });

  it('B05: book a settle once, delivered twice, before its reserve, or after its hold ran out', () => {
    const { books, journal } = opened(budget());
    books.reserve(call('run_1'), NOON);
    expect(books.settle(end('run_1', 40), NOON)).toEqual({ costNanoUsd: 40, repeated: false });
    expect(books.settle(end('run_1', 99), NOON)).toEqual({ costNanoUsd: 40, repeated: true });

    books.settle(end('run_2', 5), NOON);
    expect(books.reserve(call('run_2'), NOON)).toMatchObject({ value: { repeated: true, heldNanoUsd: 0 } });

    books.reserve(call('run_3', { dispatching: false }), NOON);
    books.expire(NOON + 2 * MINUTE);
    books.settle(end('run_3', 7), NOON + 3 * MINUTE);
    books.settle(end('run_3', 7), NOON + 4 * MINUTE);
    expect(where(books)).toEqual({ spentNanoUsd: 52, heldNanoUsd: 0 });
    expect(journal.entries.map(({ settlement }) => [settlement.runId, settlement.flags])).toEqual([
      ['run_1', []],
      ['run_2', ['late']],
      ['run_3', ['late']],
    ]);
  });

  it('B05: keep one row for a call that was booked as unconfirmed, whatever its late settle says', () => {
    const { books, journal } = opened(budget());
    const worstUsage = { ...end('x', 0).usage, inputTokens: 77 };
    books.reserve(call('run_1', { worstUsage, priceId: 'p' }), NOON);
    expect(books.expire(NOON + MINUTE)).toBe(1);
    expect(books.expire(NOON + MINUTE)).toBe(0);
    expect(books.settle(end('run_1', 7), NOON + 2 * MINUTE)).toEqual({ costNanoUsd: 100, repeated: true });
    expect(journal.entries).toMatchObject([
      {
        costNanoUsd: 100,
        settlement: {
          flags: ['unconfirmed'],
          source: 'estimated',
          status: 'failed',
          usage: { inputTokens: 77 },
          priceId: 'p',
        },
      },
    ]);
    expect(where(books)).toEqual({ spentNanoUsd: 100, heldNanoUsd: 0 });
  });

  it('B06: let go of a hold that was never dispatched, and of none that was renewed', () => {
    const { books } = opened(budget({ limitNanoUsd: 200 }));
    books.reserve(call('run_dead', { dispatching: false }), NOON);
    books.reserve(call('run_alive', { dispatching: false }), NOON);
    expect(books.renew('run_alive', 1, NOON + 10 * MINUTE)).toBe(true);
    expect(books.renew('run_unknown', 1, NOON)).toBe(false);
    expect(books.nextExpiryMs).toBe(NOON + MINUTE);
    books.expire(NOON + MINUTE);
    expect(where(books)).toEqual({ spentNanoUsd: 0, heldNanoUsd: 100 });
    expect(books.reserve(call('run_dead'), NOON + MINUTE)).toMatchObject({
      ok: true,
      value: { repeated: false },
    });
  });

  it('B06: refuse nobody because of a hold that ran out, even when its alarm is late', () => {
    const { books } = opened(budget({ limitNanoUsd: 100 }));
    books.reserve(call('run_dead', { dispatching: false }), NOON);
    expect(books.reserve(call('run_next'), NOON + MINUTE - 1).ok).toBe(false);
    expect(books.reserve(call('run_next'), NOON + MINUTE).ok).toBe(true);
  });

  it('end the hold of a caller known dead at once', () => {
    const { books } = opened(budget());
    books.reserve(call('run_1'), NOON);
    books.reserve(call('run_2', { dispatching: false }), NOON);
    for (const runId of ['run_1', 'run_1', 'run_2', 'run_unknown']) books.abandon(runId, 2, NOON);
    expect(where(books)).toEqual({ spentNanoUsd: 100, heldNanoUsd: 0 });
  });

  it('end every lost attempt of a run, and none of the attempt that follows it or of another run', () => {
    const { books } = opened(budget({ limitNanoUsd: 1_000 }));
    for (const attempt of [1, 2, 101]) books.reserve(call('run_1', { attempt }), NOON);
    books.reserve(call('run_2'), NOON);
    books.abandon('run_1', 101, NOON);
    expect(where(books)).toEqual({ spentNanoUsd: 200, heldNanoUsd: 200 });
  });

  it('B07: book nothing for an attempt that the provider did not bill, but let it stand on the run', () => {
    const { books, journal } = opened(budget());
    books.reserve(call('run_1'), NOON);
    books.settle(end('run_1', 55, { billed: false, status: 'failed' }), NOON);
    expect(where(books)).toEqual({ spentNanoUsd: 0, heldNanoUsd: 0 });
    expect(journal.entries).toMatchObject([{ seq: 1, costNanoUsd: 0 }]);
  });

  it('B13: book an estimated settle like any other', () => {
    const { books, journal } = opened(budget());
    books.settle(end('run_1', 12, { source: 'estimated', flags: ['estimated_output'] }), NOON);
    expect(where(books).spentNanoUsd).toBe(12);
    expect(journal.entries[0]!.settlement.source).toBe('estimated');
  });

  it('B18: count past spend and open holds of the period in a budget made or changed later', () => {
    const { books } = opened();
    books.settle(end('run_old', 1000), NOON - 13 * 60 * MINUTE);
    books.settle(end('run_1', 40), NOON);
    books.reserve(call('run_2'), NOON);
    expect(books.putBudget(budget({ limitNanoUsd: 200 }), NOON)).toMatchObject({
      spentNanoUsd: 40,
      heldNanoUsd: 100,
    });
    expect(books.reserve(call('run_3'), NOON).ok).toBe(false);
    expect(books.changeBudget('bud_1', { limitNanoUsd: 240 }, NOON)).toMatchObject({
      spentNanoUsd: 40,
      heldNanoUsd: 100,
    });
    expect(books.reserve(call('run_3'), NOON).ok).toBe(true);
    books.changeBudget('bud_1', { limitNanoUsd: 10 }, NOON);
    expect(books.reserve(call('run_4', { ceilingNanoUsd: 1, inputNanoUsd: 0 }), NOON).ok).toBe(false);
    expect(books.changeBudget('bud_1', { window: 'week' }, NOON)).toMatchObject({
      spentNanoUsd: 1040,
      heldNanoUsd: 200,
    });
    expect(books.changeBudget('bud_none', { limitNanoUsd: 1 }, NOON)).toBeNull();
  });

  it('B19: book a call that goes on over midnight to the day it was admitted on', () => {
    const { books, journal } = opened(budget());
    const beforeMidnight = Date.parse('2026-11-20T23:59:00Z');
    const afterMidnight = Date.parse('2026-11-21T00:01:00Z');
    books.reserve(call('run_1', { ttlMs: 60 * MINUTE }), beforeMidnight);
    expect(where(books, 'bud_1', afterMidnight)).toEqual({ spentNanoUsd: 0, heldNanoUsd: 0 });
    for (const i of [1, 2, 3]) expect(books.reserve(call(`run_new_${i}`), afterMidnight).ok).toBe(true);
    books.settle(end('run_1', 80), afterMidnight);
    expect(where(books, 'bud_1', afterMidnight)).toEqual({ spentNanoUsd: 0, heldNanoUsd: 300 });
    expect(where(openBooks(journal), 'bud_1', beforeMidnight).spentNanoUsd).toBe(80);
    expect(journal.entries).toMatchObject([{ bookedAtMs: beforeMidnight }]);
  });

  it('B19: book a settle after release to the day of admission, too', () => {
    const { books, journal } = opened(budget());
    const beforeMidnight = Date.parse('2026-11-20T23:59:00Z');
    books.reserve(call('run_1', { dispatching: false }), beforeMidnight);
    books.expire(beforeMidnight + 2 * MINUTE);
    books.settle(end('run_1', 80), beforeMidnight + 5 * MINUTE);
    expect(journal.entries).toMatchObject([{ bookedAtMs: beforeMidnight, settlement: { flags: ['late'] } }]);
  });

  it('B20: tell each threshold crossed in one jump once per period, and again in the next', () => {
    const { books } = opened(budget());
    const told = () => books.takeHappenings().alerts.map(({ threshold, level }) => `${threshold} ${level}`);
    books.settle(end('run_1', 224), NOON);
    expect(told()).toEqual([]);
    books.settle(end('run_2', 200), NOON);
    expect(told()).toEqual(['75 info', '90 warning', '100 urgent']);
    books.settle(end('run_3', 200), NOON);
    books.changeBudget('bud_1', { limitNanoUsd: 10_000 }, NOON);
    books.changeBudget('bud_1', { limitNanoUsd: 300 }, NOON);
    expect(told()).toEqual([]);
    books.settle(end('run_4', 270), NOON + 24 * 60 * MINUTE);
    expect(told()).toEqual(['75 info', '90 warning']);
  });

  it('B20: tell thresholds that a lowered limit makes true', () => {
    const { books } = opened(budget());
    books.settle(end('run_1', 100), NOON);
    books.changeBudget('bud_1', { limitNanoUsd: 100 }, NOON);
    expect(books.takeHappenings().alerts.map(({ threshold }) => threshold)).toEqual([75, 90, 100]);
  });

  it("keep an execution's own limit over all its calls, and say whose it is", () => {
    const { books } = opened();
    const limited = (runId: string) => call(runId, { executionLimitNanoUsd: 250 });
    books.reserve(limited('run_1'), NOON);
    books.settle(end('run_1', 90), NOON);
    expect(books.reserve(limited('run_2'), NOON).ok).toBe(true);
    expect(books.reserve(limited('run_3'), NOON)).toMatchObject({
      error: {
        budgetId: null,
        scope: { type: 'execution', id: 'exec_1' },
        limitNanoUsd: 250,
        spentNanoUsd: 90,
        heldNanoUsd: 100,
        resetsAt: null,
      },
    });
    expect(books.reserve({ ...limited('run_3'), executionLimitNanoUsd: 290 }, NOON).ok).toBe(true);
    expect(
      books.reserve(call('run_4', { executionLimitNanoUsd: 1000, ceilingNanoUsd: null }), NOON),
    ).toMatchObject({
      error: { reason: 'model_unpriced' },
    });
  });

  it('judge every kind of scope', () => {
    const whole: CallSubject = {
      ...subject,
      memberId: 'mem_1',
      groupIds: ['grp_1'],
      promptId: 'prm_1',
      promptVersion: 3,
    };
    const scopes: Budget['scope'][] = [
      { type: 'team' },
      { type: 'member', id: 'mem_1' },
      { type: 'group', id: 'grp_1' },
      { type: 'key', id: 'key_1' },
      { type: 'prompt', id: 'prm_1' },
      { type: 'prompt_version', id: 'prm_1@3' },
      { type: 'workflow', id: 'wf_1' },
      { type: 'execution', id: 'exec_1' },
      { type: 'tag', id: 'acme' },
      { type: 'model', id: 'sandbox-small' },
    ];
    for (const scope of scopes) {
      const { books } = opened(budget({ scope, limitNanoUsd: 100 }));
      expect(books.reserve(call('run_1', { subject: whole }), NOON).ok).toBe(true);
      expect(books.reserve(call('run_2', { subject: whole }), NOON)).toMatchObject({ error: { scope } });
    }
  });

  it('count external usage that occurred earlier in the period it occurred in', () => {
    const { books } = opened(budget());
    const external = { source: 'external' as const, executionType: 'external' as const };
    books.settle(end('run_1', 50, { ...external, occurredAt: '2026-11-19T23:59:59Z' }), NOON);
    books.settle(end('run_2', 60, { ...external, occurredAt: '2026-11-20T00:00:00Z' }), NOON);
    expect(where(books).spentNanoUsd).toBe(60);
    expect(books.totals).toEqual({ totalNanoUsd: 110, lastSeq: 2 });
    expect(books.takeHappenings().entries.map(({ settlement }) => settlement.flags)).toEqual([[], []]);
  });

  it('forget a deleted budget but not what was spent', () => {
    const { books } = opened(budget());
    books.settle(end('run_1', 300), NOON);
    expect(books.deleteBudget('bud_1')).toBe(true);
    expect(books.deleteBudget('bud_1')).toBe(false);
    expect(books.reserve(call('run_2'), NOON).ok).toBe(true);
    expect(books.putBudget(budget({ id: 'bud_2' }), NOON).spentNanoUsd).toBe(300);
  });

  it('spend less only by an adjustment, in the period of the row it adjusts', () => {
    const { books, journal } = opened(
      budget(),
      budget({ id: 'bud_tag', scope: { type: 'tag', id: 'acme' } }),
    );
    books.reserve(call('run_1'), NOON);
    books.settle(end('run_1', 80), NOON);
    const adjustment = (attempt: number, costNanoUsd: number) =>
      end('adj_led_1', costNanoUsd, {
        attempt,
        executionType: 'adjustment',
        occurredAt: new Date(NOON).toISOString(),
      });
    expect(books.settle(adjustment(1, -30), NOON + MINUTE)).toEqual({ costNanoUsd: -30, repeated: false });
    expect(books.settle(adjustment(1, -30), NOON + MINUTE).repeated).toBe(true);
    expect([where(books).spentNanoUsd, where(books, 'bud_tag').spentNanoUsd]).toEqual([50, 50]);
    expect(books.totals.totalNanoUsd).toBe(50);
    expect(journal.entries.at(-1)?.settlement.flags).not.toContain('late');
    expect(where(openBooks(journal)).spentNanoUsd).toBe(50);

    const tomorrow = NOON + 24 * 60 * MINUTE;
    books.settle(adjustment(2, 7), tomorrow);
    expect(where(books, 'bud_1', tomorrow).spentNanoUsd).toBe(0);
    expect(books.totals.totalNanoUsd).toBe(57);
  });

  it('throw on a cost that is no amount', () => {
    const { books } = opened();
    expect(() => books.settle(end('run_1', -1), NOON)).toThrow(RangeError);
    expect(() => books.settle(end('run_2', 0.5), NOON)).toThrow(RangeError);
  });
});
