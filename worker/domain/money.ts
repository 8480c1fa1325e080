/** Money: whole nano-US-dollars; prices: whole pico-US-dollars per token. No float ever touches an amount. */

declare const brand: unique symbol;

/** A whole number of nano-USD (10^-9 dollars). `0` is "nothing"; where there is no amount, use `null`. */
export type NanoUsd = number & { readonly [brand]: 'NanoUsd' };

/** A price: whole pico-USD (10^-12 dollars) per token, the same integer as micro-USD per million tokens. */
export type PicoUsdPerToken = number & { readonly [brand]: 'PicoUsdPerToken' };

export const ZERO = 0 as NanoUsd;

/** The one maker of NanoUsd. Throws RangeError when the number is not a safe integer (a bug, never a user error). */
export function nanoUsd(value: number): NanoUsd {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not a whole, safe number of nano-USD: ${value}`);
  return value as NanoUsd;
}

export const addNanoUsd = (a: NanoUsd, b: NanoUsd): NanoUsd => nanoUsd(a + b);
export const subtractNanoUsd = (a: NanoUsd, b: NanoUsd): NanoUsd => nanoUsd(a - b);

/** The one maker of PicoUsdPerToken. Throws RangeError when negative or not a safe integer. */
export function picoUsdPerToken(value: number): PicoUsdPerToken {
  if (!Number.isSafeInteger(value) || value < 0)
    throw new RangeError(`not a whole price in pico-USD per token: ${value}`);
  return value as PicoUsdPerToken;
}

/** Parses a decimal price text in USD per million tokens: "3.75" -> 3_750_000. Returns null when it is not a plain decimal or is finer than a pico-USD per token. */
export function parseUsdPerMillionTokens(text: string): PicoUsdPerToken | null {
  const match = /^(\d{1,9})(?:\.(\d+))?$/.exec(text.trim());
  if (!match) return null;
  const fraction = (match[2] ?? '').replace(/0+$/, '');
  if (fraction.length > 6) return null;
  return picoUsdPerToken(Number(match[1]) * 1_000_000 + Number(fraction.padEnd(6, '0')));
}

/** One line of a bill: how many units, at what whole pico-USD each. */
export interface CostLine {
  units: number;
  picoUsdPerUnit: number;
}

/** The sum of lines in pico-USD, divided by 1,000 and rounded up ONCE. Exact at any size (bigint inside). */
export const costOfLines = (lines: readonly CostLine[]): NanoUsd => nanoUsd(Number(exactCost(lines)));

/** The same at any size, for who has to know whether it can be counted at all. */
export function exactCost(lines: readonly CostLine[]): bigint {
  let picoUsd = 0n;
  for (const line of lines) picoUsd += BigInt(line.units) * BigInt(line.picoUsdPerUnit);
  return (picoUsd + 999n) / 1000n;
}
