/** A small server of OpenAI's dialect on loopback, for the models that the contract suite asks for. */
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SeenRequest {
  /** path and query */
  url: string;
  headers: IncomingHttpHeaders;
  body: string;
}

export interface OpenaiServer {
  origin(): string;
  seen: SeenRequest[];
  start(): Promise<void>;
  stop(): Promise<unknown>;
}

export interface ServerAnswer {
  status: number;
  body: unknown;
  headers?: Record<string, string>;
}

const USAGE = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
const chunk = (choices: object[], more: object = {}) =>
  `data: ${JSON.stringify({ object: 'chat.completion.chunk', choices, ...more })}\n\n`;

/** `special` answers first; what it leaves is answered as OpenAI would. */
export function openaiServer(special: (request: SeenRequest) => ServerAnswer | null): OpenaiServer {
  const seen: SeenRequest[] = [];
  const server = createServer((message, response) => {
    let body = '';
    message.on('data', (bytes) => (body += bytes));
    message.on('end', () => {
      const request = { url: message.url!, headers: message.headers, body };
      seen.push(request);
      const { status, body: answer, headers } = special(request) ?? usual(request);
      if (typeof answer === 'string')
        return response.writeHead(status, { 'content-type': 'text/event-stream' }).end(answer);
      response
        .writeHead(status, { 'content-type': 'application/json', ...headers })
        .end(JSON.stringify(answer));
    });
  });
  return {
    seen,
    origin: () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    start: () => new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve)),
    stop: () => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))),
  };
}

function usual({ body }: SeenRequest): ServerAnswer {
  const { model, stream } = (body ? JSON.parse(body) : {}) as { model?: string; stream?: boolean };
  if (model?.endsWith('busy'))
    return { status: 429, body: { error: { message: 'Slow down.' } }, headers: { 'retry-after': '3' } };
  if (model?.endsWith('broken')) return { status: 500, body: { error: { message: 'We broke.' } } };
  if (!stream) {
    const message = { role: 'assistant', content: 'Fine.' };
    return { status: 200, body: { choices: [{ index: 0, message, finish_reason: 'stop' }], usage: USAGE } };
  }
  const events = [
    chunk([{ index: 0, delta: { content: 'Fine.' }, finish_reason: null }]),
    chunk([{ index: 0, delta: {}, finish_reason: 'stop' }]),
    chunk([], { usage: USAGE }),
    'data: [DONE]\n\n',
  ];
  return { status: 200, body: events.join('') };
}
