/** A refusal in Google's envelope, with its status words; a provider's own error keeps its message, status and details. */
import { z } from '@hono/zod-openapi';
import type { Refusal } from '../../domain/refusal.ts';
import type { ErrorAnswer } from '../errors.ts';

const STATUS_WORDS: Record<number, string> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  // not RESOURCE_EXHAUSTED, which invites to try again: a budget does not come back by itself
  402: 'FAILED_PRECONDITION',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  422: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  503: 'UNAVAILABLE',
  504: 'DEADLINE_EXCEEDED',
};

/** `code` is the HTTP status, as Google has it; our own word stands in `reason`. */
export function geminiErrorBody({ status, error }: ErrorAnswer, refusal: Refusal, requestId: string): object {
  const { type: _, code: reason, message, ...details } = error;
  const theirs = refusal.reason === 'provider_failed' ? providersError(refusal.body) : {};
  const word = STATUS_WORDS[status] ?? (status >= 500 ? 'INTERNAL' : 'UNKNOWN');
  return {
    error: { ...details, code: status, message, status: word, reason, ...theirs, request_id: requestId },
  };
}

const errorSchema = z.object({
  error: z.object({
    message: z.string().optional(),
    status: z.string().optional(),
    details: z.array(z.unknown()).optional(),
  }),
});

function providersError(body: string | undefined): object {
  if (body === undefined) return {};
  try {
    const parsed: unknown = JSON.parse(body);
    const looked = errorSchema.safeParse(Array.isArray(parsed) ? parsed[0] : parsed);
    return looked.success ? looked.data.error : {};
  } catch {
    return {};
  }
}
