/**
 * Texts that must not leave the house. A pattern is plain text in which `*` stands for any characters of the same line; upper and lower
 * case are one. No regular expressions: what people write down must never be able to stall a call, and this looks at every line once.
 */

export interface BlockedPattern {
  /** how refusals and pages call it: the pattern itself and what it met are never told */
  name: string;
  pattern: string;
}

export interface BlockedText {
  name: string;
  /** where in the body, as "messages[2].content" */
  field: string;
}

/** The first text in the body, at any depth, that a pattern meets; null when none does. `model` is no text. */
export function blockedText(
  body: Readonly<Record<string, unknown>>,
  patterns: readonly BlockedPattern[],
): BlockedText | null {
  if (patterns.length === 0) return null;
  const needles = patterns.map(({ name, pattern }) => ({
    name,
    parts: pattern
      .toLowerCase()
      .split('*')
      .filter((part) => part !== ''),
  }));
  for (const [path, text] of textsOf(body)) {
    const lower = text.toLowerCase();
    const met = needles.find(({ parts }) => parts.length > 0 && hasInOneLine(lower, parts));
    if (met) return { name: met.name, field: path.slice(0, MAX_FIELD_CHARS) };
  }
  return null;
}

const MAX_FIELD_CHARS = 120;

/** Every string of the body with its path. What is nested is kept on a list, not on the stack: depth is the caller's choice. */
function* textsOf(body: Readonly<Record<string, unknown>>): Generator<[path: string, text: string]> {
  const waiting: [string, unknown][] = membersOf('', body).filter(([path]) => path !== 'model');
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const [path, value] = next;
    if (typeof value === 'string') yield [path, value];
    else if (typeof value === 'object' && value !== null)
      for (const one of membersOf(path, value)) waiting.push(one);
  }
}

/** Last first, so that what is popped comes in the order of the body. */
function membersOf(path: string, value: object): [string, unknown][] {
  const members: [string, unknown][] = Array.isArray(value)
    ? value.map((item, i) => [`${path}[${i}]`, item])
    : Object.entries(value).map(([key, item]) => [path === '' ? key : `${path}.${key}`, item]);
  return members.reverse();
}

function hasInOneLine(text: string, [first, ...rest]: readonly string[]): boolean {
  let from = 0;
  for (;;) {
    const start = text.indexOf(first!, from);
    if (start === -1) return false;
    if (rest.length === 0) return true;
    const newline = text.indexOf('\n', start + first!.length);
    const line = text.slice(start + first!.length, newline === -1 ? text.length : newline);
    let at = 0;
    const all = rest.every((part) => {
      const found = line.indexOf(part, at);
      at = found + part.length;
      return found !== -1;
    });
    if (all) return true;
    // The leftmost start of a line leaves the most behind it: where it fails, later ones in this line fail too.
    if (newline === -1) return false;
    from = newline + 1;
  }
}
