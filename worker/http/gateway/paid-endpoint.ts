/**
 * One paid address of the gateway, whatever its wire format: the body is looked at, not copied; the call is told by paid-calls; the
 * answer, its headers and its refusals go back in the format's own shape. A wire format states what differs, and nothing else.
 */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { CallReceipt, PaidCallRequest } from '../../domain/call/paid-call.ts';
import type { WireFormat } from '../../domain/contracts/provider.ts';
import type { Refusal } from '../../domain/refusal.ts';
import { answerTo, Refused, type ErrorAnswer } from '../errors.ts';
import { issuesOf, type AppEnv } from '../routes.ts';
import { subjectOf, wishesOf } from './request-headers.ts';

type Json = Record<string, unknown>;

export interface PaidEndpoint {
  format: WireFormat;
  /** Only what we stand on is looked at (a loose object); everything else is between the caller and the provider. */
  schema: z.ZodType;
  /** The JSON of a refusal in the format's own envelope; `requestId` is ours, for support. */
  errorBody(answer: ErrorAnswer, refusal: Refusal, requestId: string): object;
  /** The wire-format body, where it is not what was sent (Gemini names its model in the path). Default: as it was sent. */
  bodyOf?(c: Context<AppEnv>, sent: Json): Json;
  /** Is a stream asked for? Default: `stream: true` in the body. */
  streams?(c: Context<AppEnv>, body: Json): boolean;
  /** The caller's headers that belong to the wire format and go on to the provider. Default: none. */
  headersOf?(c: Context<AppEnv>): Record<string, string>;
}

/** The handler of a paid endpoint. Every refusal of the call, also of a header that makes no sense, has the endpoint's shape. */
export function paidEndpoint(endpoint: PaidEndpoint): (c: Context<AppEnv>) => Promise<Response> {
  return async function pay(c) {
    const { paidCalls, newId } = c.get('services');
    const runId = newId('run');
    const refused = (refusal: Refusal, headers: Record<string, string> = {}) =>
      refusedAnswer(c, endpoint, refusal, headers);
    let request: PaidCallRequest;
    try {
      const sent = await sentBody(c, endpoint.schema);
      const body = endpoint.bodyOf?.(c, sent) ?? sent;
      request = {
        runId,
        attempt: 1,
        subject: subjectOf(c),
        executionType: 'gateway',
        format: endpoint.format,
        body,
        stream: endpoint.streams?.(c, body) ?? body.stream === true,
        ...(endpoint.headersOf ? { headers: endpoint.headersOf(c) } : {}),
        ...wishesOf(c),
        signal: c.req.raw.signal,
      };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return refused(error.refusal);
    }
    if (request.stream) {
      const stream = await paidCalls.stream(request);
      if (!stream.ok) return refused(stream.error, { 'x-pm-run-id': runId });
      return new Response(stream.value.body, {
        headers: {
          'content-type': 'text/event-stream; charset=utf-8',
          'cache-control': 'no-store',
          ...runHeaders(runId, stream.value),
        },
      });
    }
    const answer = await paidCalls.call(request);
    if (!answer.ok) return refused(answer.error, { 'x-pm-run-id': runId });
    const { receipt, bodyText } = answer.value;
    return new Response(bodyText, {
      headers: {
        'content-type': 'application/json',
        'x-pm-cost-nano-usd': String(receipt.costNanoUsd),
        ...runHeaders(runId, receipt),
      },
    });
  };
}

/** What the budgets did to a call: `x-pm-max-tokens-clamped`, and in `x-pm-budget-warning` the ids of budgets that only warn. */
export const runHeaders = (
  runId: string,
  { clampedMaxTokens, budgetWarnings }: Pick<CallReceipt, 'clampedMaxTokens' | 'budgetWarnings'>,
): Record<string, string> => ({
  'x-pm-run-id': runId,
  ...(clampedMaxTokens === null ? {} : { 'x-pm-max-tokens-clamped': String(clampedMaxTokens) }),
  ...(budgetWarnings.length === 0 ? {} : { 'x-pm-budget-warning': budgetWarnings.slice(0, 50).join(',') }),
});

/** The body as it was sent. Refused with 400 when it is no JSON, with 422 and the field when it makes no sense. */
export async function sentBody(c: Context<AppEnv>, schema: z.ZodType): Promise<Json> {
  let body: unknown;
  try {
    body = await c.req.json();
  } catch (cause) {
    // A body over the limit is the limit's refusal, not bad JSON.
    if (!(cause instanceof SyntaxError)) throw cause;
    throw new Refused({ reason: 'malformed', message: 'The body is not valid JSON.' });
  }
  const looked = schema.safeParse(body);
  if (!looked.success) throw new Refused({ reason: 'invalid', issues: issuesOf(looked.error) });
  return body as Json;
}

export function refusedAnswer(
  c: Context<AppEnv>,
  { errorBody }: Pick<PaidEndpoint, 'errorBody'>,
  refusal: Refusal,
  headers: Record<string, string> = {},
): Response {
  const answer = answerTo(refusal);
  return c.json(errorBody(answer, refusal, c.get('requestId')), answer.status, {
    ...answer.headers,
    ...headers,
  });
}
