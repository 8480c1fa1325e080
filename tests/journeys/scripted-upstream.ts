/** A loopback server that speaks all wire formats and does what the request's `x_script` names: a provider of which nothing can be expected. */
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export const KINDS = ['chat', 'responses', 'embeddings', 'messages', 'gemini'] as const;
export type Kind = (typeof KINDS)[number];

export interface Received {
  kind: Kind;
  stream: boolean;
  url: string;
  headers: IncomingHttpHeaders;
  /** the body as it arrived */
  text: string;
}
export type Script = (received: Received, response: ServerResponse) => void | Promise<void>;

export interface ScriptedUpstream {
  /** without a path; OpenAI's base URL is this and /v1 */
  url: string;
  received: Received[];
  close: () => Promise<void>;
}

function kindOf(url: string): Kind {
  if (url.includes('/chat/completions')) return 'chat';
  if (url.includes('/responses')) return 'responses';
  if (url.includes('/embeddings')) return 'embeddings';
  return url.includes('enerateContent') ? 'gemini' : 'messages';
}

export async function startScriptedUpstream(scripts: Record<string, Script>): Promise<ScriptedUpstream> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const url = request.url ?? '';
      const stream = /"stream"\s*:\s*true/.test(text) || url.includes('streamGenerateContent');
      const call = { kind: kindOf(url), stream, url, headers: request.headers, text };
      received.push(call);
      const script = scripts[/"x_script"\s*:\s*"(\w+)"/.exec(text)?.[1] ?? 'fine'];
      if (!script) return void response.writeHead(500).end('no such script');
      void Promise.resolve(script(call, response)).catch(() => response.destroy());
    });
    response.setMaxListeners(0).on('error', () => {});
  });
  server.on('clientError', (_, socket) => socket.destroy());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    received,
    close: () => new Promise((closed) => (server.closeAllConnections(), server.close(() => closed()))),
  };
}

/** A good answer of each kind, with `usage` in place of its own. */
export function goodBody(kind: Kind, usage?: unknown): Record<string, unknown> {
  switch (kind) {
    case 'chat':
      return {
        id: 'c-1',
        object: 'chat.completion',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Fine.' }, finish_reason: 'stop' }],
        usage: usage ?? { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 },
      };
    case 'responses':
      return {
        id: 'resp_1',
        object: 'response',
        status: 'completed',
        output: [{ type: 'message', id: 'm', content: [{ type: 'output_text', text: 'Fine.' }] }],
        usage: usage ?? { input_tokens: 20, output_tokens: 2, total_tokens: 22 },
      };
    case 'embeddings':
      return {
        object: 'list',
        data: [{ object: 'embedding', index: 0, embedding: [0.1] }],
        usage: usage ?? { prompt_tokens: 20, total_tokens: 20 },
      };
    case 'messages':
      return {
        id: 'msg_1',
        type: 'message',
        role: 'assistant',
        content: [{ type: 'text', text: 'Fine.' }],
        stop_reason: 'end_turn',
        usage: usage ?? { input_tokens: 20, output_tokens: 2 },
      };
    case 'gemini':
      return {
        candidates: [
          { content: { role: 'model', parts: [{ text: 'Fine.' }] }, finishReason: 'STOP', index: 0 },
        ],
        usageMetadata: usage ?? { promptTokenCount: 20, candidatesTokenCount: 2, totalTokenCount: 22 },
      };
    default:
      return kind satisfies never;
  }
}

const data = (value: unknown, name?: string) =>
  `${name ? `event: ${name}\n` : ''}data: ${JSON.stringify(value)}\n\n`;

/** The first words of a stream of each kind, without an end. */
export function firstWords(kind: Kind, words = 'Once upon '): string {
  switch (kind) {
    case 'chat':
      return data({ choices: [{ index: 0, delta: { content: words }, finish_reason: null }] });
    case 'responses':
      return data(
        { type: 'response.output_text.delta', item_id: 'm', delta: words },
        'response.output_text.delta',
      );
    case 'messages':
      return (
        data(
          { type: 'message_start', message: { id: 'm', usage: { input_tokens: 20, output_tokens: 1 } } },
          'message_start',
        ) +
        data(
          { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: words } },
          'content_block_delta',
        )
      );
    case 'gemini':
      return data({ candidates: [{ content: { role: 'model', parts: [{ text: words }] }, index: 0 }] });
    default:
      return '';
  }
}

/** A whole stream of each kind, in the provider's own bytes. */
export function goodStream(kind: Kind): string {
  switch (kind) {
    case 'chat':
      return (
        firstWords('chat') +
        data({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] }) +
        data({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 2, total_tokens: 22 } }) +
        'data: [DONE]\n\n'
      );
    case 'responses':
      return (
        firstWords('responses') +
        data({ type: 'response.completed', response: goodBody('responses') }, 'response.completed')
      );
    case 'messages':
      return (
        firstWords('messages') +
        data(
          { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
          'message_delta',
        ) +
        data({ type: 'message_stop' }, 'message_stop')
      );
    default:
      return firstWords(kind) + data(goodBody(kind));
  }
}

/** The provider's own error, as an answer's body. */
export const errorBody = (kind: Kind) =>
  kind === 'messages'
    ? { type: 'error', error: { type: 'overloaded_error', message: 'We are overloaded.' } }
    : kind === 'gemini'
      ? { error: { code: 503, message: 'We are overloaded.', status: 'UNAVAILABLE' } }
      : { error: { message: 'We are overloaded.', type: 'server_error', code: null } };
