/**
 * `node scripts/build-prices.mjs`: @pydantic/genai-prices -> worker/generated/prices.json, our own integers.
 * Shape: ShippedPrices in worker/domain/cost/shipped.ts. Nothing is fetched; it runs only when the package or this file changed.
 *
 * Where the package knows more kinds of units than we count, the dearer one stands for all: image and video tokens price the
 * whole input or output of a model that has them, reasoning and citation tokens the whole output. Models billed only by the
 * hour, page or message get no price (they are refused under a budget rather than priced wrongly).
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isFresh, stampOf, writeWhole } from './fresh.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const target = join(root, 'worker/generated/prices.json');

/** The whole number of 10^-places units in a decimal text, rounded half up below that; "2.5e-7" is understood. Never multiplies floats. */
export function scaledInteger(text, places) {
  const match = /^(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text);
  if (!match) throw new Error(`not a decimal number: ${text}`);
  const fraction = match[2] ?? '';
  const digits = BigInt(match[1] + fraction);
  const shift = Number(match[3] ?? 0) - fraction.length + places;
  const whole =
    shift >= 0
      ? digits * 10n ** BigInt(shift)
      : (digits * 10n + 5n * 10n ** BigInt(-shift)) / 10n ** BigInt(1 - shift);
  const value = Number(whole);
  if (!Number.isSafeInteger(value)) throw new Error(`too large a price: ${text}`);
  return value;
}

const perMillionTokens = (usd) => scaledInteger(String(usd), 6);
const perThousandUnits = (usd) => scaledInteger(String(usd), 9);

/** Which price keys of the package make up each rate of ours: the dearest of them holds. */
const RATE_KEYS = {
  input: ['input_mtok', 'input_image_mtok', 'input_video_mtok'],
  output: [
    'output_mtok',
    'output_image_mtok',
    'output_video_mtok',
    'output_reasoning_mtok',
    'output_citation_mtok',
  ],
  cacheRead: ['cache_read_mtok', 'cache_image_read_mtok'],
  cacheWrite: ['cache_write_mtok'],
  cacheWrite1h: ['cache_write_1h_mtok'],
  inputAudio: ['input_audio_mtok'],
  outputAudio: ['output_audio_mtok'],
};
const OTHER_KEYS = new Set([
  'web_searches_kcount',
  'requests_kcount',
  // billed for things that we do not count, or that never come alone
  'storage_searches_kcount',
  'cache_audio_read_mtok',
  'audio_hours',
  'input_audio_hours',
  'input_document_kpages',
  'input_annotated_document_kpages',
  'input_text_messages_kcount',
]);

const priceAt = (value, start) =>
  typeof value === 'number'
    ? value
    : [...value.tiers]
        .sort((a, b) => a.start - b.start)
        .reduce((price, tier) => (start !== null && tier.start <= start ? tier.price : price), value.base);

function ratesAt(prices, start, provider) {
  const rates = {};
  for (const [rate, keys] of Object.entries(RATE_KEYS)) {
    const found = keys
      .filter((key) => prices[key] !== undefined)
      .map((key) => perMillionTokens(priceAt(prices[key], start)));
    if (found.length > 0) rates[rate] = Math.max(...found);
  }
  rates.input ??= 0;
  rates.output ??= 0;
  // OpenRouter states Google's storage fee, which comes on top of the input; elsewhere a write is at least an input.
  if (rates.cacheWrite < rates.input)
    rates.cacheWrite = provider === 'openrouter' ? rates.input + rates.cacheWrite : rates.input;
  return rates;
}

