/** Usage, normalised: one shape for every provider (accounting.md). Totals include their parts. */
import { z } from 'zod';

/**
 * How a provider may serve one and the same model, each at a price of its own. `fast` is a premium above `priority` or beside it
 * (Anthropic's `speed: "fast"`, OpenAI's ultrafast); OpenAI's own "Fast mode" is its `priority` under a newer name.
 */
export const SERVICE_TIERS = ['standard', 'batch', 'flex', 'priority', 'fast'] as const;
export type ServiceTier = (typeof SERVICE_TIERS)[number];

/**
 * What providers bill beside tokens and web searches. `codeContainerGb`: a session of a code container, per GB of its memory;
 * `codeExecution`: a request that ran code, where containers are billed by time; `mapsGrounding`: a request answered out of maps;
 * `webSearchPreview`: a search by the older tool, whose found text is not billed as input.
 */
export const TOOL_KINDS = [
  'fileSearch',
  'webSearchPreview',
  'codeContainerGb',
  'codeExecution',
  'mapsGrounding',
] as const;
export type ToolKind = (typeof TOOL_KINDS)[number];

const tokens = z.int().min(0);

const parts = {
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
};

/** A share of the usage that the provider ran on a model it names (Anthropic's iterations: fallback, advisor), priced as that model. */
const roundSchema = z.object({ model: z.string(), ...parts });
export type Round = z.infer<typeof roundSchema>;

export const usageSchema = z.object({
  ...parts,
  /** part of output */
  reasoningTokens: tokens.default(0),
  /** part of input */
  inputAudioTokens: tokens.default(0),
  /** part of output */
  outputAudioTokens: tokens.default(0),
  /** web searches the provider ran and bills one by one */
  webSearches: tokens.default(0),
  /** other things it bills by the piece */
  toolCalls: z.partialRecord(z.enum(TOOL_KINDS), tokens).default({}),
  /** the tier it says it served under; null = it does not say */
  serviceTier: z.enum(SERVICE_TIERS).nullable().default(null),
  /** served in a region with a surcharge */
  regional: z.boolean().default(false),
  /** inside the totals above */
  rounds: z.array(roundSchema).default([]),
});
export type Usage = z.infer<typeof usageSchema>;

export const NO_USAGE: Usage = usageSchema.parse({ inputTokens: 0, outputTokens: 0 });

/** Where the numbers come from: the provider said so, we counted, or somebody logged them. */
export type UsageSource = 'reported' | 'estimated' | 'external';
