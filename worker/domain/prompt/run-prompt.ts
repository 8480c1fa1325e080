/** One run of a prompt: load the version, fill it in, and make the paid call. Told alike for the API, the playground and workflow nodes. */
import type { CallSubject } from '../budget/budget.ts';
import type { Earlier, PaidCallRequest, PaidCalls, PaidStreamEnd } from '../call/paid-call.ts';
import { SseSplitter } from '../call/sse.ts';
import type { FormatReader } from '../contracts/provider.ts';
import type { Usage } from '../cost/usage.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { literalMessages, render, type Message, type PromptContent } from './template.ts';
import type { VersionWish } from './version.ts';

export interface RunPromptRequest extends VersionWish {
  /** (runId, attempt) is the identity of the call */
  runId: string;
  attempt: number;
  subject: CallSubject;
  /** a prompt of the library; without it `prompt` (and `system`) say what is asked */
  promptId?: string;
  /** final texts, taken as they are; beside `promptId` they replace the library's */
  system?: string;
  prompt?: string;
  variables?: Record<string, unknown>;
  /** each overrides the prompt's own */
  model?: string;
  /** models or routes to try when that one fails */
  fallback?: readonly string[];
  temperature?: number;
  maxTokens?: number;
  responseSchema?: Record<string, unknown>;
  executionLimitNanoUsd?: number | null;
  maxCostNanoUsd?: number | null;
  /** what becomes of the call when `signal` aborts (or the stream's reader leaves); default `cancel` */
  onDisconnect?: 'drain' | 'cancel';
  signal?: AbortSignal;
  timeoutMs?: number;
  /** of the key that calls: see PaidCallRequest */
  rates?: PaidCallRequest['rates'];
  onRate?: PaidCallRequest['onRate'];
}

export interface PromptRun {
  runId: string;
  /** the assistant's text */
  text: string;
  /** the text as JSON, when a response schema was asked for and the text is JSON */
  json?: unknown;
  model: string;
  /** of the answer */
  usage: Usage;
  /** of the whole run, failed attempts included */
  costNanoUsd: number;
  latencyMs: number;
  /** what the whole run used, failed attempts included */
  spend: { inputTokens: number; outputTokens: number; costNanoUsd: number };
}

export interface PromptStream {
  runId: string;
  /** pieces of text; cancelling it cancels the call */
  deltas: ReadableStream<string>;
  /** never rejects */
  done: Promise<Result<PromptRun, Refusal>>;
}

export interface LoadedPrompt {
  promptId: string;
  version: number;
  content: PromptContent;
}

export interface RunPromptDeps {
  load(teamId: string, promptId: string, wish: VersionWish): Promise<Result<LoadedPrompt, Refusal>>;
  paidCalls: PaidCalls;
  /** of the format that prompts are sent in */
  reader: FormatReader;
}

export async function runPrompt(
  request: RunPromptRequest,
  deps: RunPromptDeps,
): Promise<Result<PromptRun, Refusal>> {
  const asked = await ask(request, false, deps);
  if (!asked.ok) return asked;
  const answer = await deps.paidCalls.call(asked.value.call);
  if (!answer.ok) return answer;
  return ok(runOf(answer.value, asked.value.wantsJson));
}

export async function streamPrompt(
  request: RunPromptRequest,
  deps: RunPromptDeps,
): Promise<Result<PromptStream, Refusal>> {
  const asked = await ask(request, true, deps);
  if (!asked.ok) return asked;
  const stream = await deps.paidCalls.stream(asked.value.call);
  if (!stream.ok) return stream;
  const done = stream.value.done.then((end): Result<PromptRun, Refusal> =>
    end.ok ? ok(runOf({ ...end.value, earlier: stream.value.earlier }, asked.value.wantsJson)) : end,
  );
  return ok({ runId: request.runId, deltas: deltasOf(stream.value.body, deps.reader), done });
}

