/** What the engine needs of the two little languages: JSONata in fields called `expression`, Liquid in `{{ ... }}`. Evaluation itself is handed in. */
import type { Issue } from '../refusal.ts';
import type { Result } from '../result.ts';

/** Why a text is not an expression, or why it gave no value. `position` counts characters from 0. */
export interface ExpressionFault {
  message: string;
  position?: number;
}

/** Pure, bounded evaluation; worker/nodes/expressions.ts is the one implementation. */
export interface Expressions {
  checkExpression(source: string): ExpressionFault | null;
  checkTemplate(source: string): ExpressionFault | null;
  /** The value of a JSONata expression over `scope`; what matches nothing is null. */
  evaluate(source: string, scope: Record<string, unknown>): Promise<Result<unknown, ExpressionFault>>;
  /** The text of a template; a text that is one single `{{ ... }}` gives the value itself, with its type. */
  render(source: string, scope: Record<string, unknown>): Promise<Result<unknown, ExpressionFault>>;
}

export interface ExpressionFields {
  expressionFields: readonly string[];
  eitherFields?: readonly string[];
}

export const hasTemplate = (text: string): boolean => text.includes('{{') || text.includes('{%');

/** Faults of every expression and template in a node's config, as issues with the field's path. */
export function configFaults(
  config: Record<string, unknown>,
  { expressionFields, eitherFields = [] }: ExpressionFields,
  expressions: Expressions,
): Issue[] {
  const issues: Issue[] = [];
  const visit = (value: unknown, path: string, name: string) => {
    if (typeof value === 'string') {
      const template = hasTemplate(value) && !expressionFields.includes(name);
      const fault =
        expressionFields.includes(name) || (eitherFields.includes(name) && !template)
          ? value.trim() === ''
            ? null
            : expressions.checkExpression(value)
          : template
            ? expressions.checkTemplate(value)
            : null;
      if (fault)
        issues.push({
          path,
          message: fault.message + (fault.position === undefined ? '' : ` (at character ${fault.position})`),
        });
    } else if (Array.isArray(value)) {
      value.forEach((item, index) => visit(item, path ? `${path}.${index}` : String(index), name));
    } else if (value !== null && typeof value === 'object') {
      for (const [key, item] of Object.entries(value)) visit(item, path ? `${path}.${key}` : key, key);
    }
  };
  visit(config, '', '');
  return issues;
}

/**
 * A config with every template replaced by what it renders to; expression fields stay as they are written.
 * The first fault wins and names its field.
 */
export async function renderConfig(
  config: Record<string, unknown>,
  expressionFields: readonly string[],
  scope: Record<string, unknown>,
  expressions: Expressions,
): Promise<Result<Record<string, unknown>, ExpressionFault & { field: string }>> {
  let fault: (ExpressionFault & { field: string }) | null = null;
  const visit = async (value: unknown, path: string, name: string): Promise<unknown> => {
    if (fault) return value;
    if (typeof value === 'string') {
      if (expressionFields.includes(name) || !hasTemplate(value)) return value;
      const rendered = await expressions.render(value, scope);
      if (rendered.ok) return rendered.value;
      fault ??= { ...rendered.error, field: path };
      return value;
    }
    if (Array.isArray(value)) {
      const items: unknown[] = [];
      for (const [index, item] of value.entries()) items.push(await visit(item, `${path}.${index}`, name));
      return items;
    }
    if (value !== null && typeof value === 'object') {
      const fields: [string, unknown][] = [];
      for (const [key, item] of Object.entries(value))
        fields.push([key, await visit(item, path ? `${path}.${key}` : key, key)]);
      return Object.fromEntries(fields);
    }
    return value;
  };
  const rendered = (await visit(config, '', '')) as Record<string, unknown>;
  return fault ? { ok: false, error: fault } : { ok: true, value: rendered };
}
