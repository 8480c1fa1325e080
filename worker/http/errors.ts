/** Refusals become answers here, by one exhaustive switch; each gateway dialect only reshapes the envelope. */
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { formatCost } from '../domain/money-text.ts';
import { blockedMessage } from '../domain/guard/message.ts';
import type { BudgetExceeded, Refusal } from '../domain/refusal.ts';
import { anthropicErrorBody } from './gateway/anthropic-errors.ts';
import { geminiErrorBody } from './gateway/gemini-errors.ts';
import { openaiErrorBody } from './gateway/openai-errors.ts';

/** The HTTP shell's way to leave a handler with a refusal; domain and store return Results instead. */
export class Refused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal.reason);
  }
}

export interface ErrorAnswer {
  status: ContentfulStatusCode;
  headers: Record<string, string>;
  error: { type: string; code: string; message: string; param?: string; [detail: string]: unknown };
}

/** The status, headers and body of every refusal. `code` is the reason unless official SDKs expect another word. */
export function answerTo(refusal: Refusal): ErrorAnswer {
  const answer = (
    status: ContentfulStatusCode,
    type: string,
    message: string,
    more: object = {},
    headers: Record<string, string> = {},
  ): ErrorAnswer => ({
    status,
    headers,
    error: { type, code: refusal.reason, message, ...more },
  });
  switch (refusal.reason) {
    case 'malformed':
      return answer(
        400,
        'invalid_request_error',
        refusal.message,
        refusal.param ? { param: refusal.param } : {},
      );
    case 'unauthenticated':
      return answer(
        401,
        'authentication_error',
        refusal.message ?? 'Sign in, or send a team API key as "Authorization: Bearer pm_...".',
      );
    case 'budget_exceeded': {
      const { reason: _, ...details } = refusal;
      return answer(402, 'budget_exceeded', budgetWords(refusal), details);
    }
    case 'forbidden':
      return answer(403, 'permission_error', refusal.message);
    case 'guardrail_blocked': {
      const { reason: _, field, ...details } = refusal;
      return answer(403, 'permission_error', blockedMessage(refusal), { ...details, param: field });
    }
    case 'plan_limit':
      return answer(403, 'permission_error', refusal.message, { plan: refusal.plan });
    case 'not_found':
      return answer(404, 'not_found_error', refusal.message);
    case 'model_not_found':
      return answer(
        404,
        'invalid_request_error',
        `The model "${refusal.model}" is not known to any of this team's providers.`,
        { param: 'model' },
      );
    case 'model_unpriced':
      return answer(
        422,
        'invalid_request_error',
        `The model "${refusal.model}" has no price, so a budget cannot cover it. Set one with PUT /api/models/${refusal.model}/price (0 if it is free).`,
        { param: 'model' },
      );
    case 'conflict':
      return answer(
        409,
        'conflict',
        refusal.message,
        {},
        refusal.retryAfterSeconds === undefined ? {} : { 'retry-after': String(refusal.retryAfterSeconds) },
      );
    case 'too_large':
      return answer(413, 'invalid_request_error', refusal.message, { limitBytes: refusal.limitBytes });
    case 'invalid':
      return answer(
        422,
        'invalid_request_error',
        refusal.message ??
          refusal.issues.map((i) => (i.path ? `${i.path}: ${i.message}` : i.message)).join('; '),
        {
          ...(refusal.issues[0]?.path ? { param: refusal.issues[0].path } : {}),
          issues: refusal.issues,
        },
      );
    case 'rate_limited':
      return answer(
        429,
        'rate_limit_error',
        refusal.message,
        {},
        {
          'retry-after': String(refusal.retryAfterSeconds),
          // the official clients would try again by themselves
          ...(refusal.retryable === false ? { 'x-should-retry': 'false' } : {}),
        },
      );
    case 'budget_unavailable':
      return answer(
        503,
        'api_error',
        refusal.message ?? 'The budget could not be checked, so the call was not made. Try again.',
        {},
        { 'retry-after': '1' },
      );
    case 'provider_failed':
      return answer(
        (refusal.status >= 400 && refusal.status <= 599 ? refusal.status : 502) as ContentfulStatusCode,
        'provider_error',
        `${refusal.provider}: ${refusal.message}`,
        { provider: refusal.provider, failure: refusal.failure },
        {
          ...(refusal.retryAfterSeconds === undefined
            ? {}
            : { 'retry-after': String(refusal.retryAfterSeconds) }),
          ...(refusal.attempts === undefined ? {} : { 'x-pm-attempts': String(refusal.attempts) }),
        },
      );
    case 'unavailable':
      return answer(503, 'api_error', refusal.message, {}, { 'retry-after': '1' });
    default:
      return refusal satisfies never;
  }
}

function budgetWords(refusal: BudgetExceeded): string {
  const { scope, limitNanoUsd, spentNanoUsd, heldNanoUsd, askedNanoUsd, resetsAt } = refusal;
  const covers = `The budget of ${scope.id ? `${scope.type} ${scope.id}` : scope.type} does not cover this call`;
  const asked = formatCost(askedNanoUsd, { up: true });
  switch (refusal.limit) {
    case 'max_tokens_per_run':
      return `${covers}: it may take up to ${refusal.askedTokens} tokens, and one call may take at most ${refusal.limitTokens}.`;
    case 'max_cost_per_run':
      return `${covers}: it may cost up to ${asked}, and one call may cost at most ${formatCost(limitNanoUsd ?? 0)}.`;
    case 'window': {
      const left = Math.max(0, (limitNanoUsd ?? 0) - spentNanoUsd - heldNanoUsd);
      const resets = resetsAt ? ` It resets at ${resetsAt}.` : '';
      return `${covers}: it may cost up to ${asked}, and ${formatCost(left)} of ${formatCost(limitNanoUsd ?? 0)} is left.${resets}`;
    }
    default:
      return refusal.limit satisfies never;
  }
}

/** Addresses whose official SDKs read another envelope, also when the refusal comes before the route (no key, no room, no right). */
const DIALECTS: readonly {
  path: RegExp;
  /** only for callers that send this header */
  says?: string;
  body: typeof anthropicErrorBody;
}[] = [
  { path: /^(\/api\/integrations\/anthropic)?\/v1\/messages(\/|$)/, body: anthropicErrorBody },
  {
    path: /^(\/api\/integrations\/anthropic)?\/v1\/models(\/|$)/,
    says: 'anthropic-version',
    body: anthropicErrorBody,
  },
  { path: /^\/v1beta\//, body: geminiErrorBody },
  { path: /^(\/api\/integrations\/openai)?\/v1\//, body: openaiErrorBody },
];

export const refusalResponse = (c: Context, refusal: Refusal): Response =>
  shaped(c, answerTo(refusal), refusal);

/** A bug of ours: logged where it was caught; the caller learns that it was not he. */
export const bugResponse = (c: Context): Response => {
  const message = 'Something went wrong on our side.';
  const error = { type: 'api_error', code: 'internal', message };
  return shaped(c, { status: 500, headers: {}, error }, { reason: 'unavailable', message });
};

function shaped(c: Context, answer: ErrorAnswer, refusal: Refusal): Response {
  const requestId: string = c.get('requestId');
  const dialect = DIALECTS.find(
    ({ path, says }) => path.test(c.req.path) && (says === undefined || c.req.header(says) !== undefined),
  );
  const body = dialect
    ? dialect.body(answer, refusal, requestId)
    : { error: { ...answer.error, request_id: requestId } };
  return c.json(body, answer.status, answer.headers);
}
