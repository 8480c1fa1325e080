import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { CsvFault, CsvReader, MAX_CELL_CHARS } from './csv.ts';

/** Reads a text cut into pieces of this size. */
function read(text: string, size = text.length || 1): string[][] {
  const reader = new CsvReader();
  const rows: string[][] = [];
  for (let at = 0; at < text.length; at += size)
    for (const { cells } of reader.push(text.slice(at, at + size))) rows.push(cells);
  for (const { cells } of reader.end()) rows.push(cells);
  return rows;
}
const faultOf = (text: string): CsvFault => {
  try {
    read(text);
  } catch (error) {
    return error as CsvFault;
  }
  throw new Error('no fault');
};

describe('CSV', () => {
  it.each<[string, string, string[][]]>([
    [
      'plain cells',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'CRLF',
      'a,b\r\n1,2\r\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'lone CR',
      'a,b\r1,2\r',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'no line end at the end',
      'a,b\n1,2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['a BOM', '\uFEFFa\n1', [['a'], ['1']]],
    [
      'quotes and commas',
      'a,b\n"x, ""y""",2',
      [
        ['a', 'b'],
        ['x, "y"', '2'],
      ],
    ],
    [
      'line breaks in a cell',
      'a,b\n"one\r\ntwo\nthree",2',
      [
        ['a', 'b'],
        ['one\r\ntwo\nthree', '2'],
      ],
    ],
    [
      'empty cells',
      'a,b,c\n,,\n"",x,',
      [
        ['a', 'b', 'c'],
        ['', '', ''],
        ['', 'x', ''],
      ],
    ],
    [
      'semicolons',
      'a;b\n1,5;2',
      [
        ['a', 'b'],
        ['1,5', '2'],
      ],
    ],
    [
      'tabs',
      'a\tb\n1\t2',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'umlauts and emoji',
      'ä,ß\nMüller,🍏',
      [
        ['ä', 'ß'],
        ['Müller', '🍏'],
      ],
    ],
    [
      'blank lines',
      'a,b\n\n1,2\n\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['one column', 'a\n1\n2', [['a'], ['1'], ['2']]],
    ['nothing', '', []],
  ])('with %s is read, in whatever pieces it comes', (_, text, rows) => {
    for (const size of [1, 2, 3, 7, 1000]) expect(read(text, size)).toEqual(rows);
  });

  it('is what it was when it was written', () => {
    const cell = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ü', ';') });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(cell, cell), { minLength: 1 }),
        fc.integer({ min: 1, max: 9 }),
        (rows, size) => {
          const text = [['h1', 'h2'], ...rows]
            .map((row) => row.map((c) => `"${c.replaceAll('"', '""')}"`).join(','))
            .join('\r\n');
          expect(read(text, size)).toEqual([['h1', 'h2'], ...rows]);
        },
      ),
      { numRuns: 300, seed: 3 },
    );
  });

  it.each([
    ['a quote that is never closed', 'a,b\n1,2\n3,"open\nand on', 3, 2],
    ['text after a closing quote', 'a,b\n"x"y,2', 2, 1],
    ['a quote inside a cell', 'a,b\n1,x"y"', 2, 2],
    ['a cell that is too long', `a,b\n1,${'x'.repeat(MAX_CELL_CHARS + 1)}`, 2, 2],
  ])('with %s is refused at its place', (_, text, line, column) =>
    expect(faultOf(text)).toMatchObject({ line, column }),
  );
});
