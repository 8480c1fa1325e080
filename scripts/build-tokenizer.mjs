/**
 * `node scripts/build-tokenizer.mjs`: gpt-tokenizer's ranks -> web/static/tokenizer/<encoding>.json, so that they stay out of the
 * Worker's bundle: the Worker reads them through ASSETS, the browser by fetch. A file is one JSON array: place = rank,
 * value = the token's text, or its bytes where they are no text.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFresh, stampOf, writeWhole } from './fresh.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const folder = join(root, 'web/static/tokenizer');
export const ENCODINGS = ['o200k_base', 'cl100k_base'];

async function main() {
  const self = fileURLToPath(import.meta.url);
  const stamp = stampOf([join(root, 'node_modules/gpt-tokenizer/package.json'), self]);
  const built = ENCODINGS.every((encoding) => existsSync(join(folder, `${encoding}.json`)));
  if (built && isFresh(join(folder, '.stamp'), stamp)) return;
  for (const encoding of ENCODINGS) {
    const { default: ranks } = await import(`gpt-tokenizer/bpeRanks/${encoding}`);
    if (Object.keys(ranks).length !== ranks.length) throw new Error(`${encoding}: ranks have holes`);
    writeWhole(join(folder, `${encoding}.json`), JSON.stringify(ranks));
    const bytes = readFileSync(join(folder, `${encoding}.json`)).length;
    console.log(`tokenizer: ${encoding}, ${ranks.length} tokens, ${Math.round(bytes / 1024)} KB`);
  }
  writeWhole(join(folder, '.stamp'), stamp);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
