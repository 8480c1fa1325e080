/** OpenAI's two chat formats and their dialects, read out of what real servers sent. The recordings are no part of the project. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SseSplitter } from '../../domain/call/sse.ts';
import type { FormatReader } from '../../domain/contracts/provider.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiResponses } from './openai-responses.ts';

const fixtures = join(import.meta.dirname, '../../../../shared/fixtures');
const rows = (name: string): any[] =>
  existsSync(join(fixtures, name))
    ? readFileSync(join(fixtures, name), 'utf8')
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line))
    : [];
const DIALECTS = ['openai', 'groq', 'mistral', 'deepseek', 'openrouter'];
const bodies = rows('usage-to-cost.jsonl').filter(({ provider }) => DIALECTS.includes(provider));
const streams = rows('streams/index.jsonl').filter(
  ({ flavor }) => flavor === 'chat' || flavor === 'responses',
);
const formatOf = (flavor: string): FormatReader => (flavor === 'responses' ? openaiResponses : openaiChat);
const bytesOf = ({ file }: { file: string }): Uint8Array => readFileSync(join(fixtures, file));

/** Short bodies are split at every byte; of longer ones so many bytes are read in all, at splits that are evenly spread. */
const BYTES_READ = 8_000_000;

function read(format: FormatReader, chunks: Uint8Array[]) {
  const reader = format.streamReader({ usageInjected: false, choices: 1 });
  const splitter = new SseSplitter();
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  for (const { data } of last ? [...events, last] : events) if (data !== null) reader.event(data);
  return reader;
}

describe.skipIf(bodies.length === 0)('recorded usage (skipped: the recordings are not here)', () => {
  it('is read as it was billed, whoever sent it', () => {
    const wrong: string[] = [];
    for (const { api_flavor: flavor, raw_usage: usage, expected_usage: expected } of bodies) {
      const read = formatOf(flavor).usageOf({ usage })!;
      const ours = [
        read.usage.inputTokens,
        read.usage.outputTokens,
        read.usage.cacheReadTokens,
        read.usage.cacheWriteTokens,
      ];
      const theirs = ['input_tokens', 'output_tokens', 'cache_read_tokens', 'cache_write_tokens'].map(
        (name) => expected[name] ?? 0,
      );
      if (String(ours) !== String(theirs)) wrong.push(`${JSON.stringify(usage)}: ${ours} is not ${theirs}`);
    }
    expect(wrong).toEqual([]);
    expect(bodies.length).toBeGreaterThan(200);
  });
});

describe.skipIf(streams.length === 0)('recorded streams (skipped: the recordings are not here)', () => {
  it.each(streams.map((row) => [row.file, row] as const))('%s has its usage, text and end', (_, row) => {
    const reader = read(formatOf(row.flavor), [bytesOf(row)]);
    const expected = row.oracle_genai_prices?.expected_usage;
    if (expected)
      expect(reader.usage()?.usage).toMatchObject({
        inputTokens: expected.input_tokens,
        outputTokens: expected.output_tokens,
      });
    else expect(reader.usage()).toBeNull();
    expect(reader.generated().length).toBeGreaterThan(0);
    expect(reader.error() !== null).toBe(row.notes.includes('error_chunk'));
    expect(reader.ended() || reader.error() !== null).toBe(true);
  });

  it.each(streams.map((row) => [row.file, row] as const))(
    '%s reads the same however it is split',
    (_, row) => {
      const format = formatOf(row.flavor);
      const bytes = bytesOf(row);
      const whole = read(format, [bytes]);
      const stride = Math.max(1, Math.ceil((bytes.length * bytes.length) / BYTES_READ));
      for (let at = 1; at < bytes.length; at += stride) {
        const split = read(format, [bytes.subarray(0, at), bytes.subarray(at)]);
        if (split.generated() !== whole.generated() || split.usage()?.raw !== whole.usage()?.raw)
          expect.fail(`split at byte ${at}`);
      }
    },
  );

  it.each(streams.map((row) => [row.file, row] as const))(
    '%s, cut after any event, never counts more',
    (_, row) => {
      const format = formatOf(row.flavor);
      const splitter = new SseSplitter();
      const events = splitter.push(bytesOf(row)).flatMap(({ data }) => data ?? []);
      const whole = read(format, [bytesOf(row)]);
      // One reader is asked after every event: it has then seen what a cut stream would have shown.
      const reader = format.streamReader({ usageInjected: false, choices: 1 });
      for (const data of events) {
        reader.event(data);
        const usage = reader.usage()?.usage;
        if (usage) expect(usage.outputTokens).toBeLessThanOrEqual(whole.usage()!.usage.outputTokens);
        expect(whole.generated()).toContain(reader.generated().slice(0, 20));
        if (reader.ended() && reader.error() === null) expect(reader.usage()?.raw).toBe(whole.usage()?.raw);
      }
      for (const data of events) reader.event(data);
      expect(reader.usage()?.usage).toEqual(whole.usage()?.usage);
    },
  );
});
