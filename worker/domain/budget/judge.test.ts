import { describe, expect, it } from 'vitest';
import { judge, type Ask, type Standing } from './judge.ts';

const standing = (over: Partial<Standing> = {}): Standing => ({
  budgetId: 'bud_1',
  scope: { type: 'team' },
  policy: 'block',
  limitNanoUsd: 100,
  spentNanoUsd: 0,
  heldNanoUsd: 0,
  resetsAtMs: null,
  ...over,
});
const ask = (over: Partial<Ask> = {}): Ask => ({
  model: 'm',
  ceilingNanoUsd: 60,
  inputNanoUsd: 10,
  clampable: false,
  ...over,
});
const yes = (heldNanoUsd: number, clamped = false, warnings: string[] = []) => ({
  ok: true,
  value: { heldNanoUsd, clamped, warnings },
});

describe('judge', () => {
  it.each<[string, Partial<Standing>[], Partial<Ask>, unknown]>([
    ['admits what fits', [{}], {}, yes(60)],
    ['admits what fits exactly', [{ spentNanoUsd: 30, heldNanoUsd: 10 }], {}, yes(60)],
    ['admits without any budget', [], {}, yes(60)],
    ['admits where there is no limit', [{ limitNanoUsd: null, spentNanoUsd: 1e15 }], {}, yes(60)],
    [
      'B04: lowers the ceiling to what is left when the caller allows it',
      [{ spentNanoUsd: 50 }],
      { clampable: true },
      yes(50, true),
    ],
    [
      'B04: lowers it to the tightest budget',
      [{ spentNanoUsd: 50 }, { spentNanoUsd: 70 }],
      { clampable: true },
      yes(30, true),
    ],
    [
      'B15: admits what is free, even where nothing may be spent',
      [{ limitNanoUsd: 0 }],
      { ceilingNanoUsd: 0, inputNanoUsd: 0 },
      yes(0),
    ],
    [
      'B15: admits what is free, even over the limit',
      [{ spentNanoUsd: 500 }],
      { ceilingNanoUsd: 0, inputNanoUsd: 0 },
      yes(0),
    ],
    [
      'only warns where the policy says so',
      [{ policy: 'warn', spentNanoUsd: 50 }],
      {},
      yes(60, false, ['bud_1']),
    ],
    ['does not warn of what fits', [{ policy: 'warn' }], {}, yes(60)],
    ['B14: admits an unpriced model when no budget applies', [], { ceilingNanoUsd: null }, yes(0)],
  ])('%s', (_, standings, asked, answer) => {
    expect(judge(standings.map(standing), ask(asked))).toEqual(answer);
  });

  it.each<[string, Partial<Standing>[], Partial<Ask>]>([
    ['what is one too much', [{ spentNanoUsd: 31, heldNanoUsd: 10 }], {}],
    [
      'anything that costs, under a limit of 0',
      [{ limitNanoUsd: 0 }],
      { ceilingNanoUsd: 1, inputNanoUsd: 0 },
    ],
    ['B04: what does not fit when the caller allows no less', [{ spentNanoUsd: 50 }], {}],
    ['B04: what leaves nothing for output', [{ spentNanoUsd: 90 }], { clampable: true }],
    [
      'B03: what one of several budgets does not cover',
      [{ limitNanoUsd: 1000 }, { spentNanoUsd: 90 }, { limitNanoUsd: null }],
      {},
    ],
  ])('refuses %s', (_, standings, asked) => {
    expect(judge(standings.map(standing), ask(asked))).toMatchObject({
      ok: false,
      error: { reason: 'budget_exceeded' },
    });
  });

  it('names the tightest budget, what was asked and when it resets', () => {
    const key = standing({
      budgetId: 'bud_key',
      scope: { type: 'key', id: 'key_1' },
      limitNanoUsd: 50,
      spentNanoUsd: 5,
      heldNanoUsd: 6,
      resetsAtMs: 0,
    });
    expect(judge([standing(), key], ask({ ceilingNanoUsd: 200 }))).toEqual({
      ok: false,
      error: {
        reason: 'budget_exceeded',
        budgetId: 'bud_key',
        scope: { type: 'key', id: 'key_1' },
        limitNanoUsd: 50,
        spentNanoUsd: 5,
        heldNanoUsd: 6,
        askedNanoUsd: 200,
        resetsAt: '1970-01-01T00:00:00.000Z',
      },
    });
  });

  it('B14: refuses an unpriced model under any budget', () => {
    expect(judge([standing({ policy: 'warn' })], ask({ ceilingNanoUsd: null }))).toEqual({
      ok: false,
      error: { reason: 'model_unpriced', model: 'm' },
    });
  });
});
