import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { Connection, ForwardRequest, ProviderDeps } from '../domain/contracts/provider.ts';
import { openai } from './openai.ts';
import { guardedFetch, retryAfterMs } from './transport/failure.ts';

type Handler = (request: { body: string; message: IncomingMessage }, response: ServerResponse) => void;

let server: Server;
let handler: Handler | null = null;
let seen: { body: string; message: IncomingMessage }[] = [];

const json = (
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) => response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));

/** A small upstream: what OpenAI answers, for the models that the contract asks for. */
const upstream: Handler = ({ body, message }, response) => {
  if (message.url === '/v1/models')
    return json(response, 200, { object: 'list', data: [{ id: 'm-1', object: 'model' }] });
  const asked = JSON.parse(body) as { model: string; stream?: boolean };
  if (asked.model === 'busy')
    return json(
      response,
      429,
      { error: { message: 'Slow down.', type: 'rate_limit', code: null } },
      { 'retry-after': '3' },
    );
  if (asked.model === 'broken')
    return json(response, 500, { error: { message: 'We broke.', type: 'server_error', code: null } });
  const usage = { prompt_tokens: 9, completion_tokens: 2, total_tokens: 11 };
  if (!asked.stream)
    return json(response, 200, {
      choices: [{ index: 0, message: { role: 'assistant', content: 'Fine.' }, finish_reason: 'stop' }],
      usage,
    });
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.write(
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content: 'Fine.' }, finish_reason: null }] })}\n\n`,
  );
  response.write(
    `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\n`,
  );
  response.write(`data: ${JSON.stringify({ choices: [], usage })}\n\n`);
  response.end('data: [DONE]\n\n');
};

beforeAll(async () => {
  server = createServer((message, response) => {
    let body = '';
    message.on('data', (chunk) => (body += chunk));
    message.on('end', () => {
      seen.push({ body, message });
      (handler ?? upstream)({ body, message }, response);
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
  provider: 'openai',
  name: 'default',
  apiKey: 'sk-test-0123456789',
  baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`,
  headers: {},
  ...more,
});
const ask = (more: Partial<ForwardRequest> = {}): ForwardRequest => ({
  format: 'openai_chat',
  body: { model: 'm-1', messages: [] },
  stream: false,
  idempotencyKey: 'run_1.1',
  signal: new AbortController().signal,
  timeoutMs: 5_000,
  ...more,
});

providerContract('openai', () => ({
  provider: openai,
  deps,
  connection: connection(),
  model: 'm-1',
  busy: { model: 'busy', retryAfterMs: 3_000 },
  broken: { model: 'broken', status: 500 },
}));

describe('openai', () => {
  it('sends the body as it is, with the key, our idempotency key and the extra headers of the connection', async () => {
    const body = {
      model: 'm-1',
      messages: [{ role: 'user', content: 'grüße 🎈 <b>' }],
      unknown_field: { a: [1, null, 'x'] },
      temperature: 0.1,
    };
    await openai.forward(ask({ body }), connection({ headers: { 'x-extra': 'yes' } }), deps);
    expect(seen[0]?.body).toBe(JSON.stringify(body));
    expect(seen[0]?.message.headers).toMatchObject({
      authorization: 'Bearer sk-test-0123456789',
      'idempotency-key': 'run_1.1',
      'x-extra': 'yes',
      'content-type': 'application/json',
    });
  });

  it('asks once, whatever the answer', async () => {
    for (const model of ['busy', 'broken'])
      await openai.forward(ask({ body: { model, messages: [] } }), connection(), deps);
    expect(seen).toHaveLength(2);
  });

  it('hands on the error body as it came', async () => {
    handler = (_, response) =>
      json(response, 400, {
        error: {
          message: 'too long',
          type: 'invalid_request_error',
          param: 'messages',
          code: 'context_length_exceeded',
        },
      });
    const answer = await openai.forward(ask(), connection(), deps);
    expect(answer).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 400, message: 'too long' },
    });
    expect(JSON.parse((!answer.ok && answer.error.body) || '')).toMatchObject({
      error: { code: 'context_length_exceeded' },
    });
  });

  it('never lets the key out through an error', async () => {
    handler = ({ message }, response) =>
      json(response, 401, { error: { message: `bad key: ${message.headers.authorization}` } });
    const answer = await openai.forward(ask(), connection(), deps);
    expect(JSON.stringify(answer)).not.toContain('sk-test-0123456789');
    expect(answer).toMatchObject({ ok: false, error: { message: 'bad key: Bearer [key]' } });
  });

  it('does not follow a redirect', async () => {
    handler = (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:9/elsewhere' }).end();
    expect(await openai.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 502 },
    });
    expect(seen).toHaveLength(1);
  });

  it('tells a refused connection as not sent', async () => {
    const answer = await openai.forward(ask(), connection({ baseUrl: 'http://127.0.0.1:9399/v1' }), deps);
    expect(answer).toMatchObject({ ok: false, error: { failure: 'not_sent', status: 0 } });
  });

  it('tells a connection that breaks after the request was sent as unknown', async () => {
    handler = ({ message }) => message.socket.destroy();
    expect(await openai.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 0 },
    });
  });

  it('tells it as not sent when nobody listens there any more', async () => {
    handler = ({ message }) => message.socket.destroy();
    const answer = await openai.forward(ask(), connection(), { ...deps, listens: async () => false });
    expect(answer).toMatchObject({ ok: false, error: { failure: 'not_sent', status: 0 } });
  });

  it('tells silence as unknown', async () => {
    handler = () => {};
    expect(await openai.forward(ask({ timeoutMs: 50 }), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 0, message: 'It did not answer in time.' },
    });
  });

  it('tells a list of models that is none', async () => {
    handler = (_, response) =>
      response.writeHead(200, { 'content-type': 'text/html' }).end('<html>hello</html>');
    expect(await openai.test(connection(), deps)).toMatchObject({ ok: false, error: { status: 502 } });
  });

  it('does not wait for the text of an error that stalls, nor reads one without end', async () => {
    vi.useFakeTimers();
    try {
      const said = (pull?: (body: ReadableStreamDefaultController<Uint8Array>) => void) =>
        new Response(
          new ReadableStream({ start: (body) => body.enqueue(new TextEncoder().encode('Slow down.')), pull }),
          { status: 429 },
        );
      const stalled = guardedFetch(async () => said(() => {}), 'http://provider');
      await vi.advanceTimersByTimeAsync(10_000);
      expect([(await stalled).status, await (await stalled).text()]).toEqual([429, 'Slow down.']);
      const endless = await guardedFetch(
        async () => said((body) => body.enqueue(new Uint8Array(10_000).fill(32))),
        'http://provider',
      );
      expect((await endless.text()).length).toBe(16_384);
      expect(vi.getTimerCount()).toBe(0);
    } finally {
      vi.useRealTimers();
    }
  });

  it('reads Retry-After as seconds, milliseconds or a date', () => {
    const from = (headers: Record<string, string>) => retryAfterMs(new Headers(headers));
    expect(from({ 'retry-after': '1.5' })).toBe(1500);
    expect(from({ 'retry-after-ms': '20', 'retry-after': '9' })).toBe(20);
    expect(
      from({ 'retry-after': 'Fri, 20 Nov 2026 10:00:30 GMT', date: 'Fri, 20 Nov 2026 10:00:00 GMT' }),
    ).toBe(30_000);
    expect(from({ 'retry-after': 'soon' })).toBeNull();
    expect(from({ 'retry-after': '-4' })).toBeNull();
    expect(from({})).toBeNull();
  });
});
