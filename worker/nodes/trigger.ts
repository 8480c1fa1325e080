/** Where a run begins. Its output is the input of the run. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { ok } from '../domain/result.ts';
import { cronFault, timeZoneFault } from '../domain/schedule/cron.ts';
import { MISFIRES, MOST_CATCH_UP, OVERLAPS } from '../domain/schedule/schedule.ts';
import { secretFault } from '../domain/webhook/secret.ts';

/** Text of a form of its own: what is wrong with it is said in words, and a draft that has it is not saved. */
const checked = (name: string, faultOf: (text: string) => string | null) =>
  z.stringFormat(name, (text) => faultOf(text) === null, {
    error: ({ input }) => (typeof input === 'string' ? (faultOf(input) ?? undefined) : undefined),
  });

export const triggerConfig = z.discriminatedUnion('on', [
  z.strictObject({ on: z.literal('manual') }),
  z.strictObject({ on: z.literal('api') }),
  z.strictObject({
    on: z.literal('schedule'),
    cron: checked('cron', cronFault).max(200),
    timeZone: checked('time-zone', timeZoneFault).max(64),
    /** fires missed while nobody was there: none, one for all (default), or the latest `maxCatchUp` */
    misfire: z.enum(MISFIRES).optional(),
    /** catch_up: 10 unless told */
    maxCatchUp: z.int().min(1).max(MOST_CATCH_UP).optional(),
    /** a fire while the run before still goes: left out (default), after it, or beside it */
    overlap: z.enum(OVERLAPS).optional(),
  }),
  z.strictObject({
    on: z.literal('webhook'),
    /** taken out and kept sealed when the draft is saved: no definition holds it */
    secret: checked('webhook-secret', secretFault).max(200).optional(),
  }),
]);

export const trigger = defineNode({
  kind: 'trigger',
  label: 'Trigger',
  description: 'Starts the workflow: by hand, by an API call, on a schedule or when a webhook arrives.',
  category: 'trigger',
  icon: 'play',
  configSchema: triggerConfig,
  defaultConfig: { on: 'manual' },
  expressionFields: [],
  handles: [],
  execution: 'inline',
  idempotent: true,
  paid: false,
  // a template in a field passes for one that is filled in while it runs; here nothing runs yet
  problemsOf: (config) =>
    (['cron', 'timeZone'] as const).flatMap((field) => {
      const text = config[field];
      return config.on === 'schedule' && typeof text === 'string' && text.includes('{{')
        ? [{ path: field, message: 'cannot be a template: it is needed before there is a run' }]
        : [];
    }),
  async run(_config, { input }) {
    return ok({ output: input });
  },
});
