/** OpenAI's embeddings wire format: input only, no output tokens, no streams. */
import type { FormatReader, StreamReader } from '../../domain/contracts/provider.ts';
import { isObject, tokens } from './json.ts';
import { openaiUsage } from './openai-usage.ts';

function errorIn(body: unknown): string | null {
  if (!isObject(body) || !body.error || Array.isArray(body.data)) return null;
  if (typeof body.error === 'string') return body.error;
  if (isObject(body.error) && typeof body.error.message === 'string') return body.error.message;
  return JSON.stringify(body.error).slice(0, 500);
}

/** Embeddings do not stream: whatever events come are passed on and tell nothing. */
const NO_STREAM: StreamReader = {
  event: () => undefined,
  usage: () => null,
  usageSoFar: () => null,
  text: () => '',
  generated: () => '',
  error: () => null,
  finishing: () => false,
  ended: () => false,
};

export const openaiEmbeddings: FormatReader = {
  format: 'openai_embeddings',
  askOf: () => ({ maxOutputTokens: 0, choices: 1, audio: false, webSearches: 0 }),
  withMaxOutput: (body) => body,
  outgoing: (body, { model }) => ({ body: { ...body, model }, usageInjected: false }),
  // Some servers state the total alone.
  usageOf: (body) => {
    if (!isObject(body) || !isObject(body.usage)) return null;
    const { usage } = body;
    const input = tokens(usage.prompt_tokens ?? usage.input_tokens ?? usage.total_tokens);
    const reported = openaiUsage({ prompt_tokens: input, completion_tokens: 0 });
    return reported && { ...reported, raw: JSON.stringify(usage) };
  },
  textOf: () => '',
  generatedOf: () => '',
  errorOf: errorIn,
  errorEvent: (error) => `data: ${JSON.stringify({ error })}\n\n`,
  streamReader: () => NO_STREAM,
};
