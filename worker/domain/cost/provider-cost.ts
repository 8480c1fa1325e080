/** What a provider itself says a call cost, out of the usage JSON it sent: shown beside our own number, never in its place. */

/** Nano-USD of `cost` (OpenRouter, in USD), rounded up; null = it says nothing that makes sense. */
export function providerCostIn(rawUsage: string | null): number | null {
  if (rawUsage === null || !rawUsage.includes('"cost"')) return null;
  let usage: unknown;
  try {
    usage = JSON.parse(rawUsage);
  } catch {
    return null;
  }
  const cost = (usage as { cost?: unknown } | null)?.cost;
  return typeof cost === 'number' && cost >= 0 ? nanoUsdIn(String(cost)) : null;
}

/** By its digits: 0.1 + 0.2 is no amount of money. */
function nanoUsdIn(decimal: string): number | null {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]\d{1,3}))?$/.exec(decimal);
  if (!match) return null;
  const fraction = match[2] ?? '';
  const shift = Number(match[3] ?? 0) - fraction.length + 9;
  const digits = BigInt(match[1]! + fraction);
  const divisor = 10n ** BigInt(Math.max(0, -shift));
  const nano = Number((digits * 10n ** BigInt(Math.max(0, shift)) + divisor - 1n) / divisor);
  return Number.isSafeInteger(nano) ? nano : null;
}
