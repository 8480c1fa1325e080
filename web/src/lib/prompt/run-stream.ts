/** A prompt run as it streams: server-sent events, each `data:` one JSON object. */
import type { ApiProblem } from '../api.ts';
import type { RunAnswer } from '../shapes.ts';

export type RunEvent =
  | { type: 'text'; text: string }
  | { type: 'done'; answer: RunAnswer }
  | { type: 'failed'; problem: ApiProblem };

/** Reads events until the stream ends; unknown ones are skipped. Throws when the connection breaks. */
export async function* readRunStream(body: ReadableStream<Uint8Array>): AsyncGenerator<RunEvent> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const blocks = rest.split(/\r?\n\r?\n/);
    rest = done ? '' : blocks.pop()!;
    for (const block of blocks) {
      const event = eventOf(block);
      if (event) yield event;
    }
    if (done) return;
  }
}

function eventOf(block: string): RunEvent | null {
  const data = block
    .split(/\r?\n/)
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice(5).trimStart())
    .join('\n');
  if (!data || data === '[DONE]') return null;
  const message = JSON.parse(data) as Record<string, unknown>;
  if (typeof message['text'] === 'string' && !('runId' in message))
    return { type: 'text', text: message['text'] };
  if (typeof message['runId'] === 'string' && 'costNanoUsd' in message)
    return { type: 'done', answer: message as unknown as RunAnswer };
  const error = message['error'] as Record<string, unknown> | undefined;
  if (!error) return null;
  const { code, message: sentence, request_id, issues: _, ...details } = error;
  return {
    type: 'failed',
    problem: {
      status: Number(error['status'] ?? 502),
      code: String(code ?? 'unknown'),
      message: String(sentence ?? 'The run failed.'),
      requestId: String(request_id ?? ''),
      issues: [],
      details,
    },
  };
}