/** The paid call that a request means. */
async function ask(
  request: RunPromptRequest,
  stream: boolean,
  { load, reader }: RunPromptDeps,
): Promise<Result<{ call: PaidCallRequest; wantsJson: boolean }, Refusal>> {
  const { subject } = request;
  const written = await writtenFor(request, load);
  if (!written.ok) return written;
  const { content, messages, promptVersion } = written.value;
  const model = request.model ?? content.model;
  if (!model) return err({ reason: 'invalid', issues: [{ path: 'model', message: 'is missing' }] });
  const maxTokens = request.maxTokens ?? content.maxTokens;
  const schema = request.responseSchema ?? content.responseSchema;
  const temperature = request.temperature ?? content.temperature;
  const body: Record<string, unknown> = {
    model,
    messages,
    ...(temperature === undefined ? {} : { temperature }),
    ...(schema === undefined
      ? {}
      : { response_format: { type: 'json_schema', json_schema: { name: 'answer', schema } } }),
    ...(content.tools === undefined ? {} : { tools: content.tools }),
    ...(stream ? { stream: true } : {}),
  };
  return ok({
    wantsJson: schema !== undefined,
    call: {
      runId: request.runId,
      attempt: request.attempt,
      subject: {
        ...subject,
        ...(request.promptId === undefined ? {} : { promptId: request.promptId, promptVersion }),
      },
      executionType: subject.executionId === undefined ? 'prompt' : 'workflow',
      format: reader.format,
      ...(request.fallback ? { fallback: request.fallback } : {}),
      body: maxTokens === undefined ? body : reader.withMaxOutput(body, maxTokens),
      stream,
      clampable: false,
      maxCostNanoUsd: request.maxCostNanoUsd ?? null,
      executionLimitNanoUsd: request.executionLimitNanoUsd ?? null,
      onDisconnect: request.onDisconnect ?? 'cancel',
      signal: request.signal,
      timeoutMs: request.timeoutMs,
      ...(request.rates ? { rates: request.rates, onRate: request.onRate } : {}),
    },
  });
}

interface Written {
  content: Partial<PromptContent>;
  messages: Message[];
  promptVersion?: number;
}

async function writtenFor(
  request: RunPromptRequest,
  load: RunPromptDeps['load'],
): Promise<Result<Written, Refusal>> {
  const { promptId, system, prompt, version, label } = request;
  if (promptId === undefined) {
    if (prompt === undefined)
      return err({ reason: 'invalid', issues: [{ path: 'prompt', message: 'is missing' }] });
    return ok({ content: {}, messages: literalMessages({ system, prompt }) });
  }
  const loaded = await load(request.subject.teamId, promptId, { version, label });
  if (!loaded.ok) return loaded;
  const { content } = loaded.value;
  const rendered = render(content, request.variables ?? {});
  if (!rendered.ok) return err({ reason: 'invalid', issues: rendered.error });
  const own = literalMessages({ system, prompt });
  const replaced = new Set(own.map(({ role }) => role));
  const kept = rendered.value.filter(({ role }) => !replaced.has(role));
  const messages =
    own.length === 0
      ? rendered.value
      : [
          ...own.filter(({ role }) => role === 'system'),
          ...kept,
          ...own.filter(({ role }) => role === 'user'),
        ];
  return ok({ content, messages, promptVersion: loaded.value.version });
}

function runOf(
  { receipt, text, earlier }: PaidStreamEnd & { earlier?: Earlier },
  wantsJson: boolean,
): PromptRun {
  const { runId, model, usage, latencyMs } = receipt;
  const json = wantsJson ? jsonIn(text) : undefined;
  const spend = {
    inputTokens: usage.inputTokens + (earlier?.inputTokens ?? 0),
    outputTokens: usage.outputTokens + (earlier?.outputTokens ?? 0),
    costNanoUsd: receipt.costNanoUsd + (earlier?.costNanoUsd ?? 0),
  };
  const { costNanoUsd } = spend;
  return {
    runId,
    text,
    ...(json === undefined ? {} : { json }),
    model,
    usage,
    costNanoUsd,
    latencyMs,
    spend,
  };
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The text out of a paid stream's events, as it comes. */
function deltasOf(body: ReadableStream<Uint8Array>, format: FormatReader): ReadableStream<string> {
  const source = body.getReader();
  const splitter = new SseSplitter();
  const reader = format.streamReader({ usageInjected: false, choices: 1 });
  let given = 0;
  return new ReadableStream<string>({
    async pull(controller) {
      for (;;) {
        const { done, value } = await source.read();
        if (done) return controller.close();
        for (const { data } of splitter.push(value)) if (data !== null) reader.event(data);
        const text = reader.text();
        if (text.length === given) continue;
        controller.enqueue(text.slice(given));
        given = text.length;
        return;
      }
    },
    cancel: (reason) => source.cancel(reason),
  });
}