/** One row of ours from one set of prices; null when it has no price per token. */
function rowOf(prices, provider) {
  for (const key of Object.keys(prices))
    if (!OTHER_KEYS.has(key) && !Object.values(RATE_KEYS).some((keys) => keys.includes(key)))
      throw new Error(`unknown price key ${key}: say in scripts/build-prices.mjs what it means`);
  if (prices.input_mtok === undefined && prices.output_mtok === undefined) return null;
  const starts = new Set(
    Object.values(prices).flatMap((value) =>
      typeof value === 'object' ? value.tiers.map((tier) => tier.start) : [],
    ),
  );
  const tiers = [...starts]
    .sort((a, b) => a - b)
    .map((start) => ({ aboveInputTokens: start, rates: ratesAt(prices, start, provider) }));
  return {
    rates: ratesAt(prices, null, provider),
    ...(tiers.length > 0 ? { tiers } : {}),
    ...(prices.web_searches_kcount === undefined
      ? {}
      : { picoUsdPerWebSearch: perThousandUnits(prices.web_searches_kcount) }),
    ...(prices.requests_kcount === undefined
      ? {}
      : { picoUsdPerRequest: perThousandUnits(prices.requests_kcount) }),
  };
}

/** The package's conditional prices as rows in its own order: the last one whose condition holds prices the call. */
function rowsOf(model, provider) {
  const conditional = Array.isArray(model.prices) ? model.prices : [{ prices: model.prices }];
  return conditional.flatMap(({ constraint, prices }) => {
    const row = rowOf(prices, provider);
    if (!row) return [];
    if (!constraint) return [row];
    if (constraint.type === 'start_date') return [{ from: constraint.start_date, ...row }];
    if (constraint.type === 'time_of_date')
      return [
        { daily: { from: constraint.start_time.slice(0, 8), to: constraint.end_time.slice(0, 8) }, ...row },
      ];
    throw new Error(`${provider}/${model.id}: unknown condition ${JSON.stringify(constraint)}`);
  });
}

/** Max output tokens: OpenAI's from gpt-tokenizer's model specifications, Google's by generation. */
function maxOutputOf(provider, id, specs) {
  if (provider === 'openai' || provider === 'azure') return specs.get(id) ?? null;
  if (provider === 'google' && /^gemini-(2\.5|[3-9])/.test(id)) return 65_536;
  if (provider === 'google' && /^gemini-(1\.5|2\.0)/.test(id)) return 8_192;
  return null;
}

/** The whole table; pure but for reading the two packages. */
export async function shippedPrices() {
  const require = createRequire(join(root, 'package.json'));
  const entry = require.resolve('@pydantic/genai-prices');
  const { default: genai, ...named } = await import(pathToFileURL(entry).href);
  const providers = await (named.waitForUpdate ?? genai.waitForUpdate)();
  const { version } = require(join(dirname(entry), '../package.json'));
  const specs = new Map();
  for (const [name, spec] of Object.entries(await import('gpt-tokenizer/models')))
    if (spec?.max_output_tokens) specs.set(name, spec.max_output_tokens);
  return {
    source: `genai-prices@${version}`,
    providers: providers.map((provider) => ({
      id: provider.id,
      name: provider.name,
      ...(provider.api_pattern ? { apiPattern: provider.api_pattern } : {}),
      ...(provider.provider_match ? { match: provider.provider_match } : {}),
      ...(provider.model_match ? { modelMatch: provider.model_match } : {}),
      ...(provider.fallback_model_providers ? { fallbacks: provider.fallback_model_providers } : {}),
      models: provider.models.map((model) => ({
        id: model.id,
        ...(model.name ? { name: model.name } : {}),
        ...(model.context_window ? { contextWindow: model.context_window } : {}),
        ...(maxOutputOf(provider.id, model.id, specs)
          ? { maxOutputTokens: maxOutputOf(provider.id, model.id, specs) }
          : {}),
        match: model.match,
        rows: rowsOf(model, provider.id),
      })),
    })),
  };
}

async function main() {
  const stamp = stampOf([
    join(root, 'node_modules/@pydantic/genai-prices/package.json'),
    join(root, 'node_modules/gpt-tokenizer/package.json'),
    fileURLToPath(import.meta.url),
  ]);
  if (existsSync(target) && isFresh(`${target}.stamp`, stamp)) return;
  const table = await shippedPrices();
  writeWhole(target, JSON.stringify(table));
  writeWhole(`${target}.stamp`, stamp);
  console.log(
    `prices: ${table.providers.reduce((sum, provider) => sum + provider.models.length, 0)} models of ${table.source}`,
  );
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
