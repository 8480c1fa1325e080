/** Lengths of time as people write them: a number and a unit. Pure. */

export const UNITS = ['seconds', 'minutes', 'hours', 'days'] as const;
export type Unit = (typeof UNITS)[number];

export const UNIT_MS: Record<Unit, number> = {
  seconds: 1000,
  minutes: 60_000,
  hours: 3_600_000,
  days: 86_400_000,
};

/** The largest unit in which it is a whole number; below that, seconds. */
export const unitOf = (ms: number): Unit =>
  [...UNITS].reverse().find((unit) => ms >= UNIT_MS[unit] && ms % UNIT_MS[unit] === 0) ?? 'seconds';

/** "15 minutes", "1 day", "0.5 seconds". */
export function durationWords(ms: number): string {
  const unit = unitOf(ms);
  const number = ms / UNIT_MS[unit];
  return `${number} ${number === 1 ? unit.slice(0, -1) : unit}`;
}
