/** Dollars that a person types, as whole nano-USD. */
export type Typed = { ok: true; nanoUsd: number | null } | { ok: false; message: string };

/** "" -> none (null), "0" -> nothing may be spent, "12.5" -> 12500000000. A comma may stand for the decimal point. */
export function parseDollars(text: string): Typed {
  const clean = text.trim().replace(/^\$/, '').replace(',', '.');
  if (clean === '') return { ok: true, nanoUsd: null };
  const match = /^(\d+)(?:\.(\d{0,9}))?$/.exec(clean);
  if (!match)
    return { ok: false, message: 'Enter an amount in dollars, such as 100 or 0.25 (at most 9 decimals).' };
  const nanoUsd = Number(BigInt(match[1]!) * 1_000_000_000n + BigInt((match[2] ?? '').padEnd(9, '0')));
  if (!Number.isSafeInteger(nanoUsd)) return { ok: false, message: 'This is more than $9,007,199.' };
  return { ok: true, nanoUsd };
}
