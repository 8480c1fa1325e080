/** Two ways on: `true` or `false`. Its output is its input. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { truth } from '../domain/workflow/truth.ts';

export const condition = defineNode({
  kind: 'condition',
  label: 'Condition',
  description: 'Goes on at "true" or at "false", by an expression over the data so far.',
  category: 'logic',
  icon: 'git-fork',
  configSchema: z.strictObject({ expression: z.string().trim().min(1).max(20_000) }),
  defaultConfig: { expression: 'true' },
  expressionFields: ['expression'],
  handles: ['true', 'false'],
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run({ expression }, { scope, input, expressions }) {
    const value = await expressions.evaluate(expression, scope);
    if (!value.ok) return err({ reason: 'refused', field: 'expression', ...value.error });
    return ok({ output: input, handle: truth(value.value) ? 'true' : 'false' });
  },
});
