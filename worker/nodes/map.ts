/** Its body once per item. This file only says which items; the engine runs the body (domain/workflow/progress.ts). */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { err, ok } from '../domain/result.ts';

export const mapConfig = z.strictObject({
  /** an expression, or a template, that gives an array */
  items: z.union([z.string().trim().min(1).max(20_000), z.array(z.unknown()).max(100_000)]),
  concurrency: z.int().min(1).max(50).optional(),
  onItemError: z.enum(['stop', 'continue', 'remove']).optional(),
});

export const map = defineNode({
  kind: 'map',
  label: 'Map',
  description: 'Runs the nodes inside it once per item, several items at a time.',
  category: 'logic',
  icon: 'repeat',
  configSchema: mapConfig,
  defaultConfig: { items: '{{ trigger.items }}', concurrency: 5, onItemError: 'stop' },
  expressionFields: [],
  eitherFields: ['items'],
  handles: [],
  ignoresInput: () => true,
  execution: 'scope',
  idempotent: true,
  paid: false,
  async run({ items }, { scope, expressions }) {
    let value: unknown = items;
    if (typeof items === 'string') {
      const evaluated = await expressions.evaluate(items, scope);
      if (!evaluated.ok) return err({ reason: 'refused', field: 'items', ...evaluated.error });
      value = evaluated.value;
    }
    if (Array.isArray(value)) return ok({ output: value });
    return err({
      reason: 'refused',
      field: 'items',
      message: `must give an array, but gives ${value === null ? 'nothing' : `a ${typeof value}`}`,
    });
  },
});
