/** Patterns of expressions, bounded: what could take for ever on a short text is refused when it is written, and no text is long. */

/** JavaScript's engine tries every way: a pattern with a few repetitions takes the square of the text's length and more. */
export const MAX_MATCHED_CHARS = 20_000;
const MAX_REPETITIONS = 4;

/** Why a pattern could take for ever; null when it could not. */
export function faultOfPattern(source: string): string | null {
  const groups: { repeats: boolean; firsts: string[]; branches: number; ambiguous: boolean }[] = [];
  const open = () => groups.push({ repeats: false, firsts: [], branches: 1, ambiguous: false });
  open();
  let repetitions = 0;
  let atStart = true;
  for (let at = 0; at < source.length;) {
    const group = groups.at(-1)!;
    const rest = source.slice(at);
    if (/^\\[1-9k]/.test(rest)) return `/${source}/ refers back to a group, which could take for ever`;
    if (rest[0] === '(') {
      if (atStart) group.ambiguous = true;
      open();
      at += /^\((\?(:|=|!|<=|<!|<\w+>))?/.exec(rest)![0].length;
      atStart = true;
      continue;
    }
    if (rest[0] === '|') {
      group.branches++;
      atStart = true;
      at++;
      continue;
    }
    let inner: (typeof groups)[number] | null = null;
    let atom: string;
    if (rest[0] === ')') {
      inner = groups.length > 1 ? groups.pop()! : group;
      atom = ')';
    } else atom = /^(\[(\\[\s\S]|[^\]\\])*\]|\\[\s\S]|[\s\S])/.exec(rest)![0];
    at += atom.length;
    const quantifier = /^([*+?]|\{\d*,?\d*\})\??/.exec(source.slice(at))?.[0] ?? '';
    at += quantifier.length;
    const unbounded = /^[*+]|^\{\d*,\}/.test(quantifier);
    const many = unbounded || Number(/^\{(?:\d*,)?(\d+)\}/.exec(quantifier)?.[1] ?? 1) > 10;
    const outer = groups.at(-1)!;
    if (inner && many && inner.repeats) return `/${source}/ repeats a repetition, which could take for ever`;
    if (
      inner &&
      many &&
      inner.branches > 1 &&
      (inner.ambiguous || new Set(inner.firsts).size < inner.branches)
    )
      return `/${source}/ repeats a choice that can be made in several ways, which could take for ever`;
    if (many && ++repetitions > MAX_REPETITIONS)
      return `/${source}/ has more than ${MAX_REPETITIONS} repetitions`;
    if (many || inner?.repeats) outer.repeats = true;
    if (!inner && atStart) {
      // only a plain character, there once, says which branch it is
      if (/^[^\\[.^$]$/.test(atom) && quantifier === '') outer.firsts.push(atom);
      else outer.ambiguous = true;
    }
    atStart = false;
  }
  return null;
}

/** For JSONata's RegexEngine: a pattern that could take for ever is not made, a text that is too long is not searched. */
export class BoundedRegExp extends RegExp {
  constructor(pattern: RegExp | string, flags?: string) {
    super(pattern, flags);
    const fault = faultOfPattern(this.source);
    if (fault) throw { message: `the pattern ${fault}` };
  }
  override exec(text: string): RegExpExecArray | null {
    if (String(text).length > MAX_MATCHED_CHARS)
      throw { message: `a pattern is matched with texts of at most ${MAX_MATCHED_CHARS} characters` };
    return super.exec(text);
  }
}
