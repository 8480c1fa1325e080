import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { Connection, ForwardRequest, ProviderDeps } from '../domain/contracts/provider.ts';
import { gemini } from './gemini.ts';

type Handler = (message: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let handler: Handler | null = null;
let seen: { url: string; body: string; headers: IncomingMessage['headers'] }[] = [];

const KEY = 'AIza-test-0123456789';
const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
const refusal = (code: number, message: string, status: string) => ({ error: { code, message, status } });

const answer = {
  candidates: [{ content: { role: 'model', parts: [{ text: 'Fine.' }] }, finishReason: 'STOP', index: 0 }],
  usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 2, totalTokenCount: 11 },
};

/** What Google answers, for the models that the contract asks for. */
const upstream: Handler = ({ url = '' }, response) => {
  if (url === '/v1beta/models?pageSize=1000')
    return json(response, 200, {
      models: [
        { name: 'models/gemini-1', supportedGenerationMethods: ['generateContent'] },
        { name: 'models/embedding-1', supportedGenerationMethods: ['embedContent'] },
      ],
    });
  if (url.includes('/busy:'))
    return json(response, 429, refusal(429, 'Slow down.', 'RESOURCE_EXHAUSTED'), { 'retry-after': '3' });
  if (url.includes('/broken:')) return json(response, 500, refusal(500, 'We broke.', 'INTERNAL'));
  if (url === '/v1beta/models/gemini-1:generateContent') return json(response, 200, answer);
  if (url !== '/v1beta/models/gemini-1:streamGenerateContent?alt=sse')
    return json(response, 404, refusal(404, 'No such thing.', 'NOT_FOUND'));
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`data: ${JSON.stringify(answer)}\n\n`);
};

beforeAll(async () => {
  server = createServer((message, response) => {
    let body = '';
    message.on('data', (chunk) => (body += chunk));
    message.on('end', () => {
      seen.push({ url: message.url!, body, headers: message.headers });
      (handler ?? upstream)(message, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => new Promise((resolve) => (server.closeAllConnections(), server.close(resolve))));
beforeEach(() => {
  handler = null;
  seen = [];
});

const deps: ProviderDeps = {
  fetch: (input, init) => fetch(input as string, init as RequestInit) as never,
  count: { text: async () => 0, request: async () => 0 },
  sleep: async () => {},
  listens: async () => true,
};
const connection = (more: Partial<Connection> = {}): Connection => ({
  id: 'conn_1',
  provider: 'gemini',
  name: 'default',
  apiKey: KEY,
  baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
  headers: {},
  ...more,
});
const ask = (more: Partial<ForwardRequest> = {}): ForwardRequest => ({
  format: 'gemini_generate',
  body: { model: 'gemini-1', contents: [] },
  stream: false,
  idempotencyKey: 'run_1.1',
  signal: new AbortController().signal,
  timeoutMs: 5_000,
  ...more,
});

providerContract('gemini', () => ({
  provider: gemini,
  deps,
  connection: connection(),
  model: 'gemini-1',
  busy: { model: 'busy', retryAfterMs: 3_000 },
  broken: { model: 'broken', status: 500 },
}));

describe('gemini', () => {
  it('sends the body as it is but for the model, which is in the address, and the key in its header', async () => {
    const body = { contents: [{ parts: [{ text: 'grüße 🎈' }] }], unknownField: { a: [1, null] } };
    await gemini.forward(
      ask({ body: { model: 'gemini-1', ...body } }),
      connection({ headers: { 'x-extra': 'yes' } }),
      deps,
    );
    expect(seen[0]).toMatchObject({
      url: '/v1beta/models/gemini-1:generateContent',
      body: JSON.stringify(body),
      headers: { 'x-goog-api-key': KEY, 'x-extra': 'yes', 'content-type': 'application/json' },
    });
  });

  it.each(['tunedModels/mine-1', 'models/gemini-1'])('keeps the collection that %s names', async (model) => {
    await gemini.forward(ask({ body: { model } }), connection(), deps);
    expect(seen[0]?.url).toBe(`/v1beta/${model}:generateContent`);
  });

  it.each(['../files', 'a/../../x', 'a?b', 'a#b', '', 'a:countTokens', 'a%2f'])(
    'sends nothing for the model name %j, which could lead elsewhere',
    async (model) => {
      expect(await gemini.forward(ask({ body: { model } }), connection(), deps)).toMatchObject({
        ok: false,
        error: { failure: 'refused', status: 404 },
      });
      expect(seen).toEqual([]);
    },
  );

  it('lists the models that generate', async () => {
    expect(await gemini.test(connection(), deps)).toEqual({ ok: true, value: { models: ['gemini-1'] } });
  });

  it('hands on the error body as it came, and the words of an error in an array', async () => {
    handler = (_, response) => json(response, 400, [refusal(400, 'too long', 'INVALID_ARGUMENT')]);
    const refused = await gemini.forward(ask(), connection(), deps);
    expect(refused).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 400, message: 'too long' },
    });
    expect((!refused.ok && refused.error.body) || '').toContain('INVALID_ARGUMENT');
  });

  it('never lets the key out through an error', async () => {
    handler = ({ headers }, response) =>
      json(response, 400, refusal(400, `bad key: ${headers['x-goog-api-key']}`, 'INVALID_ARGUMENT'));
    const refused = await gemini.forward(ask(), connection(), deps);
    expect(JSON.stringify(refused)).not.toContain(KEY);
    expect(refused).toMatchObject({ ok: false, error: { message: 'bad key: [key]' } });
  });

  it('does not follow a redirect', async () => {
    handler = (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    expect(await gemini.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 502 },
    });
    expect(seen).toHaveLength(1);
  });

  it('tells a refused connection as not sent', async () => {
    expect(await gemini.forward(ask(), connection({ baseUrl: 'http://127.0.0.1:9399' }), deps)).toMatchObject(
      { ok: false, error: { failure: 'not_sent', status: 0 } },
    );
  });

  it('tells a connection that breaks after the request was sent as unknown', async () => {
    handler = ({ socket }) => socket.destroy();
    expect(await gemini.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 0 },
    });
  });

  it('tells silence as unknown', async () => {
    handler = () => {};
    expect(await gemini.forward(ask({ timeoutMs: 50 }), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 0, message: 'It did not answer in time.' },
    });
  });

  it('tells a list of models that is none', async () => {
    handler = (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html></html>');
    expect(await gemini.test(connection(), deps)).toMatchObject({ ok: false, error: { status: 502 } });
  });
});
