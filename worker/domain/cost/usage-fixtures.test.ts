/** Real recorded usage against the prices it was billed at. The recordings are no part of the project; a sample of our own always runs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scaledInteger } from '../../../scripts/build-prices.mjs';
import shipped from '../../generated/prices.json';
import { costOf } from './cost.ts';
import { createPriceTable } from './price-table.ts';
import { NO_USAGE, type Usage } from './usage.ts';

interface Recorded {
  provider: string;
  model: string;
  expected_usage: Record<string, number>;
  expected_input_price: string | null;
  expected_output_price: string | null;
  expected_total_price: string | null;
  price_timestamp: string;
}

const table = createPriceTable(shipped);
const recordings = join(import.meta.dirname, '../../../../shared/fixtures/usage-to-cost.jsonl');
const recorded: Recorded[] = existsSync(recordings)
  ? readFileSync(recordings, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Recorded)
  : [];

function usageOf(row: Recorded): Usage {
  const of = (key: string) => row.expected_usage[key] ?? 0;
  const oneHour = of('cache_write_1h_tokens');
  return {
    ...NO_USAGE,
    inputTokens: of('input_tokens'),
    outputTokens: of('output_tokens'),
    cacheReadTokens: of('cache_read_tokens'),
    cacheWriteTokens: Math.max(of('cache_write_tokens') - oneHour, of('cache_write_5m_tokens')),
    cacheWrite1hTokens: oneHour,
    inputAudioTokens: of('input_audio_tokens'),
    outputAudioTokens: of('output_audio_tokens'),
    webSearches: of('web_searches'),
  };
}

const picoOf = (usd: string | null): number => (usd === null ? 0 : scaledInteger(usd, 12));
/** Nano-USD that the recording says, rounded up. */
const expectedNanoUsd = (row: Recorded): number =>
  Math.ceil(
    (row.expected_total_price
      ? picoOf(row.expected_total_price)
      : picoOf(row.expected_input_price) + picoOf(row.expected_output_price)) / 1_000,
  );

const SAMPLE: Recorded[] = [
  [
    'openai',
    'gpt-4o-2024-08-06',
    { input_tokens: 1_200, cache_read_tokens: 1_024, output_tokens: 50 },
    '0.00222',
  ],
  [
    'anthropic',
    'claude-sonnet-4-5-20250929',
    { input_tokens: 5_000, cache_read_tokens: 2_000, cache_write_tokens: 1_000, output_tokens: 10 },
    '0.0105',
  ],
  ['google', 'gemini-2.5-pro', { input_tokens: 250_000, output_tokens: 100 }, '0.6265'],
  ['groq', 'openai/gpt-oss-20b', { input_tokens: 1_000, output_tokens: 1_000 }, '0.000375'],
].map(([provider, model, expected_usage, total]) => ({
  provider,
  model,
  expected_usage,
  expected_input_price: null,
  expected_output_price: null,
  expected_total_price: total,
  price_timestamp: '2026-09-01T12:00:00Z',
})) as Recorded[];

/** The recordings are newer or older than the price package's data here (its own calcPrice says what we say). */
const OTHER_DATA = ['mistral/ministral-8b-latest', 'openrouter/google/gemini-2.0-flash-exp:free'];

/** Usage does not tell image tokens from text, nor cached audio from other cached tokens: the dearer reading is charged. */
const DEARER_ON_PURPOSE = /^google\/gemini-2\.5-flash-image |"cache_audio_read_tokens"/;

describe('recorded usage', () => {
  it.each(SAMPLE.map((row) => [row.model, row] as const))('%s costs what its price list says', (_, row) => {
    const price = table.lookup(row.provider, row.model, row.price_timestamp)!;
    expect(costOf(usageOf(row), price)).toBe(expectedNanoUsd(row));
  });

  it.skipIf(recorded.length === 0)(
    'of 570 real calls costs what was billed, never less (skipped: the recordings are not here)',
    () => {
      const dearer: string[] = [];
      const wrong: string[] = [];
      let priced = 0;
      for (const row of recorded) {
        if (OTHER_DATA.includes(`${row.provider}/${row.model}`)) continue;
        if (row.expected_total_price === null && row.expected_input_price === null) continue;
        const price = table.lookup(row.provider, row.model, row.price_timestamp);
        const what = `${row.provider}/${row.model} ${JSON.stringify(row.expected_usage)}`;
        if (!price) {
          wrong.push(`${what}: no price`);
          continue;
        }
        priced++;
        const [ours, theirs] = [costOf(usageOf(row), price), expectedNanoUsd(row)];
        if (ours < theirs) wrong.push(`${what}: ${ours} < ${theirs}`);
        else if (ours > theirs + 1 && !DEARER_ON_PURPOSE.test(what))
          dearer.push(`${what}: ${ours} > ${theirs}`);
      }
      expect(wrong).toEqual([]);
      expect(priced).toBeGreaterThan(400);
      expect(dearer).toEqual([]);
    },
  );
});
