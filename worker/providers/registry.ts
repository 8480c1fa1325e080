/** Every provider, once. */
import type { FormatReader, Provider, WireFormat } from '../domain/contracts/provider.ts';
import { anthropic } from './anthropic.ts';
import { anthropicMessages } from './formats/anthropic-messages.ts';
import { geminiGenerate } from './formats/gemini-generate.ts';
import { openaiChat } from './formats/openai-chat.ts';
import { openaiEmbeddings } from './formats/openai-embeddings.ts';
import { openaiResponses } from './formats/openai-responses.ts';
import { gemini } from './gemini.ts';
import { openai } from './openai.ts';
import { openaiCompatible } from './openai-compatible.ts';
import { sandbox } from './sandbox.ts';
import { workersAi } from './workers-ai.ts';

export { conversionFor } from './convert/registry.ts';
/** What the http room needs of a format beside its reader. */
export { anthropicErrorType } from './formats/anthropic-messages.ts';

export const PROVIDERS = [
  sandbox,
  openai,
  anthropic,
  gemini,
  workersAi,
  openaiCompatible,
] as const satisfies readonly Provider[];
export type ProviderId = (typeof PROVIDERS)[number]['id'];

const FORMATS: readonly FormatReader[] = [
  openaiChat,
  openaiResponses,
  openaiEmbeddings,
  anthropicMessages,
  geminiGenerate,
];

export const providerOf = (id: string): Provider | null =>
  PROVIDERS.find((provider) => provider.id === id) ?? null;

/** Throws for a format that no file in formats/ reads: routes only name those that are read. */
export function formatOf(format: WireFormat): FormatReader {
  const reader = FORMATS.find((candidate) => candidate.format === format);
  if (!reader) throw new Error(`no reader for the wire format ${format}`);
  return reader;
}
