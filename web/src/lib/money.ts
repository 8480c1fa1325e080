/** Money and numbers for the eye (ui.md section 5). Amounts are whole nano-USD; nothing here is added or compared. */

/** Exact decimal dollars, as `data-value` carries them: 10500000 -> "0.0105". */
export const usd = (nano: number): string => {
  const sign = nano < 0 ? '-' : '';
  const digits = String(Math.abs(nano)).padStart(10, '0');
  return sign + `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '');
};

/** "$0.0105"; `up` rounds up, for ceilings; a cost that is not zero never reads "$0.00". */
export function formatCost(nano: number, { up = false, locale = 'en-US', currency = 'USD' } = {}): string {
  const size = Math.abs(nano);
  const format = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: size < 1e9 ? 4 : 2,
    roundingMode: up ? 'ceil' : 'halfExpand',
  } as Intl.NumberFormatOptions);
  if (size > 0 && size < 1e5 && !up) return `${nano < 0 ? '-' : ''}<${format.format('0.0001' as never)}`;
  return format.format(usd(nano) as never);
}
