import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonElements } from './json-elements.ts';

function elementsOf(
  text: string,
  path: string[],
  cuts: number[] = [],
): { found: boolean; values: unknown[] } {
  const reader = new JsonElements(path);
  const values: unknown[] = [];
  let from = 0;
  for (const to of [...cuts.map((cut) => cut % (text.length + 1)).sort((a, b) => a - b), text.length]) {
    for (const element of reader.push(text.slice(from, to))) values.push(JSON.parse(element));
    from = to;
  }
  return { found: reader.found, values };
}

const name = fc.constantFrom('rows', 'count', 'a', 'na"me', 'back\\slash', '{', ']');
const value = fc.letrec((tie) => ({
  any: fc.oneof(
    { depthSize: 'small' },
    fc.string(),
    fc.constantFrom('', '"', '\\', '\\"', '[,]', '{"rows":[1]}', 'ü', '😀'),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(null, true, false),
    fc.array(tie('any'), { maxLength: 4 }),
    fc.dictionary(name, tie('any'), { maxKeys: 4 }),
  ),
})).any;

describe('the elements of an array in a text that comes in pieces', () => {
  it('are those that the whole text has, wherever it is cut', () =>
    fc.assert(
      fc.property(
        value,
        fc.array(name, { maxLength: 3 }),
        fc.array(fc.nat(), { maxLength: 8 }),
        fc.constantFrom(undefined, 2),
        (whole, path, cuts, indent) => {
          let there: unknown = whole;
          for (const key of path)
            there =
              typeof there === 'object' &&
              there !== null &&
              !Array.isArray(there) &&
              Object.hasOwn(there, key)
                ? (there as Record<string, unknown>)[key]
                : undefined;
          const read = elementsOf(JSON.stringify(whole, null, indent), path, cuts);
          expect(read.found).toBe(Array.isArray(there));
          // -0 is 0 in JSON
          const expected = Array.isArray(there) ? (JSON.parse(JSON.stringify(there)) as unknown[]) : [];
          expect(read.values).toEqual(expected);
        },
      ),
      { seed: 27, numRuns: 3_000 },
    ));

  it('are found behind other members, however those look', () =>
    expect(
      elementsOf('{"rows1":[9],"x":{"rows":[8]},"rows":[1,"2",[3],{"rows":4}],"count":4}', ['rows']),
    ).toEqual({
      found: true,
      values: [1, '2', [3], { rows: 4 }],
    }));

  it('are none in an empty array, which is an array all the same', () =>
    expect(elementsOf('{"rows":[ ]}', ['rows'])).toEqual({ found: true, values: [] }));
});
