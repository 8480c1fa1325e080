/** The built-in sandbox provider's models and prices (api.md): no key, no network, real money rules. */
import type { ModelInfo, Price } from './price.ts';

export const SANDBOX = 'sandbox';
const SINCE = '2026-01-01T00:00:00.000Z';
const LARGE = { input: 3_000_000, output: 15_000_000 };
const SMALL = { input: 300_000, output: 1_500_000 };

const MODELS = {
  'sandbox-large': LARGE,
  'sandbox-small': SMALL,
  'sandbox-slow': SMALL,
  'sandbox-flaky': SMALL,
  'sandbox-429': SMALL,
  'sandbox-500': SMALL,
} as const;

/** Always in force; the date only names the row. */
export const SANDBOX_PRICES: readonly Price[] = Object.entries(MODELS).map(([model, rates]) => ({
  id: `${SANDBOX}:${SANDBOX}/${model}@${SINCE.slice(0, 10)}`,
  provider: SANDBOX,
  model,
  effectiveFrom: SINCE,
  source: SANDBOX,
  rates: { ...rates },
  tiers: [],
}));

/** Without max tokens in the request a sandbox model writes at most this many. */
export const SANDBOX_MAX_OUTPUT_TOKENS = 500;

export const SANDBOX_MODELS: readonly ModelInfo[] = Object.keys(MODELS).map((model) => ({
  provider: SANDBOX,
  model,
  name: model.replace('sandbox-', 'Sandbox '),
  contextWindow: 128_000,
  maxOutputTokens: SANDBOX_MAX_OUTPUT_TOKENS,
}));
