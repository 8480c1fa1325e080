/**
 * One paid address of the gateway, whatever its wire format: the body is looked at, not copied; the call is told by paid-calls; the
 * answer, its headers and its refusals go back in the format's own shape. A wire format states what differs, and nothing else.
 */
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { CallReceipt, Earlier, PaidCallRequest } from '../../domain/call/paid-call.ts';
import type { WireFormat } from '../../domain/contracts/provider.ts';
import { outlineOf, type JsonText } from '../../domain/data/json-text.ts';
import type { Refusal } from '../../domain/refusal.ts';
import { answerTo, Refused, type ErrorAnswer } from '../errors.ts';
import { countedByReserve, holdToRates } from '../key-limits.ts';
import { issuesOf, type AppEnv } from '../routes.ts';
import { cacheHeaders, subjectOf, wishesOf } from './request-headers.ts';

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
    const refused = async (refusal: Refusal, headers: Record<string, string> = {}) =>
      refusedAnswer(c, endpoint, await countedRefusal(c, refusal), headers);
    let request: PaidCallRequest;
    try {
      const original = await sentBody(c, endpoint.schema);
      const body = endpoint.bodyOf?.(c, original.value) ?? original.value;
      request = {
        runId,
        attempt: 1,
        subject: subjectOf(c),
        executionType: 'gateway',
        format: endpoint.format,
        body,
        original,
        stream: endpoint.streams?.(c, body) ?? body.stream === true,
        ...(endpoint.headersOf ? { headers: endpoint.headersOf(c) } : {}),
        ...wishesOf(c),
        ...countedByReserve(c),
        signal: c.req.raw.signal,
      };
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return refused(error.refusal);
    }
    if (request.stream) {
      const stream = await paidCalls.stream(request);
      if (!stream.ok) return refused(stream.error, { 'x-pm-run-id': runId });
      const { body, done } = stream.value;
      const { onDisconnect } = request;
      const kept = c.get('keepStream')?.({ body, done, onDisconnect }) ?? body;
      return c.body(kept, 200, {
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        ...stream.value.headers,
        ...runHeaders(stream.value),
        ...cacheHeaders(request, stream.value),
      });
    }
    const answer = await paidCalls.call(request);
    if (!answer.ok) return refused(answer.error, { 'x-pm-run-id': runId });
    const { receipt, bodyText, headers, earlier, cached } = answer.value;
    return c.body(bodyText, 200, {
      ...headers,
      'content-type': 'application/json',
      ...runHeaders({ ...receipt, earlier }),
      ...cacheHeaders(request, { cached, earlier }),
      'x-pm-cost-nano-usd': String(receipt.costNanoUsd + (earlier?.costNanoUsd ?? 0)),
    });
  };
}

interface Answered extends Pick<
  CallReceipt,
  'runId' | 'provider' | 'model' | 'clampedMaxTokens' | 'budgetWarnings'
> {
  earlier?: Earlier;
}

/** Which run it was, who answered, at which attempt, and what the budgets did: lowered it, or only warned (their ids). */
const runHeaders = ({
  runId,
  provider,
  model,
  clampedMaxTokens,
  budgetWarnings,
  earlier,
}: Answered): Record<string, string> => ({
  'x-pm-run-id': runId,
  'x-pm-model': `${provider}/${model}`,
  'x-pm-attempts': String((earlier?.attempts ?? 0) + 1),
  ...(clampedMaxTokens === null ? {} : { 'x-pm-max-tokens-clamped': String(clampedMaxTokens) }),
  ...(budgetWarnings.length === 0 ? {} : { 'x-pm-budget-warning': budgetWarnings.slice(0, 50).join(',') }),
});

/** A request that never came to its reservation counts for its key's minute too, and may be refused by it instead. */
async function countedRefusal(c: Context<AppEnv>, refusal: Refusal): Promise<Refusal> {
  if (refusal.reason === 'budget_unavailable') return refusal;
  try {
    await holdToRates(c);
    return refusal;
  } catch (error) {
    if (error instanceof Refused) return error.refusal;
    throw error;
  }
}

/** Deeper than any schema of a tool; what reads bodies recurses, and the stack is not the caller's to exhaust. */
const MAX_DEPTH = 256;
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: false });

const malformed = (message: string) => new Refused({ reason: 'malformed', message });

/** The body as it was sent. Refused with 400 when it is no JSON, with 422 and the field when it makes no sense. */
export async function sentBody(c: Context<AppEnv>, schema: z.ZodType): Promise<JsonText> {
  // A body over the limit is the limit's refusal, and throws here.
  const bytes = await c.req.arrayBuffer();
  let text: string;
  let value: unknown;
  try {
    text = utf8.decode(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw malformed(
      cause instanceof SyntaxError ? 'The body is not valid JSON.' : 'The body is not valid UTF-8.',
    );
  }
  if (outlineOf(text).depth > MAX_DEPTH)
    throw malformed(`The body is nested more than ${MAX_DEPTH} levels deep.`);
  const looked = schema.safeParse(value);
  if (!looked.success) throw new Refused({ reason: 'invalid', issues: issuesOf(looked.error) });
  return { text, value: value as Json };
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
