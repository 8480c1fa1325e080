/** Amounts as invoices write them: exact decimals in units of 10^-24 dollars, rounded to nano-USD once, at the end of a sum. */
import { nanoUsd, type NanoUsd } from '../money.ts';

/** Providers write up to twenty digits behind the point. */
const PLACES = 24;
const UNIT = 10n ** BigInt(PLACES);
const PER_NANO = 10n ** BigInt(PLACES - 9);

export interface Amount {
  /** in 10^-24 of the currency */
  units: bigint;
  /** digits behind the point, as written */
  decimals: number;
}

/** "$1,234.50", "-0.5", "(0.50)", "8.5e-06"; null when it is no such number or finer than 10^-24. */
export function parseAmount(text: string): Amount | null {
  const bare = text
    .trim()
    .replace(/^([-(]?)\s*[$€£]\s*/, '$1')
    .replace(/^(-?)\s*[$€£]\s*/, '$1');
  const match = /^(-|\()?(\d{1,3}(?:,\d{3})+|\d{1,12})?(?:\.(\d{0,40}))?(?:[eE]([+-]?\d{1,2}))?(\))?$/.exec(
    bare,
  );
  if (!match) return null;
  const [, sign, whole = '', fraction = '', exponent = '0', close] = match;
  if (Number(exponent) > 12) return null;
  if ((whole === '' && fraction === '') || (sign === '(') !== (close === ')')) return null;
  const shift = PLACES - fraction.length + Number(exponent);
  let units = BigInt(whole.replaceAll(',', '') + fraction);
  if (shift >= 0) units *= 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    if (units % divisor !== 0n) return null;
    units /= divisor;
  }
  return { units: sign ? -units : units, decimals: Math.max(0, fraction.length - Number(exponent)) };
}

/** An amount in another currency at a rate of dollars per unit; what is finer than 10^-24 dollars is dropped. */
export const atRate = (amount: bigint, rate: bigint): bigint => (amount * rate) / UNIT;
export const ONE = UNIT;

/** Rounded half away from zero; null when it is more than a safe number of nano-USD. */
export function toNanoUsd(units: bigint): NanoUsd | null {
  const size = units < 0n ? -units : units;
  const nano = Number((size + PER_NANO / 2n) / PER_NANO);
  if (!Number.isSafeInteger(nano)) return null;
  return nanoUsd(units < 0n && nano !== 0 ? -nano : nano);
}
