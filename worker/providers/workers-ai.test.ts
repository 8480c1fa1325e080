import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openaiServer, type SeenRequest } from '../../tests/contracts/openai-server.ts';
import { providerContract } from '../../tests/contracts/provider.ts';
import type { Connection, ProviderDeps } from '../domain/contracts/provider.ts';
import { workersAi } from './workers-ai.ts';

const ACCOUNT = '0123456789abcdef0123456789abcdef';
const TOKEN = 'cf-token-0123456789';

/** What Cloudflare's API answers beside OpenAI's dialect: its list of models, and its errors. */
const cloudflare = ({ url, headers, body }: SeenRequest) => {
  if (headers.authorization !== `Bearer ${TOKEN}`)
    return {
      status: 401,
      body: { success: false, errors: [{ code: 10000, message: 'Authentication error' }], result: null },
    };
  if (url.startsWith(`/client/v4/accounts/${ACCOUNT}/ai/models/search`))
    return {
      status: 200,
      body: {
        success: true,
        errors: [],
        result: [
          { name: '@cf/meta/llama-3.1-8b-instruct', task: { name: 'Text Generation' } },
          { name: '@cf/baai/bge-m3', task: { name: 'Text Embeddings' } },
          { name: '@cf/black-forest-labs/flux-1-schnell', task: { name: 'Text-to-Image' } },
        ],
      },
    };
  if (!url.startsWith(`/client/v4/accounts/${ACCOUNT}/ai/v1/`)) return { status: 404, body: {} };
  if (body.includes('no-such-model'))
    return { status: 400, body: { success: false, errors: [{ code: 5007, message: 'No such model' }] } };
  return null;
};
const server = openaiServer(cloudflare);
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
  provider: 'workers-ai',
  name: 'default',
  apiKey: TOKEN,
  baseUrl: `${server.origin()}/client/v4`,
  headers: {},
  options: { accountId: ACCOUNT },
  ...more,
});
const ask = (model: string) => ({
  format: 'openai_chat' as const,
  body: { model, messages: [{ role: 'user', content: 'hi' }] },
  stream: false,
  idempotencyKey: 'run_1.1',
  signal: new AbortController().signal,
  timeoutMs: 5_000,
});

providerContract('workers-ai', () => ({
  provider: workersAi,
  deps,
  connection: connection(),
  model: '@cf/meta/llama-3.1-8b-instruct',
  busy: { model: '@cf/busy', retryAfterMs: 3_000 },
  broken: { model: '@cf/broken', status: 500 },
}));

describe('Workers AI', () => {
  it("is asked under the account's address, models by their own names", async () => {
    const answer = await workersAi.forward(ask('@cf/meta/llama-3.1-8b-instruct'), connection(), deps);
    expect(answer.ok).toBe(true);
    expect(server.seen[0]).toMatchObject({
      url: `/client/v4/accounts/${ACCOUNT}/ai/v1/chat/completions`,
      headers: { authorization: `Bearer ${TOKEN}` },
    });
    expect(JSON.parse(server.seen[0]!.body)).toMatchObject({ model: '@cf/meta/llama-3.1-8b-instruct' });
  });

  it('lists the models that answer in text or as embeddings', async () => {
    expect(await workersAi.test(connection(), deps)).toEqual({
      ok: true,
      value: { models: ['@cf/meta/llama-3.1-8b-instruct', '@cf/baai/bge-m3'] },
    });
  });

  it("tells a wrong token, or a model that there is not, in Cloudflare's words", async () => {
    expect(await workersAi.test(connection({ apiKey: 'cf-wrong-token' }), deps)).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 401, message: 'Authentication error' },
    });
    expect(await workersAi.forward(ask('@cf/no-such-model'), connection(), deps)).toMatchObject({
      ok: false,
      error: { failure: 'refused', status: 400, message: 'No such model' },
    });
  });

  it('asks for the account', () => {
    const accepts = (form: object) => workersAi.connectSchema.safeParse(form).success;
    expect(accepts({ accountId: ACCOUNT })).toBe(true);
    expect(accepts({})).toBe(false);
    expect(accepts({ accountId: '../../other' })).toBe(false);
  });
});
