/** What the operator is told of an error: everything but the values, among which may be passwords' hashes, tokens and prompts. */
import { DrizzleQueryError } from 'drizzle-orm';

/** Message and stack of an error; a failed query shows its text and cause, without its parameters. */
export function forTheLog(error: unknown): { message: string; stack?: string } {
  if (!(error instanceof Error)) return { message: String(error) };
  if (!(error instanceof DrizzleQueryError)) return { message: String(error), stack: error.stack };
  const frames = error.stack?.slice(error.stack.indexOf('\n    at ')) ?? '';
  const message = `Failed query: ${error.query}: ${String(error.cause)}`;
  return { message, stack: message + frames };
}
