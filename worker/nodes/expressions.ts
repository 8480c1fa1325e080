/** The two little languages, bounded: JSONata for expressions, Liquid for templates. Pure: no files, no clock to the outside, no prototypes. */
import jsonata from 'jsonata';
import { Liquid, Output } from 'liquidjs';
import type { ExpressionFault, Expressions } from '../domain/workflow/expression.ts';
import { err, ok } from '../domain/result.ts';

/** Bounds of one evaluation. */
const MAX_SOURCE_CHARS = 20_000;
const MAX_OUTPUT_CHARS = 1_000_000;
const TIMEOUT_MS = 1_000;
const MAX_DEPTH = 200;
const MAX_SEQUENCE = 1_000_000;
const KEPT = 500;

const liquid = new Liquid({
  templates: {},
  strictVariables: true,
  strictFilters: true,
  ownPropertyOnly: true,
  lenientIf: true,
  parseLimit: MAX_SOURCE_CHARS,
  renderLimit: TIMEOUT_MS,
  memoryLimit: 10 * MAX_OUTPUT_CHARS,
  outputEscape: asText,
});

/** How a value stands in the middle of a text: objects as JSON, nothing as nothing. */
function asText(value: unknown): string {
  if (value === null || value === undefined) return '';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

type Template = { parts: ReturnType<Liquid['parse']>; single: string | null };

const expressions = remembered((source: string) => {
  if (source.length > MAX_SOURCE_CHARS) throw { message: `is longer than ${MAX_SOURCE_CHARS} characters` };
  const compiled = jsonata(source, { timeout: TIMEOUT_MS, stack: MAX_DEPTH, sequence: MAX_SEQUENCE });
  refuseSlowPatterns(compiled.ast());
  return compiled;
});

const templates = remembered((source: string): Template => {
  if (source.length > MAX_SOURCE_CHARS) throw { message: `is longer than ${MAX_SOURCE_CHARS} characters` };
  const trimmed = source.trim();
  const parts = liquid.parse(source);
  const whole = /^\{\{-?([\s\S]*?)-?\}\}$/.exec(trimmed);
  const single = whole && liquid.parse(trimmed).length === 1 && liquid.parse(trimmed)[0] instanceof Output;
  return { parts, single: single ? whole[1]! : null };
});

/** Compiles once and keeps the newest; a source that does not compile is a fault each time. */
function remembered<T>(compile: (source: string) => T) {
  const kept = new Map<string, T>();
  return (source: string): T => {
    let compiled = kept.get(source);
    if (compiled === undefined) {
      compiled = compile(source);
      if (kept.size >= KEPT) kept.delete(kept.keys().next().value!);
      kept.set(source, compiled);
    }
    return compiled;
  };
}

/** A repeated group that itself repeats, like (a+)+, can take for ever on a short text. */
function refuseSlowPatterns(ast: unknown): void {
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object') return;
    if (node instanceof RegExp) {
      if (/\([^()]*[+*}][^()]*\)\s*[+*{]/.test(node.source))
        throw { message: `the pattern /${node.source}/ repeats a repetition and could take for ever` };
      return;
    }
    for (const value of Object.values(node)) visit(value);
  };
  visit(ast);
}

function faultOf(error: unknown): ExpressionFault {
  const { message, position, token } = error as {
    message?: string;
    position?: number;
    token?: { begin?: number };
  };
  const where =
    typeof position === 'number' ? position : typeof token === 'object' ? token?.begin : undefined;
  const text = (message ?? String(error)).replace(/, (line:\d+, )?col:\d+$/, '').slice(0, 500);
  return where === undefined ? { message: text } : { message: text, position: where };
}

function check(compile: (source: string) => unknown, source: string): ExpressionFault | null {
  try {
    compile(source);
    return null;
  } catch (error) {
    return faultOf(error);
  }
}

/** JSONata marks its own arrays and may share parts of the input: what leaves is plain JSON, and not endless. */
function plain(value: unknown) {
  if (value === null || value === undefined || typeof value === 'function') return ok(null);
  if (typeof value !== 'object' && typeof value !== 'string')
    return ok(typeof value === 'number' && !Number.isFinite(value) ? null : value);
  const text = JSON.stringify(value);
  if (text.length > 10 * MAX_OUTPUT_CHARS)
    return err({ message: `gives more than ${10 * MAX_OUTPUT_CHARS} characters` });
  return ok(typeof value === 'string' ? value : (JSON.parse(text) as unknown));
}

export const evaluators: Expressions = {
  checkExpression: (source) => check(expressions, source),
  checkTemplate: (source) => check(templates, source),
  async evaluate(source, scope) {
    try {
      return plain(await expressions(source).evaluate(scope));
    } catch (error) {
      return err(faultOf(error));
    }
  },
  async render(source, scope) {
    try {
      const { parts, single } = templates(source);
      if (single !== null) return plain(await liquid.evalValue(single, scope));
      const text = String(await liquid.render(parts, scope));
      if (text.length > MAX_OUTPUT_CHARS)
        return err({ message: `gives more than ${MAX_OUTPUT_CHARS} characters` });
      return ok(text);
    } catch (error) {
      return err(faultOf(error));
    }
  },
};
