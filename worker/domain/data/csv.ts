/** CSV read as it comes, chunk by chunk: quotes, doubled quotes, line breaks in cells, CRLF, a BOM; what is broken is named by line and column. */

/** A cell may hold this many characters. */
export const MAX_CELL_CHARS = 1_000_000;

export class CsvFault extends Error {
  constructor(
    readonly line: number,
    readonly column: number,
    message: string,
  ) {
    super(`line ${line}, column ${column}: ${message}`);
  }
}

const QUOTE = 34;
const CR = 13;
const LF = 10;

/** The delimiter of a first line: the most frequent of comma, semicolon and tab outside quotes; a comma when there is none. */
export function delimiterOf(firstLine: string): string {
  const bare = firstLine.replace(/"[^"]*"/g, '');
  const count = (mark: string) => bare.split(mark).length - 1;
  return [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
}

/** Push text, take rows; `end` gives the last one. Throws CsvFault. Lines and columns count from 1; a column is a field. */
export class CsvReader {
  #delimiter: number | null = null;
  #head = '';
  #row: string[] = [];
  #cell = '';
  /** 'start' of a cell, in a 'plain' or 'quoted' one, or 'after' a closing quote */
  #state: 'start' | 'plain' | 'quoted' | 'after' = 'start';
  #line = 1;
  /** where the row and the quoted cell began, for messages */
  #rowLine = 1;
  #quoteLine = 1;
  #wasCr = false;
  #first = true;

  /** The line on which the row taken last began. */
  get rowLine(): number {
    return this.#rowLine;
  }

  *push(text: string): Generator<{ line: number; cells: string[] }> {
    if (this.#first) {
      this.#first = false;
      if (text.startsWith('\uFEFF')) text = text.slice(1);
    }
    if (this.#delimiter === null) {
      this.#head += text;
      const end = this.#head.search(/[\r\n]/);
      if (end < 0 && this.#head.length < MAX_CELL_CHARS) return;
      this.#delimiter = delimiterOf(end < 0 ? this.#head : this.#head.slice(0, end)).charCodeAt(0);
      text = this.#head;
      this.#head = '';
    }
    yield* this.#read(text);
  }

  *end(): Generator<{ line: number; cells: string[] }> {
    if (this.#delimiter === null) {
      this.#delimiter = delimiterOf(this.#head).charCodeAt(0);
      yield* this.#read(this.#head);
    }
    if (this.#state === 'quoted')
      throw new CsvFault(this.#quoteLine, this.#row.length + 1, 'the quote that begins here is never closed');
    if (this.#row.length > 0 || this.#cell !== '' || this.#state === 'after') yield this.#endRow();
  }

  *#read(text: string): Generator<{ line: number; cells: string[] }> {
    let from = 0;
    const keep = (to: number) => {
      if (to > from) this.#cell += text.slice(from, to);
      if (this.#cell.length > MAX_CELL_CHARS)
        throw new CsvFault(
          this.#line,
          this.#row.length + 1,
          `the cell is longer than ${MAX_CELL_CHARS} characters`,
        );
    };
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      if (code === LF && this.#wasCr) {
        // the second half of CRLF: its row or line was ended by CR
        this.#wasCr = false;
        if (this.#state !== 'quoted') from = at + 1;
        continue;
      }
      this.#wasCr = code === CR;
      if (this.#state === 'quoted') {
        if (code === QUOTE) {
          keep(at);
          from = at + 1;
          this.#state = 'after';
        } else if (code === LF || code === CR) this.#line++;
        continue;
      }
      if (this.#state === 'after') {
        if (code === QUOTE) {
          this.#state = 'quoted';
          from = at;
          continue;
        }
        if (code !== this.#delimiter && code !== LF && code !== CR) {
          if (code === 32) continue;
          throw new CsvFault(this.#line, this.#row.length + 1, 'there is text after a closing quote');
        }
        from = at;
      }
      if (code === QUOTE) {
        if (this.#state === 'start') {
          this.#state = 'quoted';
          this.#quoteLine = this.#line;
          from = at + 1;
          continue;
        }
        throw new CsvFault(
          this.#line,
          this.#row.length + 1,
          'there is a quote inside a cell that does not begin with one',
        );
      }
      if (code === this.#delimiter) {
        keep(at);
        from = at + 1;
        this.#row.push(this.#cell);
        this.#cell = '';
        this.#state = 'start';
      } else if (code === LF || code === CR) {
        keep(at);
        from = at + 1;
        this.#line++;
        const blank = this.#row.length === 0 && this.#cell === '' && this.#state === 'start';
        if (blank) this.#rowLine = this.#line;
        else yield this.#endRow();
      } else if (this.#state === 'start') {
        this.#state = 'plain';
      }
    }
    if (this.#state !== 'after') keep(text.length);
  }

  #endRow() {
    const row = { line: this.#rowLine, cells: [...this.#row, this.#cell] };
    this.#row = [];
    this.#cell = '';
    this.#state = 'start';
    this.#rowLine = this.#line;
    return row;
  }
}
