/** The tokenizer's ranks out of the static assets (scripts/build-tokenizer.mjs): loaded on the first count, not with the Worker. */
import type { LoadRanks, Ranks } from '../domain/cost/encoder.ts';

/** Throws when the file is missing: the counter then counts by bytes and tries again. */
export const ranksFromAssets =
  (assets: Fetcher): LoadRanks =>
  async (encoding) => {
    const response = await assets.fetch(`http://assets/tokenizer/${encoding}.json`);
    if (!response.ok) throw new Error(`tokenizer/${encoding}.json: ${response.status}`);
    return (await response.json()) as Ranks;
  };
