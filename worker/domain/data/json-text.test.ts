import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { outlineOf, textOf } from './json-text.ts';

const sent = (text: string) => ({ text, value: JSON.parse(text) as Record<string, unknown> });
/** `text` with some members changed, as a format changes a caller's body */
const changed = (text: string, change: Record<string, unknown>) => {
  const before = sent(text);
  return textOf({ ...before.value, ...change }, before);
};

describe("a caller's JSON text", () => {
  it('is sent on byte for byte when nothing changes', () => {
    for (const text of [
      '{}',
      ' { } ',
      '{"a":1}',
      '\n{ "a" : 1.0 ,\n\t"b":[ 1e2, -0.0 ], "c":{"d":9007199254740993}}\n',
      '{"model":"m","gr\\u00fc\\u00dfe":"\\ud83c\\udf88 \\/ \\\\","2":1,"1":2}',
    ])
      expect(changed(text, {})).toBe(text.trim());
  });

  it('keeps digits, order, escapes and spaces of everything that does not change', () => {
    expect(
      changed('{"seed": 9007199254740993, "model" : "openai/m",\n "top_p": 1.0, "x":"\\u00fc"}', {
        model: 'm',
      }),
    ).toBe('{"seed": 9007199254740993, "model" : "m",\n "top_p": 1.0, "x":"\\u00fc"}');
  });

  it('adds what is new at the end, and inside an object that has something new in it', () => {
    const before = sent('{"stream_options":{"id":12345678901234567890},"stream":true }');
    const options = before.value.stream_options as object;
    expect(
      textOf({ ...before.value, stream_options: { ...options, include_usage: true }, n: [1] }, before),
    ).toBe('{"stream_options":{"id":12345678901234567890,"include_usage":true},"stream":true,"n":[1] }');
    expect(changed('{}', { a: 1, b: 2 })).toBe('{"a":1,"b":2}');
  });

  it('leaves out what is gone, wherever it stood', () => {
    const without = (text: string, name: string) => {
      const before = sent(text);
      const { [name]: _, ...rest } = before.value;
      return textOf(rest, before);
    };
    expect(without('{ "a": 1, "b": 2.0, "c": 3 }', 'a')).toBe('{ "b": 2.0, "c": 3 }');
    expect(without('{ "a": 1, "b": 2.0, "c": 3 }', 'b')).toBe('{ "a": 1, "c": 3 }');
    expect(without('{ "a": 1, "b": 2.0, "c": 3 }', 'c')).toBe('{ "a": 1, "b": 2.0 }');
    expect(without('{ "a": 1 }', 'a')).toBe('{  }');
  });

  it('is written anew when a name is repeated: the provider must not read another value than was priced', () => {
    expect(changed('{"model":"cheap","n":1.0,"model":"dear"}', {})).toBe('{"model":"dear","n":1}');
    expect(changed('{"model":"m","max_tokens":9,"x":[{"a":1,"a":2}]}', {})).toBe(
      '{"model":"m","max_tokens":9,"x":[{"a":2}]}',
    );
    expect(changed('{"m\\u006fdel":"cheap","model":"dear"}', {})).toBe('{"model":"dear"}');
  });

  it('keeps a member called __proto__ a member', () => {
    const text = '{"__proto__":{"max_tokens":1},"constructor":{"prototype":2},"model":"a"}';
    expect(changed(text, { model: 'b' })).toBe(text.replace('"a"', '"b"'));
  });

  it('says what it should, whatever changes', () => {
    const member = fc.oneof(fc.jsonValue({ maxDepth: 3 }), fc.constant('a "quoted\\" {[,:]} text'));
    const object = fc.dictionary(fc.constantFrom('model', 'n', 'x"', '\\', 'ü', '__proto__', ''), member);
    const space = fc.constantFrom(undefined, 1, '\t');
    fc.assert(
      fc.property(object, object, space, fc.array(fc.string()), (value, other, indent, removed) => {
        const before = sent(JSON.stringify(value, null, indent));
        const after = { ...before.value, ...JSON.parse(JSON.stringify(other)) } as Record<string, unknown>;
        for (const name of removed) delete after[name];
        for (const name of Object.keys(after)) if (name.length % 3 === 2) delete after[name];
        const text = textOf(after, before);
        expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify(after)));
      }),
      { seed: 11, numRuns: 2_000 },
    );
  });

  it('is outlined by its depth and its members, brackets and colons in strings aside', () => {
    expect(outlineOf('{"a":[{"b:[{":1}],"c":"\\\\\\"}{"}')).toEqual({ depth: 3, members: 3 });
    expect(outlineOf('[]')).toEqual({ depth: 1, members: 0 });
    expect(outlineOf(`${'['.repeat(100_000)}${']'.repeat(100_000)}`).depth).toBe(100_000);
  });

  it('is read in one pass, also a run of backslashes or of quotes', () => {
    // quadratic would be minutes
    const hostile = JSON.stringify({ a: '\\'.repeat(400_000), b: '"'.repeat(400_000), model: 'a' });
    expect(changed(hostile, { model: 'b' })).toBe(hostile.replace('"model":"a"', '"model":"b"'));
  });
});
