/** JSONata's functions that can make much out of little, or take long over much, in forms that cannot. Signatures as in its own library. */
import type jsonata from 'jsonata';
import { isLargerThan } from './size.ts';

/** The longest text that a step of an expression may make. */
export const MAX_TEXT_CHARS = 2_000_000;
const TOO_LONG = { message: `makes a text of more than ${MAX_TEXT_CHARS} characters` };

const bounded = (chars: number): void => {
  if (chars > MAX_TEXT_CHARS) throw TOO_LONG;
};

export function registerBounded(expression: ReturnType<typeof jsonata>): void {
  expression.registerFunction(
    'pad',
    (text: string, width: number, filler = ' ') => {
      bounded(Math.abs(width));
      const missing = Math.abs(Math.trunc(width)) - [...text].length;
      if (missing <= 0) return text;
      const fill = [...(filler === '' ? ' ' : filler)];
      const padding = Array.from({ length: missing }, (_, at) => fill[at % fill.length]).join('');
      return width > 0 ? text + padding : padding + text;
    },
    '<s-ns?:s>',
  );
  expression.registerFunction(
    'join',
    (texts: string[], separator = '') => {
      bounded(texts.reduce((sum, text) => sum + text.length + separator.length, 0));
      return texts.join(separator);
    },
    '<a<s>s?:s>',
  );
  expression.registerFunction(
    'string',
    (value: unknown, prettify = false) => {
      if (typeof value === 'string' || value === undefined) return value;
      if (typeof value === 'function') return '';
      if (typeof value === 'number' && !Number.isFinite(value))
        throw { message: '$string of a number out of range' };
      if (isLargerThan(value, MAX_TEXT_CHARS)) throw TOO_LONG;
      const plain = (_: string, inner: unknown) =>
        typeof inner === 'number' ? Number(inner.toPrecision(15)) : typeof inner === 'function' ? '' : inner;
      return JSON.stringify(value, plain, prettify ? 2 : 0);
    },
    '<x-b?:s>',
  );
  // its own one compares each with each: a million items would take for ever
  expression.registerFunction(
    'distinct',
    (items: unknown) => {
      if (!Array.isArray(items)) return items;
      const seen = new Map<string, unknown>();
      for (const item of items) {
        const key = `${typeof item}${JSON.stringify(item)}`;
        if (!seen.has(key)) seen.set(key, item);
      }
      return [...seen.values()];
    },
    '<x:x>',
  );
  expression.registerFunction(
    'eval',
    () => {
      throw { message: '$eval is not available: write the expression itself' };
    },
    '<sx?:x>',
  );
}
