/** Cron expressions: what is refused, and the times of the calendar that one names. When those are on the clocks of a zone: fires.ts. */
import { CronExpressionParser, type CronExpression } from 'cron-parser';
import { isTimeZone } from '../budget/periods.ts';

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

/** On a clock that is never changed: the zones' clocks are the business of fires.ts, and in UTC the parser needs no look at any. */
const parsed = (cron: string, afterMs: number) =>
  CronExpressionParser.parse(cron, { currentDate: new Date(afterMs), tz: 'UTC' });

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
    parsed(text, ANY_INSTANT_MS).next();
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

const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;
/** From one 29 February on a given weekday to the next it is at most 40 years. */
const MOST_DAYS = 41 * 366;

/** What a cron expression says, without a zone. Times are what a clock shows, as the UTC milliseconds at which a clock in UTC shows the same. */
export interface Calendar {
  /** the next time it names, one with every call */
  next: () => number;
  /** the longest that it is silent on days it fires on */
  longestSilenceMs: () => number;
}

/** Days that a rule names: as the parser does, but without a date object for every day that is looked at. */
function dayFilter({ fields }: CronExpression): (dayMs: number) => boolean {
  const { month, dayOfMonth, dayOfWeek } = fields;
  const months = new Set<unknown>(month.values);
  const days = new Set<unknown>(dayOfMonth.values);
  const weekdays = new Set<unknown>(dayOfWeek.values);
  const lastWeekdays = new Set(dayOfWeek.values.map((value) => parseInt(String(value), 10) % 7));
  const isLast = (dayMs: number, aheadDays: number) =>
    new Date(dayMs + aheadDays * DAY_MS).getUTCMonth() !== new Date(dayMs).getUTCMonth();
  return function isNamed(dayMs) {
    const date = new Date(dayMs);
    if (!months.has(date.getUTCMonth() + 1)) return false;
    const [day, weekday] = [date.getUTCDate(), date.getUTCDay()];
    const ofMonth = days.has(day) || (dayOfMonth.hasLastChar && isLast(dayMs, 1));
    if (dayOfWeek.isWildcard) return ofMonth;
    const ofWeek =
      (weekdays.has(weekday) && (dayOfWeek.nthDay <= 0 || Math.ceil(day / 7) === dayOfWeek.nthDay)) ||
      (dayOfWeek.hasLastChar && isLast(dayMs, 7) && lastWeekdays.has(weekday));
    // both are named: either will do
    return dayOfMonth.isWildcard ? ofWeek : ofMonth || ofWeek;
  };
}

/** The times an expression names after a time on the clock. */
export function calendarOf(cron: string, afterMs: number): Calendar {
  const expression = parsed(cron, afterMs);
  const { hour, minute } = expression.fields;
  const timesMs = hour.values.flatMap((h) => minute.values.map((m) => (h * 60 + m) * MINUTE_MS));
  const isNamed = dayFilter(expression);
  let dayMs = Math.floor(afterMs / DAY_MS) * DAY_MS;
  let time = timesMs.findIndex((ms) => dayMs + ms > afterMs);
  if (time === -1) time = timesMs.length;
  return {
    next() {
      if (time === timesMs.length || !isNamed(dayMs)) {
        const untilMs = dayMs + MOST_DAYS * DAY_MS;
        do dayMs += DAY_MS;
        while (!isNamed(dayMs) && dayMs < untilMs);
        if (dayMs >= untilMs) throw new Error(`"${cron}" names no day`);
        time = 0;
      }
      return dayMs + timesMs[time++]!;
    },
    longestSilenceMs: () =>
      Math.max(...timesMs.map((ms, n) => (timesMs[n + 1] ?? timesMs[0]! + DAY_MS) - ms)),
  };
}
