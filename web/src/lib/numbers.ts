/** Tokens, percentages, durations and moments as the pages write them (ui.md section 5). */

/** 1234 -> "1,234". */
export const formatCount = (value: number): string => value.toLocaleString('en-US');

/** For headline figures: 120400 -> "120.4K", 1200000 -> "1.2M"; below 100,000 in full. */
export const formatKpi = (value: number): string =>
  Math.abs(value) < 100_000
    ? formatCount(value)
    : new Intl.NumberFormat('en-US', { notation: 'compact', maximumFractionDigits: 1 }).format(value);

/** How much of a limit is used, floored, so that 100 is only reached when it is full. null = no limit. */
export function percentOf(part: number, whole: number | null): number | null {
  if (whole === null) return null;
  if (whole === 0) return part > 0 ? 100 : 0;
  return Number((BigInt(part) * 100n) / BigInt(whole));
}

/** 840 -> "840 ms", 2300 -> "2.3 s", 65000 -> "1 min 5 s". */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const rest = seconds % 60;
  return `${Math.floor(seconds / 60)} min${rest ? ` ${rest} s` : ''}`;
}

/** "5 min ago" or "in 5 min" within 24 hours, a date beyond that. `now` in ms. */
export function formatWhen(iso: string, now: number = Date.now()): string {
  const past = Math.round((now - Date.parse(iso)) / 1000);
  const seconds = Math.abs(past);
  const told = (span: string) => (past < 0 ? `in ${span}` : `${span} ago`);
  if (seconds < 45) return past < 0 ? 'in a moment' : 'just now';
  if (seconds < 3600) return told(`${Math.max(1, Math.round(seconds / 60))} min`);
  if (seconds < 86_400) return told(`${Math.round(seconds / 3600)} h`);
  return new Date(iso).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
}

/** A calendar day: "2026-11-27" -> "27 Nov 2026". */
export const formatDay = (day: string): string =>
  new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', {
    day: 'numeric',
    month: 'short',
    year: 'numeric',
    timeZone: 'UTC',
  });

/** A moment in a named zone: "1 Dec 00:00 Europe/Berlin". */
export function formatInZone(iso: string, timeZone: string): string {
  const text = new Date(iso).toLocaleString('en-GB', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    timeZone,
  });
  return `${text.replace(',', '')} ${timeZone}`;
}
