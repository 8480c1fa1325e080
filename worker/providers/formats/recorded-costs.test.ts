/** Recorded usage all the way to money: read by its format's reader, priced by the shipped table, against what was billed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { scaledInteger } from '../../../scripts/build-prices.mjs';
import type { FormatReader } from '../../domain/contracts/provider.ts';
import { costOf } from '../../domain/cost/cost.ts';
import { createPriceTable } from '../../domain/cost/price-table.ts';
import shipped from '../../generated/prices.json';
import { anthropicMessages } from './anthropic-messages.ts';
import { geminiGenerate } from './gemini-generate.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

interface Recorded {
  provider: string;
  api_flavor: string;
  model: string;
  raw_usage: Record<string, unknown>;
  expected_usage: Record<string, number>;
  expected_input_price: string | null;
  expected_output_price: string | null;
  expected_total_price: string | null;
  price_timestamp: string;
}

const file = join(import.meta.dirname, '../../../../shared/fixtures/usage-to-cost.jsonl');
const rows: Recorded[] = existsSync(file)
  ? readFileSync(file, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Recorded)
  : [];
const table = createPriceTable(shipped);

/** The body that the usage object stood in. */
function readerOf({ provider, api_flavor: flavor }: Recorded): [FormatReader, string] | null {
  if (provider === 'anthropic') return [anthropicMessages, 'usage'];
  if (provider === 'google')
    return flavor === 'chat' ? [openaiChat, 'usage'] : [geminiGenerate, 'usageMetadata'];
  return flavor === 'responses' ? [openaiResponses, 'usage'] : [openaiChat, 'usage'];
}

const pico = (usd: string | null) => (usd === null ? 0 : scaledInteger(usd, 12));
const billedNanoUsd = (row: Recorded) =>
  Math.ceil(
    (row.expected_total_price
      ? pico(row.expected_total_price)
      : pico(row.expected_input_price) + pico(row.expected_output_price)) / 1_000,
  );

/** The recordings are newer or older than the price data. */
const OTHER_DATA = ['mistral/ministral-8b-latest', 'openrouter/google/gemini-2.0-flash-exp:free'];

/** Why ours may be dearer, on purpose; never cheaper. */
function dearerOnPurpose({ raw_usage: raw, model, expected_usage: expected }: Recorded): string | null {
  if (raw.iterations) return 'rounds that the expectation leaves out cost money';
  if (/flash-image/.test(model)) return 'usage does not tell image tokens from text: the dearer rate';
  if (expected.cache_audio_read_tokens) return 'nor cached audio from other cached tokens';
  return null;
}

describe.skipIf(rows.length === 0)('recorded usage (skipped: the recordings are not here)', () => {
  it('costs what was billed, of every provider, read by its own reader', () => {
    const wrong: string[] = [];
    const dearer = new Map<string, number>();
    let exact = 0;
    for (const row of rows) {
      const what = `${row.provider}/${row.model}`;
      if (OTHER_DATA.includes(what)) continue;
      if (row.expected_total_price === null && row.expected_input_price === null) continue;
      const [reader, place] = readerOf(row)!;
      const read = reader.usageOf({ [place]: row.raw_usage, choices: [], candidates: [], content: [] });
      const price = table.lookup(row.provider, row.model, row.price_timestamp);
      if (!read || !price) {
        wrong.push(`${what}: ${read ? 'no price' : `not read: ${JSON.stringify(row.raw_usage)}`}`);
        continue;
      }
      const ours = costOf(read.usage, price, (model) =>
        table.lookup(row.provider, model, row.price_timestamp),
      );
      const billed = billedNanoUsd(row);
      const why = dearerOnPurpose(row);
      if (Math.abs(ours - billed) <= 1) exact += 1;
      else if (ours > billed && why) dearer.set(why, (dearer.get(why) ?? 0) + 1);
      else wrong.push(`${what} ${JSON.stringify(row.raw_usage)}: ${ours}, billed ${billed}`);
    }
    expect(wrong).toEqual([]);
    expect(exact).toBeGreaterThan(450);
    expect([...dearer.values()].reduce((sum, count) => sum + count, 0)).toBeLessThan(20);
  });
});
