/** Cron expressions on the clocks of a time zone: what is refused, and when one fires next. The same for whoever asks, and whenever. */
import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { isTimeZone, wallClockMs } from '../budget/periods.ts';

export interface CronRule {
  cron: string;
  timeZone: string;
}

const SHORTHANDS = [
  '@yearly',
  '@annually',
  '@monthly',
  '@weekly',
  '@weekdays',
  '@weekends',
  '@daily',
  '@hourly',
];
/** No rule that fires at all waits longer: 29 February over a year like 2100 that has none. */
const ANY_INSTANT_MS = Date.UTC(2026, 0, 1);

const parsed = (cron: string, timeZone: string, afterMs: number): CronExpression =>
  CronExpressionParser.parse(cron, { currentDate: new Date(afterMs), tz: timeZone });

/** Why a cron expression is refused; null = it is sound and fires some day. Seconds and random fields ("H") are not taken. */
export function cronFault(cron: string): string | null {
  const text = cron.trim();
  if (text.startsWith('@'))
    return SHORTHANDS.includes(text) ? null : `is not one of ${SHORTHANDS.join(', ')}`;
  const fields = text === '' ? 0 : text.split(/\s+/).length;
  if (fields !== 5)
    return `must have five fields (minute hour day month weekday), like "0 8 * * 1-5"; it has ${fields}`;
  if (/(^|[\s,])H/i.test(text)) return 'may not leave a field to chance ("H")';
  try {
    parsed(text, 'UTC', ANY_INSTANT_MS).next();
    return null;
  } catch (error) {
    const said = error instanceof Error ? error.message : String(error);
    return /explicit day of month|loop limit/i.test(said)
      ? 'never fires: no month it names has such a day'
      : `is not a cron expression: ${said}`;
  }
}

/** Why a time zone is refused; null = it exists. */
export const timeZoneFault = (timeZone: string): string | null =>
  isTimeZone(timeZone) ? null : `there is no time zone "${timeZone}"; give one like "Europe/Berlin"`;

/** No clock is set forward by more, nor for longer does it matter where one began to ask. */
const AROUND_A_CHANGE_MS = 3 * 3_600_000;

/**
 * The fires after `afterMs`, one with every call. Asked in the hour after clocks went forward, the parser does not see a fire that was moved into
 * it; asked from before the change it does.
 */
function walk({ cron, timeZone }: CronRule, afterMs: number): () => number {
  const offsetAt = (ms: number) => wallClockMs(timeZone, ms) - ms;
  const earlierMs = afterMs - AROUND_A_CHANGE_MS;
  const expression = parsed(cron, timeZone, offsetAt(earlierMs) === offsetAt(afterMs) ? afterMs : earlierMs);
  return function next() {
    for (;;) {
      const at = expression.next().getTime();
      if (at > afterMs) return at;
    }
  };
}

/** The first instant after `afterMs` at which the rule fires. */
export const fireAfter = (rule: CronRule, afterMs: number): number => walk(rule, afterMs)();

/** The next `count` instants after `afterMs`. */
export function firesAfter(rule: CronRule, afterMs: number, count: number): number[] {
  const next = walk(rule, afterMs);
  return Array.from({ length: count }, next);
}

const HOUR_MS = 3_600_000;

/**
 * The last `atMost` fires until `nowMs`, oldest first, and the first after it. `fromMs` is the fire that was to come, and the earliest. A server that
 * was down for a year does not walk through all of it: the stretch that is looked at grows until it holds enough.
 */
export function latestFires(
  rule: CronRule,
  { fromMs, nowMs, atMost }: { fromMs: number; nowMs: number; atMost: number },
): { fires: number[]; nextMs: number } {
  for (let stretchMs = HOUR_MS; ; stretchMs *= 4) {
    const whole = nowMs - stretchMs <= fromMs;
    const next = walk(rule, whole ? fromMs : nowMs - stretchMs);
    const fires = whole ? [fromMs] : [];
    let at = next();
    for (; at <= nowMs; at = next()) fires.push(at);
    if (whole || fires.length >= atMost) return { fires: fires.slice(-atMost), nextMs: at };
  }
}
