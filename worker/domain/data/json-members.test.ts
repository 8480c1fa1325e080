import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonMembers } from './json-members.ts';

function membersOf(text: string, names: string[], cuts: number[] = [], maxChars = 1e6): JsonMembers {
  const reader = new JsonMembers(new Set(names), { maxChars });
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]) {
    reader.push(text.slice(from, to));
    from = to;
  }
  return reader;
}

const name: fc.Arbitrary<string> = fc.constantFrom('rows', 'count', 'na"me', 'back\\slash', '{', 'none');

describe('some members of an object that comes in pieces', () => {
  it('are those that the whole object has, wherever its text is cut', () =>
    fc.assert(
      fc.property(
        fc.oneof(fc.dictionary(name, fc.jsonValue()), fc.jsonValue()),
        fc.uniqueArray(name),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.constantFrom(undefined, 2),
        (given, names, cuts, indent) => {
          const text = JSON.stringify(given, null, indent);
          const whole = JSON.parse(text) as unknown;
          const isObject = typeof whole === 'object' && whole !== null && !Array.isArray(whole);
          const expected = isObject
            ? Object.fromEntries(Object.entries(whole).filter(([name]) => names.includes(name)))
            : null;
          expect(membersOf(text, names, cuts).value()).toEqual(expected);
        },
      ),
      { seed: 5, numRuns: 3_000 },
    ));

  it('are not read any further when they are too large', () => {
    const reader = membersOf(`{"a":1,"rows":"${'x'.repeat(500)}","b":2}`, ['rows'], [100, 200, 300], 150);
    expect(reader.isTooLarge).toBe(true);
    expect(reader.chars).toBeLessThan(300);
  });
});
