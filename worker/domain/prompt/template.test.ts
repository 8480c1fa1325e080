import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { placeholdersOf, promptContentSchema, render } from './template.ts';

const content = (more: object) => promptContentSchema.parse({ model: 'm', ...more });
const textOf = (prompt: string, values: Record<string, unknown>, more: object = {}) => {
  const result = render(content({ prompt, ...more }), values);
  return result.ok
    ? result.value.at(-1)!.content
    : result.error.map(({ path, message }) => `${path} ${message}`);
};

describe('a prompt', () => {
  it('has its variables filled in, in every text', () => {
    const result = render(
      content({
        system: 'You are {{role}}.',
        messages: [{ role: 'assistant', content: '{{ role }}?' }],
        prompt: 'Hi {{name}}, {{name}}!',
      }),
      { role: 'a cook', name: 'Ada' },
    );
    expect(result).toEqual({
      ok: true,
      value: [
        { role: 'system', content: 'You are a cook.' },
        { role: 'assistant', content: 'a cook?' },
        { role: 'user', content: 'Hi Ada, Ada!' },
      ],
    });
  });

  it('never looks into a value again', () => {
    expect(textOf('{{a}} {{b}}', { a: '{{b}} $& $1', b: '{{a}}' })).toBe('{{b}} $& $1 {{a}}');
    const valueStays = fc.property(fc.string(), (value) => {
      expect(textOf('<{{a}}>', { a: value })).toBe(`<${value}>`);
    });
    fc.assert(valueStays, { seed: 7 });
  });

  it('names what is missing and what nobody knows', () => {
    expect(textOf('{{a}} {{b}}', { b: null, c: 1 })).toEqual([
      'variables.a is missing',
      'variables.b is missing',
      'variables.c is not a variable of this prompt',
    ]);
    expect(textOf('{{constructor}} {{toString}}', {})).toEqual([
      'variables.constructor is missing',
      'variables.toString is missing',
    ]);
  });

  it('takes defaults, leaves out what is optional, and checks types', () => {
    const variables = [
      { name: 'tone', default: 'kind' },
      { name: 'extra', required: false },
      { name: 'count', type: 'number' },
      { name: 'data', type: 'json' },
    ];
    expect(
      textOf('{{tone}}|{{extra}}|{{count}}|{{data}}', { count: 3, data: { a: [1] } }, { variables }),
    ).toBe('kind||3|{"a":[1]}');
    expect(textOf('{{count}}', { count: '3', data: 0 }, { variables })).toEqual([
      'variables.count must be a number',
    ]);
  });

  it('leaves other braces alone', () => {
    expect(textOf('{"a": {{}} {{ 1x }} {x} {{a b}}', {})).toBe('{"a": {{}} {{ 1x }} {x} {{a b}}');
    expect(placeholdersOf(content({ prompt: '{{a.b}} {{ c-d }} {{a.b}}' }))).toEqual(['a.b', 'c-d']);
  });

  it.each([
    [{ model: 'm' }, 'prompt'],
    [{ model: 'm', prompt: ' ', messages: [] }, 'prompt'],
    [{ prompt: 'x' }, 'model'],
    [{ model: 'm', prompt: 'x', variables: [{ name: 'a' }, { name: 'a' }] }, 'variables.1.name'],
    [{ model: 'm', prompt: 'x', variables: [{ name: '1 a' }] }, 'variables.0.name'],
    [{ model: 'm', prompt: 'x', colour: 1 }, ''],
    [{ model: 'm', messages: [{ role: 'robot', content: '' }] }, 'messages.0.role'],
  ])('is refused when it makes no sense: %j', (value, path) => {
    const parsed = promptContentSchema.safeParse(value);
    expect(parsed.success ? null : parsed.error.issues.map((issue) => issue.path.join('.'))).toContain(path);
  });
});
