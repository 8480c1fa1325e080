/** Usage, normalised: one shape for every provider (accounting.md). Totals include their parts. */
import { z } from 'zod';

const tokens = z.int().min(0);

export const usageSchema = z.object({
  /** total input, cache reads and writes inside */
  inputTokens: tokens,
  /** part of input */
  cacheReadTokens: tokens.default(0),
  /** part of input, 5-minute writes */
  cacheWriteTokens: tokens.default(0),
  /** part of input, 1-hour writes (Anthropic: priced at 2x) */
  cacheWrite1hTokens: tokens.default(0),
  /** total output, reasoning inside */
  outputTokens: tokens,
  /** part of output */
  reasoningTokens: tokens.default(0),
  /** part of input */
  inputAudioTokens: tokens.default(0),
  /** part of output */
  outputAudioTokens: tokens.default(0),
  /** web searches the provider ran and bills one by one */
  webSearches: tokens.default(0),
});
export type Usage = z.infer<typeof usageSchema>;

export const NO_USAGE: Usage = usageSchema.parse({ inputTokens: 0, outputTokens: 0 });

/** Where the numbers come from: the provider said so, we counted, or somebody logged them. */
export type UsageSource = 'reported' | 'estimated' | 'external';
