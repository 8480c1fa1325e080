/** A prompt run as it streams: server-sent events `{type: "delta" | "done" | "error"}`. */
import { SseSplitter } from '$domain/call/sse.ts';
import type { ApiProblem } from '../api.ts';
import type { RunAnswer } from '../shapes.ts';

export type RunEvent =
  | { type: 'delta'; text: string }
  | ({ type: 'done' } & RunAnswer)
  | { type: 'error'; error: { code: string; message: string; request_id: string } & Record<string, unknown> };

/** Reads events until the stream ends. Throws when the connection breaks. */
export async function* readRunStream(body: ReadableStream<Uint8Array>): AsyncGenerator<RunEvent> {
  const reader = body.getReader();
  const splitter = new SseSplitter();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    for (const { data } of splitter.push(value)) if (data) yield JSON.parse(data) as RunEvent;
  }
}

/** An error that came after the stream had begun, when the status had gone out already. */
export function problemIn({
  code,
  message,
  request_id,
  ...details
}: (RunEvent & { type: 'error' })['error']): ApiProblem {
  return { status: 502, code, message, requestId: request_id, issues: [], details };
}
