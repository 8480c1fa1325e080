/** A range of time as the URL names it, and the bars that fit it. */
export const RANGES = [
  { value: '24h', label: 'Last 24 hours', hours: 24, interval: 'hour' },
  { value: '7d', label: 'Last 7 days', hours: 7 * 24, interval: 'day' },
  { value: '30d', label: 'Last 30 days', hours: 30 * 24, interval: 'day' },
  { value: '90d', label: 'Last 90 days', hours: 90 * 24, interval: 'week' },
  { value: '365d', label: 'Last 12 months', hours: 365 * 24, interval: 'month' },
] as const;
export type Range = (typeof RANGES)[number];

const [DAY, WEEK, MONTH] = RANGES;
/** How far back GET /api/executions/stats looks. */
export const RUN_RANGES = [DAY, WEEK, MONTH] as const;

/** An unknown word is the default. */
export const rangeOf = (word: string | null): Range =>
  RANGES.find((range) => range.value === word) ?? RANGES.find((range) => range.value === '30d')!;

/** The query of GET /api/token-tracking/stats for a range that ends now (ms). */
export const statsQuery = (range: Range, nowMs: number, timeZone: string) => ({
  from: new Date(nowMs - range.hours * 3600_000).toISOString(),
  to: new Date(nowMs).toISOString(),
  interval: range.interval,
  timeZone,
});

/** How a chart writes the start of an interval: "27 Nov", "27 Nov 14:00", "Nov 2026". */
export function whenIn(
  interval: 'hour' | 'day' | 'week' | 'month',
  timeZone: string,
): (start: string) => string {
  const format = new Intl.DateTimeFormat(
    'en-GB',
    interval === 'hour'
      ? { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZone }
      : interval === 'month'
        ? { month: 'short', year: 'numeric', timeZone }
        : { day: 'numeric', month: 'short', timeZone },
  );
  return (start) => format.format(new Date(start)).replace(',', '');
}
