import fc from 'fast-check';
import { expect, it } from 'vitest';
import { settlementOf } from '../../../tests/workers/settlement.ts';
import type { Books } from './books.ts';
import type { Budget, CallSubject } from './budget.ts';
import { MemoryJournal, openBooks } from './memory-journal.ts';
import { isWithin, periodAt } from './periods.ts';
import { scopeKey, scopesOf } from './scopes.ts';

const START = Date.parse('2026-10-24T20:00:00Z');
const KEYS = ['key_1', 'key_2'];
const TAGS = ['a', 'b'];

type Step =
  | {
      do: 'reserve';
      run: number;
      key: number;
      tag: number;
      ceiling: number;
      clampable: boolean;
      dispatching: boolean;
    }
  | { do: 'settle'; run: number; part: number; billed: boolean }
  | { do: 'abandon' | 'renew'; run: number }
  | { do: 'wait'; minutes: number }
  | { do: 'restart' }
  | { do: 'limit'; budget: number; limit: number };

const run = fc.integer({ min: 0, max: 25 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('reserve' as const),
      run,
      key: fc.integer({ min: 0, max: 1 }),
      tag: fc.integer({ min: 0, max: 1 }),
      ceiling: fc.integer({ min: 0, max: 400 }),
      clampable: fc.boolean(),
      dispatching: fc.boolean(),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('settle' as const),
      run,
      part: fc.integer({ min: 0, max: 100 }),
      billed: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('abandon' as const, 'renew' as const), run }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('wait' as const), minutes: fc.integer({ min: 0, max: 300 }) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('restart' as const) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('limit' as const),
      budget: fc.integer({ min: 0, max: 3 }),
      limit: fc.integer({ min: 0, max: 2000 }),
    }),
  },
);

const budgets: Budget[] = (
  [
    [{ type: 'team' }, 'day', 1000],
    [{ type: 'key', id: 'key_1' }, 'total', 700],
    [{ type: 'tag', id: 'a' }, 'week', 900],
    [{ type: 'execution', id: 'exec_1' }, 'month', 800],
  ] as const
).map(([scope, window, limitNanoUsd], i) => ({
  id: `bud_${i}`,
  scope,
  window,
  limitNanoUsd,
  timeZone: 'Europe/Berlin',
  anchor: {},
  policy: 'block',
  thresholds: [50, 100],
  createdAt: new Date(START).toISOString(),
}));

const subjectOf = (key: number, tag: number): CallSubject => ({
  teamId: 'team_1',
  keyId: KEYS[key],
  executionId: 'exec_1',
  tags: [TAGS[tag]!],
});

/** What the counters must be, computed anew from rows and holds alone (B21). */
function recomputed(journal: MemoryJournal, budget: Budget, nowMs: number) {
  const period = periodAt(budget, nowMs);
  const belongs = (subject: CallSubject, model: string, atMs: number) =>
    isWithin(period, atMs) && scopesOf(subject, model).map(scopeKey).includes(scopeKey(budget.scope));
  let spentNanoUsd = 0;
  for (const { settlement, costNanoUsd, bookedAtMs } of journal.entries)
    if (belongs(settlement.subject, settlement.model, bookedAtMs)) spentNanoUsd += costNanoUsd;
  let heldNanoUsd = 0;
  for (const hold of journal.holds.values())
    if (belongs(hold.subject, hold.model, hold.admittedAtMs)) heldNanoUsd += hold.heldNanoUsd;
  return { spentNanoUsd, heldNanoUsd };
}

it('under any interleaving: no budget is overspent, counters equal the rows, every attempt is debited once', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const journal = new MemoryJournal();
      let books: Books = openBooks(journal);
      let nowMs = START;
      const lowered = new Set<string>();
      for (const budget of budgets) books.putBudget(budget, nowMs);
      const subjects = new Map<number, { subject: CallSubject; ceiling: number }>();

      for (const one of steps) {
        if (one.do === 'wait') {
          nowMs += one.minutes * 60_000;
          books.expire(nowMs);
        } else if (one.do === 'restart') books = openBooks(journal);
        else if (one.do === 'limit') {
          books.changeBudget(`bud_${one.budget}`, { limitNanoUsd: one.limit }, nowMs);
          lowered.add(`bud_${one.budget}`);
        } else if (one.do === 'abandon') books.abandon(`run_${one.run}`, 2, nowMs);
        else if (one.do === 'renew') books.renew(`run_${one.run}`, 1, nowMs + 600_000);
        else if (one.do === 'reserve') {
          const known = subjects.get(one.run) ?? {
            subject: subjectOf(one.key, one.tag),
            ceiling: one.ceiling,
          };
          const before = books.statuses(nowMs);
          const answer = books.reserve(
            {
              runId: `run_${one.run}`,
              attempt: 1,
              subject: known.subject,
              provider: 'p',
              model: 'm',
              ceilingNanoUsd: known.ceiling,
              inputNanoUsd: Math.floor(known.ceiling / 4),
              clampable: one.clampable,
              dispatching: one.dispatching,
              ttlMs: 600_000,
              executionType: 'gateway',
            },
            nowMs,
          );
          if (!answer.ok) expect(books.statuses(nowMs)).toEqual(before);
          else
            subjects.set(one.run, {
              ...known,
              ceiling: answer.value.repeated ? known.ceiling : answer.value.heldNanoUsd,
            });
        } else if (one.do === 'settle') {
          const known = subjects.get(one.run);
          const held = journal.holds.get(`run_${one.run} 1`)?.heldNanoUsd;
          // only what was admitted costs something, and never more than was held: that is the ceiling's promise
          if (!known || held === undefined) {
            const again = settlementOf({
              runId: `run_${one.run}`,
              subject: subjectOf(0, 0),
              costNanoUsd: 77,
            });
            if (journal.past.get(`run_${one.run} 1`)?.state !== 'settled') continue;
            const totals = books.totals;
            expect(books.settle(again, nowMs).repeated).toBe(true);
            expect(books.totals).toEqual(totals);
            continue;
          }
          const costNanoUsd = Math.floor((held * one.part) / 100);
          books.settle(
            settlementOf({
              runId: `run_${one.run}`,
              model: 'm',
              subject: known.subject,
              billed: one.billed,
              costNanoUsd,
            }),
            nowMs,
          );
        }

        for (const budget of budgets) {
          const status = books.status(budget.id, nowMs)!;
          if (!lowered.has(budget.id))
            expect(status.spentNanoUsd + status.heldNanoUsd).toBeLessThanOrEqual(status.limitNanoUsd!);
          expect(status).toMatchObject(recomputed(journal, budget, nowMs));
        }
      }
      const sum = journal.entries.reduce((total, { costNanoUsd }) => total + costNanoUsd, 0);
      expect(books.totals.totalNanoUsd).toBe(sum);
      expect(journal.entries.map(({ seq }) => seq)).toEqual(journal.entries.map((_, i) => i + 1));
      const debited = journal.entries.map(({ settlement }) => settlement.runId);
      expect(new Set(debited).size).toBe(debited.length);
      const told = journal.alerts.map(
        ({ alert, periodStartMs }) => `${alert.budgetId} ${alert.threshold} ${periodStartMs}`,
      );
      expect(new Set(told).size).toBe(told.length);
    }),
    { numRuns: 300, seed: 42 },
  );
});
