/** A new value out of the data so far. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { err, ok } from '../domain/result.ts';

export const transform = defineNode({
  kind: 'transform',
  label: 'Transform',
  description: 'Makes a new value with a JSONata expression.',
  category: 'logic',
  icon: 'braces',
  configSchema: z.strictObject({ expression: z.string().trim().min(1).max(20_000) }),
  defaultConfig: { expression: '{ "value": trigger }' },
  expressionFields: ['expression'],
  handles: [],
  ignoresInput: () => true,
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run({ expression }, { scope, expressions }) {
    const value = await expressions.evaluate(expression, scope);
    return value.ok
      ? ok({ output: value.value })
      : err({ reason: 'refused', field: 'expression', ...value.error });
  },
});
