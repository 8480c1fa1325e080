import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { blockedText } from './blocked-text.ts';
import {
  brokenRule,
  guardrailsSchema,
  NO_GUARDRAILS,
  type GuardedCall,
  type Guardrails,
} from './guardrails.ts';
import { blockedMessage } from './message.ts';

const call = (more: Partial<GuardedCall> = {}): GuardedCall => ({
  provider: 'openai',
  names: [{ asked: 'Fast', model: 'gpt-4o' }],
  body: { model: 'Fast', messages: [{ role: 'user', content: 'hello' }] },
  inputTokens: 10,
  ...more,
});
const broken = (rules: Partial<Guardrails>, more: Partial<GuardedCall> = {}) =>
  brokenRule([{ of: 'team', rules: { ...NO_GUARDRAILS, ...rules } }], call(more))?.rule ?? null;

describe('lists of models', () => {
  it.each(['gpt-4o', 'GPT-*', 'openai/*', '*4*', 'fast', 'openai/gpt-4o'])(
    '"%s" names the model',
    (pattern) => {
      expect(broken({ deniedModels: [pattern] })).toBe('denied_models');
      expect(broken({ allowedModels: [pattern] })).toBeNull();
    },
  );

  it.each(['gpt-4', 'gpt-4o-mini', 'anthropic/*', '*-4', 'openai', 'o*gpt*gpt'])(
    '"%s" does not',
    (pattern) => {
      expect(broken({ deniedModels: [pattern] })).toBeNull();
      expect(broken({ allowedModels: [pattern] })).toBe('allowed_models');
    },
  );

  it('an empty list of allowed models allows none, and what is denied is never allowed', () => {
    expect(broken({ allowedModels: [] })).toBe('allowed_models');
    expect(broken({ allowedModels: ['*'], deniedModels: ['gpt-4o'] })).toBe('denied_models');
  });

  it('hold for every model that may answer', () => {
    const names = [
      { asked: 'claude-small', model: 'claude-small' },
      { asked: 'claude-large', model: 'claude-large' },
    ];
    expect(broken({ deniedModels: ['*large'] }, { names })).toBe('denied_models');
    expect(broken({ allowedModels: ['*small'] }, { names })).toBe('allowed_models');
  });
});

describe('the most input', () => {
  it('is what a call may have, and not one token more', () => {
    expect(broken({ maxInputTokens: 10 })).toBeNull();
    expect(broken({ maxInputTokens: 9 })).toBe('max_input_tokens');
    expect(broken({ maxInputTokens: 9 }, { inputTokens: null })).toBeNull();
  });
});

describe('blocked texts', () => {
  const find = (pattern: string, body: object) =>
    blockedText({ model: 'Project Falcon', ...body }, [{ name: 'rule', pattern }]);

  it('are found at any depth, in the order of the body, and their place is told', () => {
    const messages = [
      { role: 'system', content: 'be kind' },
      { role: 'user', content: [{ type: 'text', text: 'About PROJECT falcon: ...' }] },
    ];
    expect(find('project falcon', { messages })).toEqual({
      name: 'rule',
      field: 'messages[1].content[0].text',
    });
    expect(find('project falcon', { messages: [] })).toBeNull();
  });

  it.each([
    ['internal * secret', 'an INTERNAL and very secret plan', true],
    ['internal * secret', 'internal\nsecret', false],
    ['internal*secret', 'internal x\nthe internal secret', true],
    ['a.c', 'abc', false],
    ['(((', 'smile (((', true],
    ['aaa*bbb*ccc', 'aaa ccc bbb', false],
  ])('%j in %j: %s', (pattern, text, met) => expect(find(pattern, { text }) !== null).toBe(met));

  it('mean what the same pattern means as a regular expression', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', ' ', '\n'), maxLength: 30 });
    const part = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 3 });
    fc.assert(
      fc.property(letters, fc.array(part, { minLength: 1, maxLength: 4 }), (text, parts) => {
        const expected = new RegExp(parts.join('[^\\n]*')).test(text);
        expect(find(parts.join('*'), { text }) !== null).toBe(expected);
      }),
      { seed: 11, numRuns: 2_000 },
    );
  });

  it('cannot stall a call: depth and length of a body do not matter', () => {
    let deep: object = { text: 'x' };
    for (let i = 0; i < 100_000; i++) deep = { in: deep };
    expect(find('zzz', deep)).toBeNull();
    expect(find(`${'a*'.repeat(50)}b`, { text: 'a'.repeat(2_000_000) })).toBeNull();
    expect(find('aab*zzz', { text: 'aab\n'.repeat(500_000) })).toBeNull();
  });

  it('are never told to whoever broke them', () => {
    const rules = { ...NO_GUARDRAILS, blockedPatterns: [{ name: 'names', pattern: 'falcon' }] };
    const refusal = brokenRule([{ of: 'team', rules }], call({ body: { input: 'the falcon flies' } }))!;
    expect(refusal).toEqual({
      reason: 'guardrail_blocked',
      of: 'team',
      rule: 'blocked_pattern',
      field: 'input',
      pattern: 'names',
    });
    expect(blockedMessage(refusal)).not.toContain('falcon');
  });

  it('are refused when they would meet nearly everything', () => {
    for (const pattern of ['a', '**', '*a*b*', 'two\nlines'])
      expect(
        guardrailsSchema.safeParse({ ...NO_GUARDRAILS, blockedPatterns: [{ name: 'x', pattern }] }).success,
      ).toBe(false);
  });
});
