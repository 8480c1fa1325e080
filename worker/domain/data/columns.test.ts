import { describe, expect, it } from 'vitest';
import { cellValue, headerNames, TypeGuess } from './columns.ts';

const typeOf = (...cells: string[]) => {
  const guess = new TypeGuess();
  cells.forEach((cell) => guess.see(cell));
  return guess.type;
};

describe('the type of a column', () => {
  it.each([
    ['number', ['1', '-2.5', '0']],
    ['number', ['', '3', '']],
    ['string', ['01067', '10115']],
    ['string', ['12345678901234567']],
    ['string', ['1', 'x']],
    ['string', ['1.234,50']],
    ['boolean', ['true', 'FALSE']],
    ['date', ['2026-11-20', '2026-11-20T10:00:00Z']],
    ['string', ['2026-13-20']],
    ['string', ['', '']],
  ])('is %s for %j', (type, cells) => expect(typeOf(...cells)).toBe(type));
});

describe('a cell', () => {
  it.each([
    ['', 'number', null],
    ['2.5', 'number', 2.5],
    ['TRUE', 'boolean', true],
    ['2026-11-20', 'date', '2026-11-20'],
    ['', 'string', null],
  ] as const)('%j as %s is %j', (cell, type, value) => expect(cellValue(cell, type)).toBe(value));
});

describe('a header', () => {
  it('names its columns', () => expect(headerNames([' a ', 'b'])).toEqual({ names: ['a', 'b'] }));
  it.each([
    [['a', ''], 2],
    [['a', 'b', 'a'], 3],
  ])('%j is refused at column %i', (cells, column) => expect(headerNames(cells)).toMatchObject({ column }));
});
