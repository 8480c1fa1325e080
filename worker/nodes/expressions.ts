/** The two little languages, bounded: JSONata for expressions, Liquid for templates. Pure: no files, no clock to the outside, no prototypes. */
import jsonata from 'jsonata';
import { Context, Liquid, Output } from 'liquidjs';
import type { ExpressionFault, Expressions } from '../domain/workflow/expression.ts';
import { err, ok } from '../domain/result.ts';
import { MAX_TEXT_CHARS, registerBounded } from './bounded/functions.ts';
import { BoundedRegExp, faultOfPattern } from './bounded/pattern.ts';
import { isLargerThan } from './bounded/size.ts';

/** Bounds of one evaluation. */
const MAX_SOURCE_CHARS = 20_000;
const MAX_OUTPUT_CHARS = 1_000_000;
const TIMEOUT_MS = 1_000;
/** The clock of the Workers runtime stands still while code runs: what counts is how much is done. */
const MAX_STEPS = 2_000_000;
const MAX_DEPTH = 200;
const MAX_SEQUENCE = 250_000;
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

/** A path into what is there. It builds nothing, so it is as large as what it names, which was bounded when it was made: a hundred thousand rows pass. */
const REFERENCE = /^\s*[A-Za-z_]\w*(?:\.\w+)*\s*$/;

type Template = { parts: ReturnType<Liquid['parse']>; single: string | null };

/** Where the evaluation of an expression is, for faults that do not know it themselves. */
interface Compiled {
  expression: ReturnType<typeof jsonata>;
  at: number | undefined;
}

const expressions = remembered((source: string): Compiled => {
  if (source.length > MAX_SOURCE_CHARS) throw { message: `is longer than ${MAX_SOURCE_CHARS} characters` };
  const expression = jsonata(source, {
    timeout: TIMEOUT_MS,
    stack: MAX_DEPTH,
    sequence: MAX_SEQUENCE,
    RegexEngine: BoundedRegExp as unknown as RegExpConstructor,
  });
  refuseSlowPatterns(expression.ast());
  registerBounded(expression);
  const compiled: Compiled = { expression, at: undefined };
  type Step = { position?: number };
  type Frame = { base: { steps?: number } };
  expression.assign(
    Symbol.for('jsonata.__evaluate_entry') as unknown as string,
    ({ position }: Step, _: unknown, frame: Frame) => {
      compiled.at = position ?? compiled.at;
      const steps = (frame.base.steps ?? 0) + 1;
      frame.base.steps = steps;
      if (steps > MAX_STEPS)
        throw { message: `takes more than ${MAX_STEPS} steps. Check for an endless loop`, position };
    },
  );
  expression.assign(
    Symbol.for('jsonata.__evaluate_exit') as unknown as string,
    ({ position }: Step, _: unknown, __: unknown, result: unknown) => {
      if (typeof result === 'string' && result.length > MAX_TEXT_CHARS)
        throw { message: `makes a text of more than ${MAX_TEXT_CHARS} characters`, position };
    },
  );
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

/** Patterns are refused when they are written, with the place they stand at. */
function refuseSlowPatterns(ast: unknown): void {
  const visit = (node: unknown): void => {
    if (node === null || typeof node !== 'object' || node instanceof RegExp) return;
    const { value, position } = node as { value?: unknown; position?: number };
    const fault = value instanceof RegExp ? faultOfPattern(value.source) : null;
    if (fault) throw { message: `the pattern ${fault}`, position };
    for (const inner of Object.values(node)) visit(inner);
  };
  visit(ast);
}

/** What Liquid says of its own bounds, in words for the author of a template. */
const LIMITS: readonly [RegExp, string][] = [
  [
    /^memory alloc limit exceeded/,
    `builds more than ${10 * MAX_OUTPUT_CHARS} characters or items on its way`,
  ],
  [/^template render limit exceeded/, `takes longer than ${TIMEOUT_MS} ms. Check for an endless loop`],
];

function faultOf(error: unknown): ExpressionFault {
  const { message, position, token } = error as {
    message?: string;
    position?: number;
    token?: { begin?: number };
  };
  const where =
    typeof position === 'number' ? position : typeof token === 'object' ? token?.begin : undefined;
  const said = (message ?? String(error)).replace(/, (line:\d+, )?col:\d+$/, '').slice(0, 500);
  const text = LIMITS.find(([limit]) => limit.test(said))?.[1] ?? said;
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
function plain(value: unknown, source: string) {
  if (value === null || value === undefined || typeof value === 'function') return ok(null);
  if (typeof value !== 'object' && typeof value !== 'string')
    return ok(typeof value === 'number' && !Number.isFinite(value) ? null : value);
  if (!REFERENCE.test(source) && isLargerThan(value, 10 * MAX_OUTPUT_CHARS))
    return err({ message: `gives more than ${10 * MAX_OUTPUT_CHARS} characters` });
  const text = JSON.stringify(value);
  return ok(typeof value === 'string' ? value : (JSON.parse(text) as unknown));
}

/** One rendering: steps are counted where the library looks at the clock. */
function boundedContext(scope: Record<string, unknown>): Context {
  const context = new Context(scope, liquid.options);
  let steps = 0;
  const { renderLimit } = context;
  const check = renderLimit.check.bind(renderLimit);
  renderLimit.check = (atMs) => {
    if (++steps > MAX_STEPS) throw new Error(`takes more than ${MAX_STEPS} steps. Check for an endless loop`);
    check(atMs);
  };
  return context;
}

export const evaluators: Expressions = {
  checkExpression: (source) => check(expressions, source),
  checkTemplate: (source) => check(templates, source),
  async evaluate(source, scope) {
    let compiled: Compiled | undefined;
    try {
      compiled = expressions(source);
      return plain(await compiled.expression.evaluate(scope), source);
    } catch (error) {
      const fault = faultOf(error);
      return err(
        fault.position === undefined && compiled?.at !== undefined
          ? { ...fault, position: compiled.at }
          : fault,
      );
    }
  },
  async render(source, scope) {
    try {
      const { parts, single } = templates(source);
      if (single !== null) return plain(await liquid.evalValue(single, boundedContext(scope)), single);
      const text = String(await liquid.render(parts, boundedContext(scope)));
      if (text.length > MAX_OUTPUT_CHARS)
        return err({ message: `gives more than ${MAX_OUTPUT_CHARS} characters` });
      return ok(text);
    } catch (error) {
      return err(faultOf(error));
    }
  },
};
