/** Streams that real providers sent, recorded by others (MIT). They are no part of the project and lie beside the checkout, or do not. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { WireFormat } from '../../worker/domain/contracts/provider.ts';
import type { RecordedStream } from './streams.ts';

const folder = join(import.meta.dirname, '../../../shared/fixtures');
const FORMATS: Record<string, WireFormat> = {
  chat: 'openai_chat',
  responses: 'openai_responses',
  anthropic: 'anthropic_messages',
  gemini: 'gemini_generate',
};

interface Row {
  file: string;
  provider: string;
  flavor: string;
  request_model: string | null;
  stream_options: { include_usage?: boolean } | null;
  notes: string[];
}

/** Each once: several rows of the index are the same bytes. */
export function sharedStreams(): Omit<RecordedStream, 'usage'>[] {
  const index = join(folder, 'streams/index.jsonl');
  if (!existsSync(index)) return [];
  const rows = readFileSync(index, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);
  const byText = new Map<string, Omit<RecordedStream, 'usage'>>();
  for (const row of rows) {
    const text = readFileSync(join(folder, row.file), 'utf8');
    byText.set(text, {
      name: row.file.replace('streams/', ''),
      format: FORMATS[row.flavor]!,
      provider: row.provider === 'google' ? 'gemini' : row.provider,
      model: row.request_model ?? 'gemini-2.5-flash',
      text,
      ...(row.notes.includes('error_chunk') ? { error: row.file } : {}),
    });
  }
  return [...byText.values()];
}
