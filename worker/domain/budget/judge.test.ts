import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NO_USAGE } from '../cost/usage.ts';
import { judge, type Ask, type Standing } from './judge.ts';

const standing = (over: Partial<Standing> = {}): Standing => ({
  budgetId: 'bud_1',
  scope: { type: 'team' },
  policy: 'block',
  limitNanoUsd: 100,
  maxTokensPerRun: null,
  maxCostPerRunNanoUsd: null,
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
/** 10 tokens in at 1, 50 out at 1 */
const worstUsage = { ...NO_USAGE, inputTokens: 10, outputTokens: 50 };
const yes = (
  heldNanoUsd: number,
  clamped = false,
  warnings: string[] = [],
  maxOutputTokens: number | null = null,
) => ({ ok: true, value: { heldNanoUsd, clamped, maxOutputTokens, warnings } });

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
        limit: 'window',
        limitNanoUsd: 50,
        spentNanoUsd: 5,
        heldNanoUsd: 6,
        askedNanoUsd: 200,
        resetsAt: '1970-01-01T00:00:00.000Z',
      },
    });
  });

  it.each<[string, Partial<Standing>, Partial<Ask>, unknown]>([
    ['cost that fits exactly', { maxCostPerRunNanoUsd: 60 }, {}, yes(60)],
    [
      'cost, lowered to what one run may cost',
      { maxCostPerRunNanoUsd: 40 },
      { clampable: true },
      yes(40, true),
    ],
    ['cost, where nothing else is limited', { limitNanoUsd: null, maxCostPerRunNanoUsd: 60 }, {}, yes(60)],
    [
      'cost of a free call, even when it may cost nothing',
      { maxCostPerRunNanoUsd: 0 },
      { ceilingNanoUsd: 0, inputNanoUsd: 0 },
      yes(0),
    ],
    ['cost, only warned of', { policy: 'warn', maxCostPerRunNanoUsd: 59 }, {}, yes(60, false, ['bud_1'])],
    ['tokens that fit exactly', { maxTokensPerRun: 60 }, {}, yes(60)],
    [
      'tokens, lowered to the room beside the input, which also holds less',
      { maxTokensPerRun: 30 },
      { clampable: true },
      yes(30, true, [], 20),
    ],
    ['tokens, only warned of', { policy: 'warn', maxTokensPerRun: 59 }, {}, yes(60, false, ['bud_1'])],
    [
      'tokens and cost at once',
      { maxTokensPerRun: 30, maxCostPerRunNanoUsd: 25 },
      { clampable: true },
      yes(25, true, [], 20),
    ],
    [
      'a window that only fits once tokens are lowered',
      { maxTokensPerRun: 30, spentNanoUsd: 70 },
      { clampable: true },
      yes(30, true, [], 20),
    ],
  ])('limits one run: admits %s', (_, limits, asked, answer) => {
    expect(judge([standing(limits)], ask({ inputNanoUsd: 10, worstUsage, ...asked }))).toEqual(answer);
  });

  it.each<[string, Partial<Standing>, Partial<Ask>, object]>([
    [
      'cost above what one run may cost',
      { maxCostPerRunNanoUsd: 59, spentNanoUsd: 5, resetsAtMs: 0 },
      {},
      { limit: 'max_cost_per_run', limitNanoUsd: 59, spentNanoUsd: 0, askedNanoUsd: 60, resetsAt: null },
    ],
    [
      'cost, when not even the input fits',
      { maxCostPerRunNanoUsd: 10 },
      { clampable: true },
      { limit: 'max_cost_per_run' },
    ],
    [
      'tokens above what one run may take',
      { limitNanoUsd: null, maxTokensPerRun: 59 },
      {},
      { limit: 'max_tokens_per_run', limitTokens: 59, askedTokens: 60, limitNanoUsd: null },
    ],
    [
      'tokens, when the input alone takes them',
      { maxTokensPerRun: 10 },
      { clampable: true },
      { limit: 'max_tokens_per_run' },
    ],
    [
      'tokens, when not every answer gets one',
      { maxTokensPerRun: 12 },
      { clampable: true, leastOutputTokens: 3 },
      { limit: 'max_tokens_per_run' },
    ],
    [
      'tokens of a free call',
      { maxTokensPerRun: 59 },
      { ceilingNanoUsd: 0, inputNanoUsd: 0 },
      { limit: 'max_tokens_per_run' },
    ],
    [
      'by the window, where that leaves less',
      { maxCostPerRunNanoUsd: 50, spentNanoUsd: 60 },
      {},
      { limit: 'window', spentNanoUsd: 60 },
    ],
  ])('limits one run: refuses %s', (_, limits, asked, error) => {
    expect(judge([standing(limits)], ask({ worstUsage, ...asked }))).toMatchObject({
      ok: false,
      error: { reason: 'budget_exceeded', budgetId: 'bud_1', ...error },
    });
  });

  it('B04: never admits more than any blocking limit, and what it holds covers what may be written', () => {
    const amount = fc.option(fc.integer({ min: 0, max: 400 }), { nil: null });
    const limits = fc.record({
      policy: fc.constantFrom('block' as const, 'warn' as const),
      limitNanoUsd: amount,
      maxTokensPerRun: amount,
      maxCostPerRunNanoUsd: amount,
      spentNanoUsd: fc.integer({ min: 0, max: 300 }),
      heldNanoUsd: fc.integer({ min: 0, max: 300 }),
    });
    const calls = fc.record({
      input: fc.integer({ min: 0, max: 200 }),
      output: fc.integer({ min: 1, max: 200 }),
      choices: fc.integer({ min: 1, max: 3 }),
      picoUsd: fc.tuple(fc.integer({ min: 0, max: 2500 }), fc.integer({ min: 0, max: 2500 })),
      clampable: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(limits, { maxLength: 4 }), calls, (several, of) => {
        const ceiling = (output: number) =>
          Math.ceil((of.input * of.picoUsd[0] + output * of.picoUsd[1]) / 1000);
        const output = Math.max(of.output, of.choices);
        const standings = several.map(standing);
        const answer = judge(standings, {
          model: 'm',
          ceilingNanoUsd: ceiling(output),
          inputNanoUsd: Math.max(0, ceiling(of.choices) - 1),
          leastOutputTokens: of.choices,
          clampable: of.clampable,
          worstUsage: { ...NO_USAGE, inputTokens: of.input, outputTokens: output },
        });
        if (!answer.ok) return;
        const { heldNanoUsd: held, maxOutputTokens, clamped } = answer.value;
        const written = maxOutputTokens ?? output;
        expect(held).toBeLessThanOrEqual(ceiling(output));
        if (clamped) expect(of.clampable).toBe(true);
        if (!clamped) expect([held, written]).toEqual([ceiling(output), output]);
        expect(written).toBeGreaterThanOrEqual(of.choices);
        let leftNanoUsd = Number.POSITIVE_INFINITY;
        for (const one of standings.filter(({ policy }) => policy === 'block')) {
          leftNanoUsd = Math.min(
            leftNanoUsd,
            (one.limitNanoUsd ?? Infinity) - one.spentNanoUsd - one.heldNanoUsd,
            one.maxCostPerRunNanoUsd ?? Infinity,
          );
          expect(of.input + written).toBeLessThanOrEqual(one.maxTokensPerRun ?? Infinity);
        }
        if (held > 0) expect(held).toBeLessThanOrEqual(leftNanoUsd);
        // either the money of all that may be written is held, or all the tightest limit leaves is
        expect(held >= ceiling(written) || held === leftNanoUsd).toBe(true);
      }),
      { numRuns: 2000, seed: 4 },
    );
  });

  it('B14: refuses an unpriced model under any budget', () => {
    expect(judge([standing({ policy: 'warn' })], ask({ ceilingNanoUsd: null }))).toEqual({
      ok: false,
      error: { reason: 'model_unpriced', model: 'm' },
    });
  });
});
