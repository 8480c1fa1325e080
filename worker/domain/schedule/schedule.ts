/** Schedules: which of the fires that are due happen, and whether one may begin while the one before still runs (engine.md rule 14). */
import type { Definition } from '../workflow/definition.ts';
import type { CronRule } from './cron.ts';
import { fireAfter, latestFires } from './fires.ts';

/** What becomes of fires that nobody was there for: none is made up, one for all of them, or the last few. */
export const MISFIRES = ['skip', 'once', 'catch_up'] as const;
export type Misfire = (typeof MISFIRES)[number];
/** What becomes of a fire while a run of the same schedule goes on. */
export const OVERLAPS = ['skip', 'queue', 'parallel'] as const;
export type Overlap = (typeof OVERLAPS)[number];

export const DEFAULT_MISFIRE: Misfire = 'once';
export const DEFAULT_OVERLAP: Overlap = 'skip';
export const DEFAULT_CATCH_UP = 10;
export const MOST_CATCH_UP = 100;

export interface ScheduleRule extends CronRule {
  misfire: Misfire;
  /** catch_up: so many of the latest */
  maxCatchUp: number;
  overlap: Overlap;
}

/** A cron trigger comes once a minute and may itself be late: a fire that is no older was not missed. */
export const ON_TIME_MS = 120_000;

export interface DueFires {
  /** fires to make, oldest first */
  run: number[];
  /** fires that are not made: from this one until before that instant */
  missed: { fromMs: number; untilMs: number } | null;
  /** when it fires next */
  nextMs: number;
}

/** What is to be done at `nowMs` for a schedule whose next fire was to be at `nextFireMs`: a function of that fire, never of now alone. */
export function dueFires(rule: ScheduleRule, nextFireMs: number, nowMs: number): DueFires {
  if (nextFireMs > nowMs) return { run: [], missed: null, nextMs: nextFireMs };
  const atMost = rule.misfire === 'catch_up' ? rule.maxCatchUp : 1;
  const { fires, nextMs } = latestFires(rule, { fromMs: nextFireMs, nowMs, atMost });
  const latest = fires.at(-1) ?? nextFireMs;
  const run = rule.misfire === 'skip' && nowMs - latest > ON_TIME_MS ? [] : fires;
  const firstMs = run[0] ?? nextMs;
  return { run, missed: firstMs > nextFireMs ? { fromMs: nextFireMs, untilMs: firstMs } : null, nextMs };
}

export interface NodeSchedule extends ScheduleRule {
  nodeId: string;
  nextFireMs: number;
}

/** The schedules that a sound definition asks for, as they begin at `nowMs`. */
export function schedulesOf(definition: Definition, nowMs: number): NodeSchedule[] {
  return definition.nodes.flatMap(({ id: nodeId, kind, config }) => {
    if (kind !== 'trigger' || config.on !== 'schedule') return [];
    const { cron, timeZone, misfire, maxCatchUp, overlap } = config as unknown as CronRule &
      Partial<ScheduleRule>;
    const rule = {
      cron: cron.trim(),
      timeZone,
      misfire: misfire ?? DEFAULT_MISFIRE,
      maxCatchUp: maxCatchUp ?? DEFAULT_CATCH_UP,
      overlap: overlap ?? DEFAULT_OVERLAP,
    };
    return [{ nodeId, ...rule, nextFireMs: fireAfter(rule, nowMs) }];
  });
}
