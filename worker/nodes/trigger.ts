/** Where a run begins. Its output is the input of the run. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';

export const triggerConfig = z.discriminatedUnion('on', [
  z.strictObject({ on: z.literal('manual') }),
  z.strictObject({ on: z.literal('api') }),
  z.strictObject({
    on: z.literal('schedule'),
    cron: z.string().min(1).max(200),
    timeZone: z.string().min(1).max(64),
    misfire: z.enum(['skip', 'once', 'catch_up']).optional(),
    overlap: z.enum(['skip', 'queue', 'parallel']).optional(),
  }),
  z.strictObject({ on: z.literal('webhook'), secret: z.string().min(1).max(200).optional() }),
]);

export const trigger = defineNode({
  kind: 'trigger',
  label: 'Trigger',
  description: 'Starts the workflow by hand or by an API call and hands on its input.',
  category: 'trigger',
  icon: 'play',
  configSchema: triggerConfig,
  defaultConfig: { on: 'manual' },
  expressionFields: [],
  handles: [],
  execution: 'inline',
  idempotent: true,
  paid: false,
  async run(_config, { input }) {
    return ok({ output: input });
  },
});
