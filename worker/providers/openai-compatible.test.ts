import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openaiServer } from '../../tests/contracts/openai-server.ts';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { Connection, ProviderDeps } from '../domain/contracts/provider.ts';
import { openaiCompatible } from './openai-compatible.ts';

const KEY = 'key-0123456789';
const server = openaiServer(({ url, headers }) => {
  if (url === '/v1/models' || url.startsWith('/openai/models?'))
    return { status: 200, body: { object: 'list', data: [{ id: 'llama3', object: 'model' }] } };
  if (headers['x-secret'] === 'wrong-secret-header')
    return { status: 401, body: { message: `Not with ${headers['x-secret']}` } };
  return null;
});
beforeAll(() => server.start());
afterAll(() => server.stop());
beforeEach(() => void (server.seen.length = 0));

const deps: ProviderDeps = {
  fetch: (input, init) => fetch(input as string, init as RequestInit) as never,
  count: { text: async () => 0, request: async () => 0 },
  sleep: async () => {},
  listens: async () => true,
};
const connection = (more: Partial<Connection> = {}): Connection => ({
  id: 'conn_1',
  provider: 'openai-compatible',
  name: 'default',
  apiKey: KEY,
  baseUrl: `${server.origin()}/v1`,
  headers: {},
  ...more,
});
const ask = (model = 'llama3') => ({
  format: 'openai_chat' as const,
  body: { model, messages: [{ role: 'user', content: 'hi' }] },
  stream: false,
  idempotencyKey: 'run_1.1',
  signal: new AbortController().signal,
  timeoutMs: 5_000,
});

providerContract('openai-compatible', () => ({
  provider: openaiCompatible,
  deps,
  connection: connection(),
  model: 'llama3',
  busy: { model: 'busy', retryAfterMs: 3_000 },
  broken: { model: 'broken', status: 500 },
}));

describe("a server of OpenAI's dialect", () => {
  it('may take no key (Ollama, vLLM)', async () => {
    expect((await openaiCompatible.forward(ask(), connection({ apiKey: '' }), deps)).ok).toBe(true);
    expect(server.seen[0]!.headers.authorization).toBeUndefined();
  });

  it('is sent the headers of the connection, also in place of our own', async () => {
    const headers = { 'x-title': 'Prompt Manage', authorization: 'Basic abc' };
    await openaiCompatible.forward(ask(), connection({ headers }), deps);
    expect(server.seen[0]!.headers).toMatchObject(headers);
  });

  it('never lets the value of a header out through an error', async () => {
    const headers = { 'x-secret': 'wrong-secret-header' };
    const answer = await openaiCompatible.forward(ask(), connection({ headers }), deps);
    expect(answer).toMatchObject({ ok: false, error: { status: 401, message: 'Not with [key]' } });
    expect(JSON.stringify(answer)).not.toContain('wrong-secret-header');
  });

  it.each([
    ['a resource', ''],
    ['its deployments', '/openai/deployments'],
    ['one deployment', '/openai/deployments/llama3'],
  ])('finds Azure’s older addresses by an API version, given %s', async (_, path) => {
    const options = { apiVersion: '2024-10-21', keyHeader: 'api-key' };
    const azure = connection({ baseUrl: server.origin() + path, options });
    expect((await openaiCompatible.forward(ask(), azure, deps)).ok).toBe(true);
    expect((await openaiCompatible.test(azure, deps)).ok).toBe(true);
    expect(server.seen.map(({ url }) => url)).toEqual([
      '/openai/deployments/llama3/chat/completions?api-version=2024-10-21',
      '/openai/models?api-version=2024-10-21',
    ]);
    for (const { headers } of server.seen) {
      expect(headers['api-key']).toBe(KEY);
      expect(headers.authorization).toBeUndefined();
    }
  });

  it('keeps a model out of the rest of the address', async () => {
    const options = { apiVersion: '2024-10-21' };
    await openaiCompatible.forward(ask('../x?y'), connection({ baseUrl: server.origin(), options }), deps);
    expect(server.seen[0]!.url).toBe(
      '/openai/deployments/..%2Fx%3Fy/chat/completions?api-version=2024-10-21',
    );
  });

  it('asks for its address', () => {
    const accepts = (form: object) => openaiCompatible.connectSchema.safeParse(form).success;
    expect(accepts({ baseUrl: 'http://localhost:11434/v1' })).toBe(true);
    expect(accepts({})).toBe(false);
    expect(accepts({ baseUrl: 'https://x.example.com', apiVersion: '2024?x=1' })).toBe(false);
  });
});
