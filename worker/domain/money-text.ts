/** Money for the eye (ui.md section 5): pure text out of whole nano-USD. Nothing here is added or compared. */

export interface CostFormat {
  /** ceilings round up */
  up?: boolean;
  locale?: string;
  currency?: string;
}

/** Exact decimal dollars, as `data-value` carries them: 10500000 -> "0.0105". Throws RangeError when not a safe integer. */
export function usd(nano: number): string {
  if (!Number.isSafeInteger(nano)) throw new RangeError(`not a whole, safe number of nano-USD: ${nano}`);
  const sign = nano < 0 ? '-' : '';
  const digits = String(Math.abs(nano)).padStart(10, '0');
  return sign + `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '');
}

/** "$0.0105"; a cost that is not zero never reads "$0.00". */
export function formatCost(
  nano: number,
  { up = false, locale = 'en-US', currency = 'USD' }: CostFormat = {},
): string {
  const size = Math.abs(nano);
  const format = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency,
    minimumFractionDigits: 2,
    maximumFractionDigits: size < 1e9 ? 4 : 2,
    roundingMode: up ? 'ceil' : 'halfExpand',
  });
  if (size > 0 && size < 1e5 && !up) return `${nano < 0 ? '-' : ''}<${format.format('0.0001')}`;
  return format.format(usd(nano) as `${number}`);
}

/** "$0.0031 – $0.0074"; ends that read the same stand once. */
export function formatRange(lowNano: number, highNano: number, format: CostFormat = {}): string {
  const [low, high] = [formatCost(lowNano, format), formatCost(highNano, format)];
  return low === high ? low : `${low} – ${high}`;
}

/** A price of pico-USD per token as "$3.00 / 1M tokens", with 2 to 6 decimals. */
export function formatPrice(picoUsdPerToken: number, locale = 'en-US'): string {
  // pico-USD per token = micro-USD per million tokens, so a thousandth of a nano-USD: exact as text.
  const digits = String(picoUsdPerToken).padStart(7, '0');
  const amount = new Intl.NumberFormat(locale, {
    style: 'currency',
    currency: 'USD',
    minimumFractionDigits: 2,
    maximumFractionDigits: 6,
  }).format(`${digits.slice(0, -6)}.${digits.slice(-6)}` as `${number}`);
  return `${amount} / 1M tokens`;
}
