/** How runs go: GET /api/metrics for operators, of all teams together and nothing of any single one; GET /api/executions/stats for a team. */
import { createRoute, z } from '@hono/zod-openapi';
import { openMetrics, quantile, type Family } from '../domain/metrics/openmetrics.ts';
import { intervalsOf } from '../domain/budget/intervals.ts';
import { isTimeZone } from '../domain/budget/periods.ts';
import { seriesOf } from '../domain/metrics/run-series.ts';
import { EXECUTION_STATUSES, ENDED } from '../domain/workflow/state.ts';
import { LETTER_KINDS } from '../store/dead-letters.ts';
import { backlogStats, runStats } from '../store/run-metrics.ts';
import { findTeam } from '../store/teams.ts';
import { operatorOnly } from './operator.ts';
import { answers, newRoutes } from './routes.ts';

const HOUR_MS = 3_600_000;
const OPEN = EXECUTION_STATUSES.filter((status) => !ENDED.includes(status));
const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);

const summary = (name: string, help: string, values: readonly number[]): Family => ({
  name,
  type: 'summary',
  unit: 'seconds',
  help,
  samples: [
    ...[0.5, 0.95].map((part) => ({
      labels: { quantile: String(part) },
      value: seconds(quantile(values, part)),
    })),
    { suffix: '_count' as const, value: values.length },
  ],
});

const countsSchema = z.partialRecord(z.enum(EXECUTION_STATUSES), z.int());
const spreadSchema = z.object({ p50: z.number().nullable(), p95: z.number().nullable() });
const spreadOf = (values: readonly number[]) => ({ p50: quantile(values, 0.5), p95: quantile(values, 0.95) });

const pieceSchema = z.object({
  start: z.iso.datetime(),
  ended: countsSchema,
  costNanoUsd: z.int(),
  durationMs: spreadSchema,
});
/** 30 days of hours, and the one that is cut at each end. */
const MOST_PIECES = 722;

