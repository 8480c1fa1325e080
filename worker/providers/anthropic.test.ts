import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { Connection, ForwardRequest, ProviderDeps } from '../domain/contracts/provider.ts';
import { anthropic } from './anthropic.ts';

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
const error = (type: string, message: string) => ({ type: 'error', error: { type, message } });

/** A small upstream: what Anthropic answers, for the models that the contract asks for. */
const upstream: Handler = ({ body, message }, response) => {
  if (message.url?.startsWith('/v1/models'))
    return json(response, 200, { data: [{ id: 'm-1', type: 'model' }], has_more: false });
  if (message.url === '/v1/messages/count_tokens') return json(response, 200, { input_tokens: 14 });
  const asked = JSON.parse(body) as { model: string; stream?: boolean };
  if (asked.model === 'busy')
    return json(response, 429, error('rate_limit_error', 'Slow down.'), { 'retry-after': '3' });
  if (asked.model === 'broken') return json(response, 500, error('api_error', 'We broke.'));
  if (asked.model === 'overloaded') return json(response, 529, error('overloaded_error', 'Overloaded'));
  if (!asked.stream)
    return json(response, 200, {
      type: 'message',
      content: [{ type: 'text', text: 'Fine.' }],
      usage: { input_tokens: 9, output_tokens: 2 },
    });
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  for (const event of [
    { type: 'message_start', message: { usage: { input_tokens: 9, output_tokens: 1 } } },
    { type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } },
    { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: 'Fine.' } },
    { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 2 } },
    { type: 'message_stop' },
  ])
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  response.end();
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
const address = () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const connection = (more: Partial<Connection> = {}): Connection => ({
  id: 'conn_1',
  provider: 'anthropic',
  name: 'default',
  apiKey: 'sk-ant-0123456789',
  baseUrl: address(),
  headers: {},
  ...more,
});
const ask = (more: Partial<ForwardRequest> = {}): ForwardRequest => ({
  format: 'anthropic_messages',
  body: { model: 'm-1', max_tokens: 5, messages: [] },
  stream: false,
  idempotencyKey: 'run_1.1',
  signal: new AbortController().signal,
  timeoutMs: 5_000,
  ...more,
});

providerContract('anthropic', () => ({
  provider: anthropic,
  format: 'anthropic_messages',
  deps,
  connection: connection(),
  model: 'm-1',
  busy: { model: 'busy', retryAfterMs: 3_000 },
  broken: { model: 'broken', status: 500 },
}));

describe('anthropic', () => {
  it('sends the body as it is, with the key in the header that the API documents', async () => {
    const body = { model: 'm-1', messages: [{ role: 'user', content: 'grüße 🎈' }], unknown: [1, null] };
    await anthropic.forward(ask({ body }), connection({ headers: { 'x-extra': 'yes' } }), deps);
    expect(seen[0]?.body).toBe(JSON.stringify(body));
    expect(seen[0]?.message.url).toBe('/v1/messages');
    expect(seen[0]?.message.headers).toMatchObject({
      'x-api-key': 'sk-ant-0123456789',
      'idempotency-key': 'run_1.1',
      'x-extra': 'yes',
      'anthropic-version': '2023-06-01',
      'content-type': 'application/json',
    });
    expect(seen[0]?.message.headers.authorization).toBeUndefined();
  });

  it('passes on the version and the betas that the caller speaks', async () => {
    const headers = { 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a,b' };
    await anthropic.forward(ask({ headers }), connection(), deps);
    await anthropic.countInput({ ...ask({ headers }) }, connection(), deps);
    for (const { message } of seen) expect(message.headers).toMatchObject(headers);
  });

  it('takes a base URL with and without /v1', async () => {
    for (const baseUrl of [address(), `${address()}/`, `${address()}/v1`, `${address()}/v1/`])
      expect(await anthropic.test(connection({ baseUrl }), deps)).toEqual({
        ok: true,
        value: { models: ['m-1'] },
      });
  });

  it('counts input, and says so when it gets no count', async () => {
    expect(await anthropic.countInput(ask(), connection(), deps)).toEqual({ ok: true, value: 14 });
    handler = (_, response) => json(response, 200, { tokens: 'many' });
    expect(await anthropic.countInput(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 502 },
    });
  });

  it('asks once, whatever the answer, and knows that overloaded is safe to retry', async () => {
    const answers = [];
    for (const model of ['busy', 'broken', 'overloaded'])
      answers.push(await anthropic.forward(ask({ body: { model } }), connection(), deps));
    expect(seen).toHaveLength(3);
    expect(answers[2]).toMatchObject({ ok: false, error: { failure: 'not_sent', status: 529 } });
  });

  it('never lets the key out through an error, nor follows a redirect', async () => {
    handler = ({ message }, response) =>
      json(response, 401, error('authentication_error', `bad key: ${message.headers['x-api-key']}`));
    const answer = await anthropic.forward(ask(), connection(), deps);
    expect(answer).toMatchObject({ ok: false, error: { failure: 'refused', message: 'bad key: [key]' } });
    expect(JSON.stringify(answer)).not.toContain('sk-ant');
    handler = (_, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end();
    expect(await anthropic.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 502 },
    });
  });

  it('tells silence from a caller who left', async () => {
    handler = () => {};
    const answers = [
      { timeoutMs: 50 },
      { signal: AbortSignal.timeout(50) },
      { signal: AbortSignal.abort(new Error('cancelled')) },
    ].map((more) => anthropic.forward(ask(more), connection(), deps));
    const late = { failure: 'unknown', status: 0, message: 'It did not answer in time.' };
    expect(await Promise.all(answers)).toMatchObject([
      { error: late },
      { error: late },
      { error: { ...late, message: 'The call was cancelled.' } },
    ]);
  });

  it('tells a server that is not there from one that broke off', async () => {
    const nobody = connection({ baseUrl: 'http://127.0.0.1:1' });
    expect(await anthropic.forward(ask(), nobody, deps)).toMatchObject({
      ok: false,
      error: { failure: 'not_sent', status: 0 },
    });
    handler = (_, response) => response.destroy();
    expect(await anthropic.forward(ask(), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'unknown', status: 0 },
    });
  });
});
