/** Waits, holding neither a slot nor a promise: the run's object wakes when the time has come. Its output is its input. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
import { err, ok } from '../domain/result.ts';
import { LONGEST_WAIT_MS } from '../domain/workflow/run-time.ts';

const TOO_LONG = `is longer than the ${LONGEST_WAIT_MS / 86_400_000} days a run may wait`;

export const delay = defineNode({
  kind: 'delay',
  label: 'Delay',
  description: 'Waits for a while or until an instant, then hands on its input.',
  category: 'logic',
  icon: 'clock',
  configSchema: z
    .strictObject({
      ms: z.int().min(0).max(LONGEST_WAIT_MS, TOO_LONG).optional(),
      /** ISO date and time; without a zone it is UTC */
      until: z.string().trim().min(1).max(64).optional(),
    })
    .superRefine(({ ms, until }, context) => {
      const issue = (path: string, message: string) =>
        context.addIssue({ code: 'custom', path: [path], message });
      if (ms === undefined && until === undefined) issue('ms', 'say how long (ms), or until when');
      if (ms !== undefined && until !== undefined) issue('until', 'give ms or until, not both');
      if (until !== undefined && !until.includes('{{') && instantOf(until) === null)
        issue('until', 'is not a date and time, like 2026-12-24T18:00:00Z');
    }),
  defaultConfig: { ms: 60_000 },
  expressionFields: [],
  handles: [],
  execution: 'wait',
  idempotent: true,
  paid: false,
  async run({ ms, until }, { input, nowMs }) {
    const untilMs = ms === undefined ? instantOf(until!) : nowMs + ms;
    if (untilMs === null)
      return err({ reason: 'refused', field: 'until', message: 'is not a date and time' });
    if (untilMs - nowMs > LONGEST_WAIT_MS)
      return err({ reason: 'refused', field: 'until', message: TOO_LONG });
    return ok({ output: input, wait: { for: { for: 'delay' }, untilMs } });
  },
});

/** ISO date and time in ms; null when it is none. Without a zone it is UTC, wherever the server stands. */
function instantOf(text: string): number | null {
  if (!/^\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.test(text)) return null;
  const zoned = text.length === 10 || /(Z|[+-]\d\d:?\d\d)$/.test(text.slice(10));
  const ms = Date.parse(zoned ? text : `${text}Z`);
  return Number.isNaN(ms) ? null : ms;
}
