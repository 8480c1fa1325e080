/** A loopback OpenAI-compatible server: counts the calls it got, answers after `delayMs`, with exact usage; streams on request. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export interface Upstream {
  /** base URL as the SDK takes it, with /v1 */
  url: string;
  /** bodies of the calls received, with what became of the connection */
  calls: { body: any; finished: boolean; aborted: boolean }[];
  close: () => Promise<void>;
}

const USAGE = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };

export async function startUpstream(
  options: { delayMs?: number; chunkDelayMs?: number; port?: number } = {},
): Promise<Upstream> {
  const calls: Upstream['calls'] = [];
  async function handle(request: IncomingMessage, response: ServerResponse) {
    let text = '';
    for await (const chunk of request) text += chunk;
    if (request.url?.endsWith('/models'))
      return void response
        .setHeader('content-type', 'application/json')
        .end(JSON.stringify({ object: 'list', data: [{ id: 'gpt-4o-mini', object: 'model' }] }));
    const call = { body: JSON.parse(text), finished: false, aborted: false };
    calls.push(call);
    response.on('close', () => (call.aborted = !call.finished));
    await new Promise((later) => setTimeout(later, options.delayMs ?? 0));
    const base = { id: `chatcmpl-${calls.length}`, created: 1_760_000_000, model: call.body.model };
    if (!call.body.stream) {
      call.finished = true;
      response.setHeader('content-type', 'application/json');
      return void response.end(
        JSON.stringify({
          ...base,
          object: 'chat.completion',
          choices: [
            {
              index: 0,
              message: { role: 'assistant', content: 'ten tokens of an answer, as promised by usage' },
              finish_reason: 'stop',
            },
          ],
          usage: USAGE,
        }),
      );
    }
    response.setHeader('content-type', 'text/event-stream');
    const send = (event: object) =>
      response.write(`data: ${JSON.stringify({ ...base, object: 'chat.completion.chunk', ...event })}\n\n`);
    for (const word of ['one ', 'two ', 'three ', 'four ', 'five ']) {
      send({ choices: [{ index: 0, delta: { content: word }, finish_reason: null }] });
      await new Promise((later) => setTimeout(later, options.chunkDelayMs ?? 0));
    }
    send({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] });
    if (call.body.stream_options?.include_usage) send({ choices: [], usage: USAGE });
    call.finished = true;
    response.end('data: [DONE]\n\n');
  }
  const server = createServer(
    (request, response) => void handle(request, response).catch(() => response.destroy()),
  );
  // As providers do: an idle connection outlives the pause between two calls, also on a machine that is busy with other things.
  server.keepAliveTimeout = 75_000;
  await new Promise<void>((listening) => server.listen(options.port ?? 0, '127.0.0.1', listening));
  const { port } = server.address() as { port: number };
  return {
    url: `http://127.0.0.1:${port}/v1`,
    calls,
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(() => closed()))),
  };
}
