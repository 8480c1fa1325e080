/** The built ranks, for tests and benchmarks in node. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { LoadRanks, Ranks } from '../../worker/domain/cost/encoder.ts';

const folder = join(import.meta.dirname, '../../web/static/tokenizer');

export const ranksFromDisk: LoadRanks = async (encoding) =>
  JSON.parse(await readFile(join(folder, `${encoding}.json`), 'utf8')) as Ranks;
