/** Columns of a table: their names, the type all their cells agree on, and cells as values of that type. */

export type ColumnType = 'string' | 'number' | 'boolean' | 'date';
export interface Column {
  name: string;
  type: ColumnType;
}

/** No leading zeros and not beyond what a number holds: postcodes, phone numbers and long ids stay texts. */
const NUMBER = /^-?(0|[1-9]\d{0,14})(\.\d{1,15})?$/;
const BOOLEAN = /^(true|false)$/i;
const DATE =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?)?$/;

/** Looks at every cell of a column; empty ones say nothing. */
export class TypeGuess {
  #may: Set<ColumnType> = new Set(['number', 'boolean', 'date']);
  #seen = false;

  see(cell: string): void {
    if (cell === '' || this.#may.size === 0) return;
    this.#seen = true;
    if (!NUMBER.test(cell)) this.#may.delete('number');
    if (!BOOLEAN.test(cell)) this.#may.delete('boolean');
    if (!DATE.test(cell)) this.#may.delete('date');
  }

  get type(): ColumnType {
    return this.#seen ? ([...this.#may][0] ?? 'string') : 'string';
  }
}

/** A cell as a value: an empty one is null; a date stays its ISO text. */
export function cellValue(cell: string, type: ColumnType): unknown {
  if (cell === '') return null;
  if (type === 'number') return Number(cell);
  if (type === 'boolean') return cell.toLowerCase() === 'true';
  return cell;
}

/** Names from a header row: trimmed; null with the reason when one is empty or stands twice. */
export function headerNames(
  cells: readonly string[],
): { names: string[] } | { column: number; message: string } {
  const names = cells.map((cell) => cell.trim());
  for (const [index, name] of names.entries()) {
    if (name === '') return { column: index + 1, message: 'the column has no name' };
    const first = names.indexOf(name);
    if (first !== index)
      return { column: index + 1, message: `"${name}" is already the name of column ${first + 1}` };
  }
  return { names };
}
