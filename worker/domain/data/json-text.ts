/**
 * The caller's own JSON text, changed only where it must be: numbers keep their digits, keys their order, strings their escapes, which
 * JSON.parse and JSON.stringify would not. Nothing here recurses deeper than the members that change, so nesting cannot exhaust the stack.
 */

type Json = Record<string, unknown>;

/** A JSON object as it was sent, and what it says: `value` is JSON.parse(text). */
export interface JsonText {
  text: string;
  value: Json;
}

const QUOTE = 34;
const COMMA = 44;
const COLON = 58;
const BACKSLASH = 92;
const OPEN_BRACKET = 91;
const CLOSE_BRACKET = 93;
const OPEN_BRACE = 123;
const CLOSE_BRACE = 125;

/** How deep valid JSON is nested, and how many members its objects name; repeated names count each time. */
export function outlineOf(text: string): { depth: number; members: number } {
  let depth = 0;
  let deepest = 0;
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) deepest = Math.max(deepest, ++depth);
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) depth--;
    else if (code === COLON) members++;
  }
  return { depth: deepest, members };
}

/** Members in all objects of a parsed value: less than its text names when names are repeated. */
function membersIn(value: Json): number {
  let members = 0;
  const waiting: unknown[] = [value];
  while (waiting.length > 0) {
    const next = waiting.pop();
    if (typeof next !== 'object' || next === null) continue;
    const inside = Object.values(next);
    if (!Array.isArray(next)) members += inside.length;
    for (const item of inside) if (typeof item === 'object' && item !== null) waiting.push(item);
  }
  return members;
}

/**
 * `after` as text, out of the text of `before`: whatever is the same value in both stays as it was written. A name that is repeated in
 * one object may mean another value to whoever reads the text than it meant to us, so such a text is written anew.
 */
export function textOf(after: Json, before?: JsonText): string {
  if (!before || outlineOf(before.text).members !== membersIn(before.value)) return JSON.stringify(after);
  return objectAt(before.text, before.text.indexOf('{'), before.value, after);
}

/** The object that begins at `start`, with the changes from `before` to `after`. */
function objectAt(text: string, start: number, before: Json, after: Json): string {
  let out = text.slice(start, afterSpace(text, start + 1));
  let at = start + out.length;
  let previousEnd = at;
  let any = false;
  while (text.charCodeAt(at) !== CLOSE_BRACE) {
    const nameEnd = endOfString(text, at);
    const name = JSON.parse(text.slice(at, nameEnd)) as string;
    const valueStart = afterSpace(text, afterSpace(text, nameEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    const value = valueAt(text, [valueStart, valueEnd], before[name], own(after, name));
    if (value !== undefined) {
      // Between two members stands one comma, with the white space that its writer likes.
      out += (any ? text.slice(previousEnd, at) || ',' : '') + text.slice(at, valueStart) + value;
      any = true;
    }
    previousEnd = valueEnd;
    at = afterSpace(text, valueEnd);
    if (text.charCodeAt(at) === COMMA) at = afterSpace(text, at + 1);
  }
  for (const [name, value] of Object.entries(after)) {
    if (Object.hasOwn(before, name) || value === undefined) continue;
    out += `${any ? ',' : ''}${JSON.stringify(name)}:${JSON.stringify(value)}`;
    any = true;
  }
  return out + text.slice(previousEnd, at + 1);
}

/** One member's value as text; undefined when it is to be left out. */
function valueAt(
  text: string,
  [start, end]: [start: number, end: number],
  was: unknown,
  is: unknown,
): string | undefined {
  if (is === was) return text.slice(start, end);
  if (isObject(was) && isObject(is)) return objectAt(text, start, was, is);
  return JSON.stringify(is);
}

const own = (value: Json, name: string): unknown => (Object.hasOwn(value, name) ? value[name] : undefined);
const isObject = (value: unknown): value is Json =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Index behind the closing quote of the string that begins at `at`. */
function endOfString(text: string, at: number): number {
  for (let quote = text.indexOf('"', at + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
  return text.length;
}

function afterSpace(text: string, at: number): number {
  let i = at;
  for (let code = text.charCodeAt(i); code <= 32; code = text.charCodeAt(i)) i++;
  return i;
}

/** Index behind the value that begins at `at`: a string, a thing in brackets, or a word up to what may follow one. */
function endOfValue(text: string, at: number): number {
  const opening = text.charCodeAt(at);
  if (opening === QUOTE) return endOfString(text, at);
  let depth = 0;
  for (let i = at; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === QUOTE) i = endOfString(text, i) - 1;
    else if (code === OPEN_BRACE || code === OPEN_BRACKET) depth++;
    else if (code === CLOSE_BRACE || code === CLOSE_BRACKET) {
      if (depth === 0) return i;
      if (--depth === 0) return i + 1;
    } else if (depth === 0 && (code === COMMA || code <= 32)) return i;
  }
  return text.length;
}
