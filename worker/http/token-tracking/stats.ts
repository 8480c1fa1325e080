/** GET /api/token-tracking/stats: sums over a span, over time and by what they were spent on. */
import { createRoute, z } from '@hono/zod-openapi';
import { INTERVALS, intervalsOf } from '../../domain/budget/intervals.ts';
import { isTimeZone } from '../../domain/budget/periods.ts';
import { ROLLUP_SECONDS } from '../../store/ledger.ts';
import { namesOf } from '../../store/nouns.ts';
import { readStats } from '../../store/stats.ts';
import { findTeam } from '../../store/teams.ts';
import { Refused } from '../errors.ts';
import { answers, newRoutes } from '../routes.ts';
import { instant } from './instant.ts';

const DIMENSIONS = ['model', 'prompt', 'workflow', 'member', 'group', 'key', 'tag'] as const;
const MOST_PIECES = 2000;
const MOST_GROUPS = 500;
const DEFAULT_SPAN_MS = 30 * 86_400_000;

const sums = { runs: z.int(), inputTokens: z.int(), outputTokens: z.int(), costNanoUsd: z.int() };
const statsSchema = z
  .object({
    from: z.iso.datetime(),
    to: z.iso.datetime(),
    timeZone: z.string(),
    /** `runs` are billed attempts */
    totals: z.object(sums),
    /** every interval of the span, empty ones too; `byGroup` is cost per key of `groupBy` */
    series: z.array(
      z.object({ start: z.iso.datetime(), ...sums, byGroup: z.record(z.string(), z.int()).optional() }),
    ),
    /** dearest first; a call with two tags or groups counts in both. [] without `groupBy` */
    groups: z.array(z.object({ key: z.string(), label: z.string(), ...sums })),
  })
  .openapi('Stats');

const toSeconds = (ms: number, round: (x: number) => number) =>
  round(ms / 1000 / ROLLUP_SECONDS) * ROLLUP_SECONDS;
const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
const invalid = (path: string, message: string) =>
  new Refused({ reason: 'invalid', issues: [{ path, message }] });

export const stats = newRoutes().openapi(
  createRoute({
    method: 'get',
    path: '/api/token-tracking/stats',
    summary: 'Runs, tokens and cost over time and by dimension',
    request: {
      query: z.object({
        from: instant
          .optional()
          .openapi({ description: '30 days before `to` unless told; rounded down to a quarter of an hour' }),
        to: instant
          .optional()
          .openapi({ description: 'now unless told; rounded up to a quarter of an hour' }),
        interval: z.enum(INTERVALS).default('day'),
        groupBy: z.enum(DIMENSIONS).optional(),
        timeZone: z.string().max(64).refine(isTimeZone, 'must be an IANA time zone').optional(),
      }),
    },
    responses: answers(200, 'Sums that add up to the ledger, to the nano-dollar.', statsSchema),
  }),
  async (c) => {
    const { db, env, now } = c.get('services');
    const { teamId } = c.get('actor');
    const asked = c.req.valid('query');
    const timeZone = asked.timeZone ?? (await findTeam(db, teamId))?.timeZone ?? 'UTC';
    const to = toSeconds(asked.to === undefined ? now() + 1 : Date.parse(asked.to), Math.ceil);
    const from = toSeconds(
      asked.from === undefined ? to * 1000 - DEFAULT_SPAN_MS : Date.parse(asked.from),
      Math.floor,
    );
    if (from >= to) throw invalid('to', 'must be after `from`');
    const span = { fromMs: from * 1000, toMs: to * 1000, interval: asked.interval, timeZone };
    const pieces = intervalsOf(span, MOST_PIECES);
    if (!pieces)
      throw invalid(
        'interval',
        `gives more than ${MOST_PIECES} points; ask for a shorter span or a longer interval`,
      );

    const dimension = asked.groupBy ?? null;
    const spans = pieces.map(({ startMs, endMs }) => ({ from: startMs / 1000, to: endMs / 1000 }));
    const found = await readStats(env.DB, teamId, {
      span: { from, to },
      pieces: spans,
      dimension,
      mostGroups: MOST_GROUPS,
    });
    const names = dimension
      ? await namesOf(env.DB, teamId, { type: dimension, ids: found.groups.map(({ key }) => key) })
      : new Map<string, string>();
    const byStart = new Map(found.series.map(({ from: start, ...row }) => [start, row]));
    const cells = new Map<number, Record<string, number>>();
    for (const { from: start, key, costNanoUsd } of found.cells) {
      const cell = cells.get(start) ?? {};
      cell[key] = costNanoUsd;
      cells.set(start, cell);
    }
    return c.json(
      {
        from: iso(from),
        to: iso(to),
        timeZone,
        totals: found.totals,
        series: spans.map(({ from: start }) => ({
          start: iso(start),
          ...(byStart.get(start) ?? { runs: 0, inputTokens: 0, outputTokens: 0, costNanoUsd: 0 }),
          ...(dimension ? { byGroup: cells.get(start) ?? {} } : {}),
        })),
        groups: dimension
          ? found.groups.map((group) => ({ ...group, label: names.get(group.key) ?? group.key }))
          : [],
      },
      200,
    );
  },
);
