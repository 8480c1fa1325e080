/**
 * Some members of an object whose JSON comes in pieces; the others are gone past and never stand in memory. For JSON that was written by us: it
 * is valid, and no object names a member twice.
 */
import { JsonNesting } from './json-nesting.ts';

const COMMA = 44;
const COLON = 58;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;
const QUOTE = 34;

export class JsonMembers {
  readonly #names: ReadonlySet<string>;
  readonly #maxChars: number;
  #place: 'before' | 'name' | 'value' | 'over' = 'before';
  #isObject = false;
  readonly #nesting = new JsonNesting();
  #begun = '';
  #name = '';
  readonly #members: [string, string][] = [];
  #chars = 0;

  constructor(names: ReadonlySet<string>, { maxChars }: { maxChars: number }) {
    this.#names = names;
    this.#maxChars = maxChars;
  }

  /** Characters of the members that are wanted; when they are more than `maxChars`, no more is read. */
  get chars(): number {
    return this.#chars;
  }
  get isTooLarge(): boolean {
    return this.#chars > this.#maxChars;
  }

  push(text: string): void {
    const nesting = this.#nesting;
    let from = 0;
    for (let at = 0; at < text.length && this.#place !== 'over'; at++) {
      const code = text.charCodeAt(at);
      const isOutside = nesting.isOutside;
      if (this.#place === 'before') {
        if (code <= 32) continue;
        this.#place = code === OPEN_BRACE ? 'name' : 'over';
        this.#isObject = code === OPEN_BRACE;
      } else if (this.#place === 'name') {
        if (isOutside && code === QUOTE) from = at;
        if (isOutside && code === COLON) {
          this.#place = 'value';
          from = at + 1;
        } else if (isOutside && code === CLOSE_BRACE) this.#place = 'over';
        else {
          nesting.step(code);
          if (isOutside || nesting.isInText) continue;
          this.#name = JSON.parse(this.#begun + text.slice(from, at + 1)) as string;
          this.#begun = '';
        }
      } else if (isOutside && (code === COMMA || code === CLOSE_BRACE)) {
        this.#place = code === COMMA ? 'name' : 'over';
        if (!this.#names.has(this.#name)) continue;
        this.#take(text.slice(from, at));
        this.#members.push([this.#name, this.#begun]);
        this.#begun = '';
      } else nesting.step(code);
    }
    if (this.#place === 'value' && this.#names.has(this.#name)) this.#take(text.slice(from));
    else if (this.#place === 'name' && nesting.isInText) this.#begun += text.slice(from);
  }
  #take(text: string): void {
    this.#begun += text;
    this.#chars += text.length;
    if (this.isTooLarge) this.#place = 'over';
  }

  /** Once all has come; null when it is no object. */
  value(): Record<string, unknown> | null {
    if (!this.#isObject) return null;
    return Object.fromEntries(this.#members.map(([name, json]) => [name, JSON.parse(json) as unknown]));
  }
}
