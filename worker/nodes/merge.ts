/** Several ways become one again: waits for all of them, or goes on with the first. The engine does the waiting (domain/workflow/readiness.ts). */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';

export const merge = defineNode({
  kind: 'merge',
  label: 'Merge',
  description: 'Joins branches: waits for all of them, or goes on with the first one that arrives.',
  category: 'logic',
  icon: 'git-merge',
  configSchema: z.strictObject({ mode: z.enum(['all', 'any']) }),
  defaultConfig: { mode: 'all' },
  expressionFields: [],
  handles: [],
  joinsAny: ({ mode }) => mode === 'any',
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run(_config, { inputs }) {
    return ok({ output: inputs });
  },
});
