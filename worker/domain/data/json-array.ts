/** A JSON array read as it comes, element by element, so that a large file is never whole in memory. */
import { MAX_CELL_CHARS } from './csv.ts';

export class JsonFault extends Error {
  constructor(
    readonly line: number,
    message: string,
  ) {
    super(`line ${line}: ${message}`);
  }
}

/** Push text, take elements; `end` refuses an array that is not closed. Throws JsonFault. */
export class JsonArrayReader {
  #place: 'before' | 'element' | 'between' | 'after' = 'before';
  #depth = 0;
  #inText = false;
  #escaped = false;
  #element = '';
  #line = 1;
  #startLine = 1;
  #afterComma = false;

  *push(text: string): Generator<{ line: number; value: unknown }> {
    for (const char of text) {
      if (char === '\n') this.#line++;
      const space = char === ' ' || char === '\n' || char === '\r' || char === '\t' || char === '\uFEFF';
      if (this.#place === 'before') {
        if (space) continue;
        if (char !== '[') throw new JsonFault(this.#line, 'the file must be an array of objects');
        this.#place = 'element';
        continue;
      }
      if (this.#place === 'after') {
        if (!space) throw new JsonFault(this.#line, 'there is something after the end of the array');
        continue;
      }
      if (this.#element === '') {
        if (space) continue;
        if (char === ']' && !this.#afterComma) {
          this.#place = 'after';
          continue;
        }
        this.#startLine = this.#line;
      }
      if (!this.#inText && this.#depth === 0 && (char === ',' || char === ']')) {
        yield this.#take();
        this.#afterComma = char === ',';
        if (char === ']') this.#place = 'after';
        continue;
      }
      this.#element += char;
      if (this.#element.length > MAX_CELL_CHARS)
        throw new JsonFault(this.#startLine, `the object is longer than ${MAX_CELL_CHARS} characters`);
      if (this.#inText) {
        if (this.#escaped) this.#escaped = false;
        else if (char === '\\') this.#escaped = true;
        else if (char === '"') this.#inText = false;
      } else if (char === '"') this.#inText = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if (char === '}' || char === ']') this.#depth--;
    }
  }

  end(): void {
    if (this.#place !== 'after') throw new JsonFault(this.#line, 'the array is not closed');
  }

  #take(): { line: number; value: unknown } {
    const text = this.#element;
    this.#element = '';
    try {
      return { line: this.#startLine, value: JSON.parse(text) as unknown };
    } catch {
      throw new JsonFault(this.#startLine, 'this is not valid JSON');
    }
  }
}
