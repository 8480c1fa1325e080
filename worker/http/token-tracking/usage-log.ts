/** POST /api/token-tracking/log: usage of calls made elsewhere, one row or up to 1,000 of them. */
import { createRoute, z } from '@hono/zod-openapi';
import { answerTo, Refused } from '../errors.ts';
import { idempotent } from '../idempotency.ts';
import { answers, issuesOf, jsonBody, newRoutes } from '../routes.ts';
import { bookUsage, usageLog, type RowOutcome } from './external-usage.ts';

const MOST_ROWS = 1_000;

const batch = z.strictObject({ rows: z.array(usageLog).min(1).max(MOST_ROWS) });

const loggedSchema = z
  .object({
    runId: z.string(),
    costNanoUsd: z.int(),
    /** false = the model has no price: the cost is unknown, not 0 */
    priced: z.boolean(),
  })
  .openapi('LoggedUsage');

const batchSchema = z
  .object({
    /** one answer per row, in their order; a row with an `error` was not booked, all others were */
    data: z.array(
      z.union([
        loggedSchema,
        z.object({
          index: z.int(),
          error: z.looseObject({ code: z.string(), message: z.string(), param: z.string().optional() }),
        }),
      ]),
    ),
  })
  .openapi('LoggedUsages');

/** Which of the forms it is, is looked at first, so that an issue names a field and not a choice of forms. */
const body = z.unknown().openapi({
  oneOf: [
    { $ref: '#/components/schemas/UsageLog' },
    { $ref: '#/components/schemas/UsageLogs' },
    { type: 'array', items: { $ref: '#/components/schemas/UsageLog' }, minItems: 1, maxItems: MOST_ROWS },
  ],
});

const routes = newRoutes();
routes.openAPIRegistry.register('UsageLog', usageLog);
routes.openAPIRegistry.register('UsageLogs', batch);

export const usageLogging = routes.openapi(
  createRoute({
    method: 'post',
    path: '/api/token-tracking/log',
    summary: 'Book usage of calls made elsewhere; once per runId',
    description:
      'One row, or up to 1,000 as `{"rows": [...]}` or as an array. Of a malformed batch nothing is booked, and the row and field are named (`rows.17.model`). ' +
      'A row whose model has no price is refused by itself when a budget applies to it. `occurredAt` may lie in the past: the row counts in the period it belongs to; ' +
      'periods that have ended tell no more alerts. Give each row a `runId`, or the request an Idempotency-Key, to be able to repeat it.',
    middleware: [idempotent] as const,
    request: { body: jsonBody(body) },
    responses: answers(201, 'It is booked.', z.union([loggedSchema, batchSchema])),
  }),
  async (c) => {
    const given = c.req.valid('json');
    const services = c.get('services');
    const actor = c.get('actor');
    if (Array.isArray(given) || (typeof given === 'object' && given !== null && 'rows' in given)) {
      const { rows } = parsed(batch, Array.isArray(given) ? { rows: given } : given);
      const outcomes = await bookUsage(services, actor, { rows, pathOf: (index) => `rows.${index}.` });
      const refused = outcomes.every(({ ok }) => !ok) ? outcomes[0]! : null;
      if (refused && !refused.ok) throw new Refused(refused.refusal);
      return c.json({ data: outcomes.map(answerOf) }, 201);
    }
    const row = parsed(usageLog, given);
    const [outcome] = await bookUsage(services, actor, { rows: [row], pathOf: () => '' });
    if (!outcome!.ok) throw new Refused(outcome!.refusal);
    return c.json(outcome!.booked, 201);
  },
);

function answerOf(outcome: RowOutcome, index: number) {
  if (outcome.ok) return outcome.booked;
  const { code, message, param } = answerTo(outcome.refusal).error;
  return {
    index,
    error: { code, message, ...(param === undefined ? {} : { param: `rows.${index}.${param}` }) },
  };
}

function parsed<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const read = schema.safeParse(value);
  if (!read.success) throw new Refused({ reason: 'invalid', issues: issuesOf(read.error) });
  return read.data;
}
