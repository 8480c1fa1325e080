/** Where in a JSON value a reader is that goes through it character by character: in a text or not, and how many brackets deep. For valid JSON. */

const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

export class JsonNesting {
  #depth = 0;
  #inText = false;
  #escaped = false;

  /** Outside of all brackets and texts: here a comma or a closing bracket ends the value. */
  get isOutside(): boolean {
    return this.#depth === 0 && !this.#inText;
  }
  get isInText(): boolean {
    return this.#inText;
  }
  /** Past a character of the value. */
  step(code: number): void {
    if (this.#inText) {
      if (this.#escaped) this.#escaped = false;
      else if (code === BACKSLASH) this.#escaped = true;
      else if (code === QUOTE) this.#inText = false;
    } else if (code === QUOTE) this.#inText = true;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) this.#depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) this.#depth--;
  }
}
