/** Instants in and out of `<input type="datetime-local">`, which knows the reader's clock and no zone. */

/** "2026-12-24T18:00" in the reader's zone; '' when it is no date. */
export function localTime(instant: string): string {
  const date = new Date(instant);
  if (Number.isNaN(date.getTime())) return '';
  const two = (number: number) => String(number).padStart(2, '0');
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}T${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** The UTC instant of a time on the reader's clock; null when it is half typed. */
export function toInstant(local: string): string | null {
  const date = new Date(local);
  return local === '' || Number.isNaN(date.getTime()) ? null : date.toISOString();
}
