import { describe, expect, it } from 'vitest';
import { JsonArrayReader, JsonFault } from './json-array.ts';

function read(text: string, size = 3): unknown[] {
  const reader = new JsonArrayReader();
  const values: unknown[] = [];
  for (let at = 0; at < text.length; at += size)
    for (const { value } of reader.push(text.slice(at, at + size))) values.push(value);
  reader.end();
  return values;
}

describe('a JSON array', () => {
  it.each<[string, unknown[]]>([
    ['[]', []],
    ['\uFEFF [ {"a":1} , {"b":"x,]}\\"y"} ]\n', [{ a: 1 }, { b: 'x,]}"y' }]],
    ['[{"a":{"b":[1,2]}},3]', [{ a: { b: [1, 2] } }, 3]],
  ])('%s is read element by element', (text, values) => {
    for (const size of [1, 4, 1000]) expect(read(text, size)).toEqual(values);
  });

  it.each([
    ['{"a":1}', 1],
    ['[{"a":1}', 1],
    ['[{"a":1},]', 1],
    ['[\n{"a":1},\n{"a":}]', 3],
    ['[] x', 1],
  ])('%s is refused with its line', (text, line) => {
    expect(() => read(text)).toThrow(JsonFault);
    try {
      read(text);
    } catch (error) {
      expect((error as JsonFault).line).toBe(line);
    }
  });
});
