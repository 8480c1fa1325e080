/** Several ways on: the first case whose expression is true, else `default`. Its output is its input. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { truth } from '../domain/workflow/truth.ts';

const RESERVED = ['default', 'error'];

const caseSchema = z.strictObject({
  /** the handle that edges hang on */
  name: z
    .string()
    .trim()
    .min(1)
    .max(64)
    .refine((name) => !RESERVED.includes(name), 'is the name of a way that is there already'),
  expression: z.string().trim().min(1).max(20_000),
});

export const switchNode = defineNode({
  kind: 'switch',
  label: 'Switch',
  description: 'Goes on at the first case whose expression is true, else at "default".',
  category: 'logic',
  icon: 'route',
  configSchema: z.strictObject({
    cases: z
      .array(caseSchema)
      .min(1)
      .max(50)
      .refine(
        (cases) => new Set(cases.map(({ name }) => name)).size === cases.length,
        'two cases have the same name',
      ),
  }),
  defaultConfig: { cases: [{ name: 'first', expression: 'true' }] },
  expressionFields: ['expression'],
  handles: ['default'],
  handlesOf({ cases }) {
    const names = Array.isArray(cases)
      ? cases.flatMap((one: { name?: unknown } | null) =>
          typeof one?.name === 'string' ? [one.name.trim()] : [],
        )
      : [];
    return [...names, 'default'];
  },
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run({ cases }, { scope, input, expressions }) {
    for (const [index, { name, expression }] of cases.entries()) {
      const value = await expressions.evaluate(expression, scope);
      if (!value.ok) return err({ reason: 'refused', field: `cases.${index}.expression`, ...value.error });
      if (truth(value.value)) return ok({ output: input, handle: name });
    }
    return ok({ output: input, handle: 'default' });
  },
});
