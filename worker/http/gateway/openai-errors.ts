/** A refusal in OpenAI's envelope; a provider's own error keeps its type, code and param, which programs look at. */
import { z } from '@hono/zod-openapi';
import type { PaidEndpoint } from './paid-endpoint.ts';

export const openaiErrorBody: PaidEndpoint['errorBody'] = ({ error }, refusal, requestId) => {
  const theirs = refusal.reason === 'provider_failed' ? providersError(refusal.body) : {};
  return { error: { param: null, ...error, ...theirs, request_id: requestId } };
};

const errorSchema = z.object({
  error: z.object({
    message: z.string().optional(),
    type: z.string().nullish(),
    param: z.string().nullish(),
    code: z.union([z.string(), z.number()]).nullish(),
  }),
});

function providersError(body: string | undefined): Record<string, unknown> {
  if (body === undefined) return {};
  try {
    const parsed = errorSchema.safeParse(JSON.parse(body));
    if (!parsed.success) return {};
    return Object.fromEntries(
      Object.entries(parsed.data.error).filter(([, value]) => value !== null && value !== undefined),
    );
  } catch {
    return {};
  }
}
