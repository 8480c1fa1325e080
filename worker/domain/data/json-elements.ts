/**
 * The elements of an array somewhere in a JSON text that comes in pieces, each as the text it is: neither the text nor the array is ever whole
 * in memory. For JSON that was written by us: it is valid, and no object names a member twice.
 */
import { JsonNesting } from './json-nesting.ts';

const COMMA = 44;
const COLON = 58;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const QUOTE = 34;

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

/** `value`: one begins that is on the way; `members`: of an object on the way; `skipped`: a value beside it; `elements`: those of the array. */
type Place = 'value' | 'members' | 'skipped' | 'elements' | 'over';

export class JsonElements {
  readonly #path: readonly string[];
  #place: Place = 'value';
  /** names of the path that were found */
  #matched = 0;
  #found = false;
  /** in the name, the value that is skipped, or the element */
  readonly #nesting = new JsonNesting();
  /** what came in earlier pieces of the name, or the element, that goes on */
  #begun = '';
  #name: string | null = null;

  /** `path`: names from the outermost object to the array; [] = the text is the array. */
  constructor(path: readonly string[]) {
    this.#path = path;
  }

  /** Was an array there? Known when all has come. */
  get found(): boolean {
    return this.#found;
  }

  *push(text: string): Generator<string> {
    const nesting = this.#nesting;
    let from = 0;
    for (let at = 0; at < text.length && this.#place !== 'over'; at++) {
      const code = text.charCodeAt(at);
      const isOutside = nesting.isOutside;
      if (this.#place === 'value') {
        if (isSpace(code)) continue;
        this.#valueBegins(code);
        from = at + 1;
      } else if (this.#place === 'members') {
        if (isOutside && code === QUOTE) from = at;
        if (isOutside && code === COLON) this.#memberBegins();
        else if (isOutside && code === CLOSE_BRACE) this.#place = 'over';
        else {
          nesting.step(code);
          if (isOutside || nesting.isInText) continue;
          this.#name = JSON.parse(this.#begun + text.slice(from, at + 1)) as string;
          this.#begun = '';
        }
      } else if (this.#place === 'skipped') {
        if (isOutside && code === COMMA) this.#place = 'members';
        else if (isOutside && code === CLOSE_BRACE) this.#place = 'over';
        else nesting.step(code);
      } else if (isOutside && (code === COMMA || code === CLOSE_BRACKET)) {
        const element = (this.#begun + text.slice(from, at)).trim();
        this.#begun = '';
        from = at + 1;
        if (code === CLOSE_BRACKET) this.#place = 'over';
        // an array without elements has none
        if (element !== '') yield element;
      } else nesting.step(code);
    }
    if (this.#place === 'elements' || (this.#place === 'members' && nesting.isInText))
      this.#begun += text.slice(from);
  }

  #valueBegins(code: number): void {
    const isThere = this.#matched === this.#path.length;
    this.#found = isThere && code === OPEN_BRACKET;
    if (this.#found) this.#place = 'elements';
    else this.#place = !isThere && code === OPEN_BRACE ? 'members' : 'over';
  }

  #memberBegins(): void {
    const isOnTheWay = this.#name === this.#path[this.#matched];
    if (isOnTheWay) this.#matched++;
    this.#place = isOnTheWay ? 'value' : 'skipped';
    this.#name = null;
  }
}
