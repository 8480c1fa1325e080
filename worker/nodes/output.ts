/** What the workflow is for: a value kept as an output, with tags. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';

const tag = z.string().trim().min(1).max(64);

export const output = defineNode({
  kind: 'output',
  label: 'Output',
  description: 'Keeps a value among the outputs of the workflow, with tags to find it by.',
  category: 'output',
  icon: 'package-check',
  configSchema: z.strictObject({
    /** any JSON; texts in it may hold templates. Absent = what comes in */
    value: z.unknown().optional(),
    tags: z.array(tag).max(20).optional(),
  }),
  defaultConfig: { tags: [] },
  expressionFields: [],
  handles: [],
  ignoresInput: ({ value }) => value !== undefined,
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run({ value, tags = [] }, { input }) {
    const kept = value === undefined ? (input ?? null) : value;
    return ok({ output: kept, stored: { value: kept, tags: [...new Set(tags)] } });
  },
});
