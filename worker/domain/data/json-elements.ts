/**
 * The elements of an array somewhere in a JSON text that comes in pieces, each as the text it is: neither the text nor the array is ever whole
 * in memory. For JSON that was written by us: it is valid, and no object names a member twice.
 */

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

const isSpace = (code: number): boolean => code === 32 || code === 10 || code === 13 || code === 9;

/** `value`: one begins that is on the way; `members`: of an object on the way; `skipped`: a value beside it; `elements`: those of the array. */
type Place = 'value' | 'members' | 'skipped' | 'elements' | 'over';

export class JsonElements {
  readonly #path: readonly string[];
  #place: Place = 'value';
  /** names of the path that were found */
  #matched = 0;
  #found = false;
  /** inside the value that is skipped, or the element */
  #depth = 0;
  #inText = false;
  #escaped = false;
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
    let from = 0;
    for (let at = 0; at < text.length; at++) {
      const code = text.charCodeAt(at);
      switch (this.#place) {
        case 'over':
          return;
        case 'value':
          if (isSpace(code)) break;
          this.#valueBegins(code);
          from = at + 1;
          break;
        case 'members':
          if (this.#inText || code === QUOTE) {
            if (!this.#inText) from = at;
            if (this.#textGoesOn(code)) {
              this.#name = JSON.parse(this.#begun + text.slice(from, at + 1)) as string;
              this.#begun = '';
            }
          } else if (code === COLON) this.#memberBegins();
          else if (code === CLOSE_BRACE) this.#place = 'over';
          break;
        case 'skipped':
          if (this.#inText || code === QUOTE) this.#textGoesOn(code);
          else if (this.#depth === 0 && code === COMMA) this.#place = 'members';
          else if (this.#depth === 0 && code === CLOSE_BRACE) this.#place = 'over';
          else this.#nests(code);
          break;
        case 'elements':
          if (this.#inText || code === QUOTE) this.#textGoesOn(code);
          else if (this.#depth === 0 && (code === COMMA || code === CLOSE_BRACKET)) {
            const element = (this.#begun + text.slice(from, at)).trim();
            this.#begun = '';
            from = at + 1;
            if (code === CLOSE_BRACKET) this.#place = 'over';
            // an array without elements has none
            if (element !== '') yield element;
          } else this.#nests(code);
      }
    }
    if (this.#place === 'elements' || (this.#place === 'members' && this.#inText))
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

  /** True when it ends with this character. */
  #textGoesOn(code: number): boolean {
    if (!this.#inText) this.#inText = true;
    else if (this.#escaped) this.#escaped = false;
    else if (code === BACKSLASH) this.#escaped = true;
    else if (code === QUOTE) {
      this.#inText = false;
      return true;
    }
    return false;
  }

  #nests(code: number): void {
    if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#depth--;
  }
}
