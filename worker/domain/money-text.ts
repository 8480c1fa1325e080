/** Money for the eye (ui.md section 5): pure text out of whole nano-USD. Nothing here is added or compared. */

/** Another currency that amounts are shown in, for display only (T3): `perUsd` of it are a dollar, as decimal text, on that day (YYYY-MM-DD). */
export interface DisplayCurrency {
  code: string;
  perUsd: string;
  asOf: string;
}

const currencies = new Set(Intl.supportedValuesOf('currency'));
/** Is it a currency's code in ISO 4217 ("EUR")? */
export const isCurrency = (code: string): boolean => currencies.has(code);

export interface CostFormat {
  /** ceilings round up; of a range its end */
  up?: boolean;
  locale?: string;
  currency?: string;
  /** what a dollar is in that currency, as decimal text */
  perUsd?: string;
}

/** Exact decimal dollars, as `data-value` carries them: 10500000 -> "0.0105". Throws RangeError when not a safe integer. */
export const usd = (nano: number): string => amount(nano, '1');

/** Exact decimal units of a currency of which `perUsd` are a dollar: (10500000, "0.92") -> "0.00966". */
export function amount(nano: number, perUsd: string): string {
  if (!Number.isSafeInteger(nano)) throw new RangeError(`not a whole, safe number of nano-USD: ${nano}`);
  const [whole = '', fraction = ''] = perUsd.split('.');
  const decimals = 9 + fraction.length;
  const digits = String(BigInt(Math.abs(nano)) * BigInt(whole + fraction)).padStart(decimals + 1, '0');
  const text = `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`.replace(/\.?0+$/, '');
  return (nano < 0 ? '-' : '') + text;
}

/** "$0.0105"; a cost that is not zero never reads "$0.00". */
export function formatCost(
  nano: number,
  { up = false, locale = 'en-US', currency = 'USD', perUsd = '1' }: CostFormat = {},
): string {
  const exact = amount(nano, perUsd);
  // for choosing how many digits to show, and for nothing else
  const size = Math.abs(Number(exact));
  const style = { style: 'currency', currency } as const;
  const cents = Math.min(
    2,
    new Intl.NumberFormat(locale, style).resolvedOptions().maximumFractionDigits ?? 2,
  );
  const format = new Intl.NumberFormat(locale, {
    ...style,
    minimumFractionDigits: cents,
    maximumFractionDigits: size < 1 ? 4 : cents,
    roundingMode: up ? 'ceil' : 'halfExpand',
  });
  if (size > 0 && size < 0.0001 && !up) return `${nano < 0 ? '-' : ''}<${format.format('0.0001')}`;
  return format.format(exact as `${number}`);
}

/** "$0.0031 – $0.0074"; ends that read the same stand once. */
export function formatRange(lowNano: number, highNano: number, format: CostFormat = {}): string {
  const [low, high] = [formatCost(lowNano, { ...format, up: false }), formatCost(highNano, format)];
  return low === high || lowNano === highNano ? low : `${low} – ${high}`;
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