export const metrics = newRoutes()
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/executions/stats',
      summary: 'How the team’s runs go',
      description: 'Times are of runs that ended in the last `hours`, at most the latest 10,000.',
      request: {
        query: z.object({
          workflowId: z.string().max(64).optional(),
          hours: z.coerce.number().int().min(1).max(720).default(24),
          interval: z.enum(['hour', 'day']).optional().openapi({ description: 'also per hour or day' }),
          timeZone: z
            .string()
            .max(64)
            .refine(isTimeZone, 'must be an IANA time zone')
            .optional()
            .openapi({ description: 'whose hours and days; the team’s unless told' }),
        }),
      },
      responses: answers(
        200,
        'The figures.',
        z
          .object({
            open: countsSchema.openapi({ description: 'runs that have not ended, by status' }),
            ended: countsSchema,
            successRate: z.number().nullable().openapi({
              description: 'completed, of those that completed, failed or need a person; null = none did',
            }),
            queueAgeMs: z
              .int()
              .nullable()
              .openapi({ description: 'how long the oldest run waits that could begin' }),
            lineAgeMs: z.int().nullable().openapi({ description: 'how long the oldest waits for a slot' }),
            waitMs: spreadSchema.openapi({ description: 'from being accepted to beginning' }),
            durationMs: spreadSchema,
            engineMs: spreadSchema.openapi({ description: 'of the duration: while no step ran or waited' }),
            costNanoUsd: z.int().openapi({ description: 'of the runs that ended' }),
            from: z.iso.datetime().openapi({
              description: 'since when they are counted: later than asked where there were more than 10,000',
            }),
            series: z
              .array(pieceSchema)
              .openapi({ description: 'every interval since `from`, empty ones too; [] without `interval`' }),
          })
          .openapi('ExecutionStats'),
      ),
    }),
    async (c) => {
      const { workflowId, hours, interval, timeZone } = c.req.valid('query');
      const services = c.get('services');
      const { teamId } = c.get('actor');
      const toMs = services.now();
      const { waitMs, durationMs, engineMs, runs, cut, ...rest } = await runStats(services, {
        teamId,
        workflowId,
        sinceMs: toMs - hours * HOUR_MS,
      });
      const fromMs = cut ? runs.at(-1)!.endedMs : toMs - hours * HOUR_MS;
      const spreads = {
        waitMs: spreadOf(waitMs),
        durationMs: spreadOf(durationMs),
        engineMs: spreadOf(engineMs),
      };
      const zone = interval && (timeZone ?? (await findTeam(services.db, teamId))?.timeZone ?? 'UTC');
      const pieces = zone
        ? intervalsOf({ fromMs, toMs: toMs + 1, interval, timeZone: zone }, MOST_PIECES)!
        : [];
      const series = seriesOf(runs, pieces).map(({ startMs, p50Ms, p95Ms, ...piece }) => ({
        start: new Date(startMs).toISOString(),
        ...piece,
        durationMs: { p50: p50Ms, p95: p95Ms },
      }));
      const costNanoUsd = runs.reduce((sum, run) => sum + run.costNanoUsd, 0);
      const from = new Date(fromMs).toISOString();
      return c.json({ ...rest, ...spreads, costNanoUsd, from, series }, 200);
    },
  )
  .openapi(
    createRoute({
      method: 'get',
      path: '/api/metrics',
      summary: 'Metrics for operators, as OpenMetrics text',
      description:
        'Needs the operator token, as x-operator-token or Bearer; without it there is no such route. Sums over all teams, no names.',
      middleware: [operatorOnly] as const,
      responses: {
        200: {
          description: 'OpenMetrics.',
          content: { 'application/openmetrics-text': { schema: z.string() } },
        },
      },
    }),
    async (c) => {
      const services = c.get('services');
      const [runs, backlog] = await Promise.all([
        runStats(services, { teamId: null, sinceMs: services.now() - HOUR_MS }),
        backlogStats(services),
      ]);
      const gauge = (name: string, help: string, value: number | null, unit?: Family['unit']): Family => ({
        name,
        type: 'gauge',
        help,
        unit,
        samples: [{ value }],
      });
      const text = openMetrics([
        {
          name: 'pm_executions',
          type: 'gauge',
          help: 'Runs that have not ended, by status.',
          samples: OPEN.map((status) => ({ labels: { status }, value: runs.open[status] ?? 0 })),
        },
        {
          name: 'pm_executions_ended_last_hour',
          type: 'gauge',
          help: 'Runs that ended in the last hour, by status (the latest 10000).',
          samples: ENDED.map((status) => ({ labels: { status }, value: runs.ended[status] ?? 0 })),
        },
        gauge(
          'pm_execution_success_ratio',
          'Completed of the runs that completed, failed or need review in the last hour.',
          runs.successRate,
          'ratio',
        ),
        gauge(
          'pm_queue_age_seconds',
          'How long the oldest run waits that could begin.',
          seconds(runs.queueAgeMs ?? 0),
          'seconds',
        ),
        gauge(
          'pm_line_age_seconds',
          'How long the oldest run waits for a slot of its workflow.',
          seconds(runs.lineAgeMs ?? 0),
          'seconds',
        ),
        summary('pm_execution_wait_seconds', 'From being accepted to beginning, last hour.', runs.waitMs),
        summary('pm_execution_duration_seconds', 'From beginning to end, last hour.', runs.durationMs),
        summary(
          'pm_engine_overhead_seconds',
          'Of a run, the time in which no step ran or waited, last hour.',
          runs.engineMs,
        ),
        {
          name: 'pm_dead_letters',
          type: 'gauge',
          help: 'What could not be processed and is open.',
          samples: LETTER_KINDS.map((kind) => ({ labels: { kind }, value: backlog.deadLetters[kind] ?? 0 })),
        },
        gauge('pm_schedules', 'Schedules in force.', backlog.schedules),
        gauge(
          'pm_schedule_lag_seconds',
          'How long the oldest unclaimed fire is due.',
          seconds(backlog.scheduleLagMs ?? 0),
          'seconds',
        ),
        gauge(
          'pm_schedule_fires_waiting',
          'Fires that are due or wait for the run before.',
          backlog.firesWaiting,
        ),
        gauge('pm_deliveries_due', 'Notices that are due to be delivered.', backlog.deliveriesDue),
      ]);
      return c.body(text, 200, {
        'content-type': 'application/openmetrics-text; version=1.0.0; charset=utf-8',
        'cache-control': 'no-store',
      }) as never;
    },
  );
