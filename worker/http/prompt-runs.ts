/** POST /api/prompts/:id/run: one JSON answer, or server-sent events `{type: "delta" | "done" | "error"}`. */
import { createRoute, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { PaidCallRequest } from '../domain/call/paid-call.ts';
import type { Refusal } from '../domain/refusal.ts';
import type { PromptRun, PromptStream } from '../domain/prompt/run-prompt.ts';
import { usageSchema } from '../domain/cost/usage.ts';
import { answerTo, Refused } from './errors.ts';
import { subjectOf, wishesOf } from './gateway/request-headers.ts';
import { idempotent } from './idempotency.ts';
import { countedByReserve, holdToRates } from './key-limits.ts';
import { labelText } from './prompts.ts';
import { answers, idParam, jsonBody, newRoutes, type AppEnv } from './routes.ts';

const runRequest = z
  .strictObject({
    variables: z.record(z.string(), z.unknown()).default({}),
    version: z.int().min(1).optional(),
    label: labelText.optional(),
    /** instead of the prompt's own */
    model: z.string().trim().min(1).max(200).optional(),
    maxTokens: z.int().min(1).max(1_000_000).optional(),
    stream: z.boolean().default(false),
    tags: z.array(z.string().trim().min(1).max(64)).max(20).default([]),
  })
  .openapi('PromptRunRequest');

const runSchema = z
  .object({
    runId: z.string(),
    output: z.string(),
    /** the output parsed, when the prompt has a response schema */
    json: z.unknown().optional(),
    model: z.string(),
    usage: usageSchema,
    costNanoUsd: z.int(),
    latencyMs: z.int(),
  })
  .openapi('PromptRun');

const shown = ({ text, spend: _, ...run }: PromptRun) => ({ ...run, output: text });

export const promptRuns = newRoutes().openapi(
  createRoute({
    method: 'post',
    path: '/api/prompts/{id}/run',
    summary: 'Run a prompt',
    description:
      'With `stream: true` the answer is an event stream: `{"type":"delta","text"}` as it is written, then `{"type":"done", ...}` with the fields below, or `{"type":"error","error"}`. Leaving a stream stops the run.',
    middleware: [idempotent] as const,
    request: { params: idParam, body: jsonBody(runRequest) },
    responses: answers(200, 'What the model said, and what it cost.', runSchema),
  }),
  async (c) => {
    const services = c.get('services');
    const { stream, tags, ...wanted } = c.req.valid('json');
    const subject = subjectOf(c);
    const all = [...new Set([...subject.tags, ...tags])];
    if (all.length > 20)
      throw new Refused({
        reason: 'invalid',
        issues: [{ path: 'tags', message: 'there are at most 20 tags' }],
      });
    const { onDisconnect, maxCostNanoUsd, fallback, cache } = wishesOf(c);
    const request = {
      ...wanted,
      promptId: c.req.valid('param').id,
      runId: services.newId('run'),
      attempt: 1,
      subject: { ...subject, tags: all },
      maxCostNanoUsd,
      fallback,
      // Whoever stops a stream wants it stopped; a lost JSON answer is still worth its record.
      onDisconnect:
        c.req.header('x-pm-on-disconnect') === undefined && stream ? ('cancel' as const) : onDisconnect,
      signal: c.req.raw.signal,
      ...countedByReserve(c),
      ...(cache ? { cache } : {}),
    };
    if (stream) {
      const opened = await services.streamPrompt(request);
      if (!opened.ok) throw await counted(c, opened.error);
      return eventStream(c, opened.value, request) as never;
    }
    const run = await services.runPrompt(request);
    if (!run.ok) throw await counted(c, run.error);
    c.header('x-pm-run-id', run.value.runId);
    c.header('x-pm-cost-nano-usd', String(run.value.costNanoUsd));
    return c.json(shown(run.value), 200);
  },
);

/** A run that never came to its reservation (no such prompt, a variable that lacks) counts for its key's minute too. */
async function counted(c: Context<AppEnv>, refusal: Refusal): Promise<Refused> {
  if (refusal.reason !== 'budget_unavailable') await holdToRates(c);
  return new Refused(refusal);
}

function eventStream(
  c: Context<AppEnv>,
  { runId, deltas, done }: PromptStream,
  { onDisconnect }: Pick<PaidCallRequest, 'onDisconnect'>,
): Response {
  const encoder = new TextEncoder();
  const source = deltas.getReader();
  const requestId = c.get('requestId');
  const body = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const send = (event: object) =>
        controller.enqueue(encoder.encode(`data: ${JSON.stringify(event)}\n\n`));
      const { done: over, value } = await source.read();
      if (!over) return send({ type: 'delta', text: value });
      const end = await done;
      if (end.ok) send({ type: 'done', ...shown(end.value) });
      else send({ type: 'error', error: { ...answerTo(end.error).error, request_id: requestId } });
      controller.close();
    },
    cancel: (reason) => source.cancel(reason),
  });
  const kept = c.get('keepStream')?.({ body, done, onDisconnect }) ?? body;
  return c.body(kept, 200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    'x-pm-run-id': runId,
  });
}
