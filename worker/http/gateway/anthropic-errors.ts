/** A refusal in Anthropic's envelope, under the error types that its SDKs know; a provider's own error keeps its type and words. */
import { z } from '@hono/zod-openapi';
import { anthropicErrorType } from '../../providers/registry.ts';
import type { PaidEndpoint } from './paid-endpoint.ts';

/** Anthropic's error type of a status; the rest are `api_error`. */
const TYPES: Record<number, string> = {
  400: 'invalid_request_error',
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  409: 'invalid_request_error',
  413: 'request_too_large',
  422: 'invalid_request_error',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

export const anthropicErrorBody: PaidEndpoint['errorBody'] = ({ status, error }, refusal, requestId) => {
  const theirs = refusal.reason === 'provider_failed' ? providersError(refusal.body) : {};
  return {
    type: 'error',
    error: { ...error, type: TYPES[status] ?? 'api_error', ...theirs },
    request_id: requestId,
  };
};

const errorSchema = z.object({ error: z.object({ type: z.string(), message: z.string() }) });

function providersError(body: string | undefined): { type?: string; message?: string } {
  if (body === undefined) return {};
  try {
    const parsed = errorSchema.safeParse(JSON.parse(body));
    if (!parsed.success) return {};
    const { type, message } = parsed.data.error;
    return { type: anthropicErrorType(type), message };
  } catch {
    return {};
  }
}
