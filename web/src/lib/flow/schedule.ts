/** Cron expressions as people say them: every day at 8, each Monday, the first of the month. What fits none of these stays an expression. Pure. */

export type Rhythm =
  | { every: 'minutes'; minutes: number }
  | { every: 'hour'; minute: number }
  | { every: 'day' | 'weekday'; time: string }
  | { every: 'week'; time: string; weekday: number }
  | { every: 'month'; time: string; day: number }
  | { every: 'cron'; cron: string };
export type Every = Rhythm['every'];

export const WEEKDAYS = [
  'Sunday',
  'Monday',
  'Tuesday',
  'Wednesday',
  'Thursday',
  'Friday',
  'Saturday',
] as const;
/** numbers of minutes that divide the hour, so that the rhythm has no jump */
export const MINUTES = [1, 2, 5, 10, 15, 20, 30] as const;

const two = (number: number) => String(number).padStart(2, '0');

export function cronOf(rhythm: Rhythm): string {
  if (rhythm.every === 'cron') return rhythm.cron;
  if (rhythm.every === 'minutes') return rhythm.minutes === 1 ? '* * * * *' : `*/${rhythm.minutes} * * * *`;
  if (rhythm.every === 'hour') return `${rhythm.minute} * * * *`;
  const [hour = 0, minute = 0] = rhythm.time.split(':').map(Number);
  const days = {
    day: '* * *',
    weekday: '* * 1-5',
    week: `* * ${rhythm.every === 'week' ? rhythm.weekday : 0}`,
    month: `${rhythm.every === 'month' ? rhythm.day : 1} * *`,
  };
  return `${minute} ${hour} ${days[rhythm.every]}`;
}

/** What a cron expression says, where it is one that `cronOf` writes. */
export function rhythmOf(cron: string): Rhythm {
  const own: Rhythm = { every: 'cron', cron };
  const fields = cron.trim().split(/\s+/);
  if (fields.length !== 5) return own;
  const [minute, hour, day, month, weekday] = fields as [string, string, string, string, string];
  const whole = (text: string, most: number) => /^\d{1,2}$/.test(text) && Number(text) <= most;
  if (month !== '*') return own;
  const free = hour === '*' && day === '*' && weekday === '*';
  if (free && minute === '*') return { every: 'minutes', minutes: 1 };
  const step = /^\*\/(\d+)$/.exec(minute)?.[1];
  if (free && step && (MINUTES as readonly number[]).includes(Number(step)))
    return { every: 'minutes', minutes: Number(step) };
  if (!whole(minute, 59)) return own;
  if (free) return { every: 'hour', minute: Number(minute) };
  if (!whole(hour, 23)) return own;
  const time = `${two(Number(hour))}:${two(Number(minute))}`;
  if (day === '*' && weekday === '*') return { every: 'day', time };
  if (day === '*' && weekday === '1-5') return { every: 'weekday', time };
  if (day === '*' && /^[0-6]$/.test(weekday)) return { every: 'week', time, weekday: Number(weekday) };
  if (weekday === '*' && whole(day, 31) && Number(day) > 0) return { every: 'month', time, day: Number(day) };
  return own;
}

/** The nearest rhythm of another kind: its time of day is kept. */
export function switchRhythm(rhythm: Rhythm, every: Every): Rhythm {
  const time = 'time' in rhythm ? rhythm.time : '08:00';
  switch (every) {
    case 'minutes':
      return { every, minutes: 15 };
    case 'hour':
      return { every, minute: 0 };
    case 'week':
      return { every, time, weekday: 1 };
    case 'month':
      return { every, time, day: 1 };
    case 'cron':
      return { every, cron: cronOf(rhythm) };
    default:
      return { every, time };
  }
}
