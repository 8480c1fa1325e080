/** One call, two servers, one of them failing: as a program with the official client meets it. */
import { createServer, type Server } from 'node:http';
import OpenAI, { RateLimitError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const folder = freshFolder();
const messages = [{ role: 'user' as const, content: 'hi' }];
/** 20 input and 10 output tokens of gpt-4o-mini ($0.15, $0.60 per 1M) */
const MINI = 9_000;
let server: Started;
let well: Upstream;
let failing: { server: Server; calls: number; answer: { status: number; headers: Record<string, string> } };
let client: OpenAI;

beforeAll(async () => {
  well = await startUpstream();
  const port = await freePort();
  failing = {
    calls: 0,
    answer: { status: 500, headers: {} },
    server: createServer((request, response) => {
      request.resume();
      response.setHeader('content-type', 'application/json');
      if (request.url?.endsWith('/models')) return void response.end('{"data":[{"id":"gpt-4o"}]}');
      failing.calls++;
      response.writeHead(failing.answer.status, failing.answer.headers);
      response.end(JSON.stringify({ error: { message: 'not today' } }));
    }),
  };
  await new Promise<void>((listening) => failing.server.listen(port, '127.0.0.1', listening));
  server = await startServer({
    port: await freePort(),
    dataDir: folder.dataDir,
    env: { ALLOW_PRIVATE_NETWORK: '1' },
  });
  for (const [name, baseUrl] of [
    ['failing', `http://127.0.0.1:${port}/v1`],
    ['well', well.url],
  ]) {
    const key = { provider: 'openai', apiKey: 'sk-0123456789abcdef', name, baseUrl };
    expect((await server.api('POST', '/api/integrations/connect', key)).status).toBe(201);
  }
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: server.apiKey, maxRetries: 0 });
});
afterAll(async () => {
  await server.stop();
  await well.close();
  failing.server.closeAllConnections();
  failing.server.close();
  folder.remove();
});

/** The run with its attempts, once everything of it stands in D1; and the three sums, which are one. */
async function booked(runId: string, attempts: number) {
  const { body } = await eventually(
    () => server.api('GET', `/api/runs/${runId}`),
    (answer) => answer.body.attempts === attempts,
  );
  const sums = (await server.api('GET', '/api/token-tracking/reconcile')).body;
  expect([sums.driftNanoUsd, sums.heldNanoUsd]).toEqual([0, 0]);
  expect(sums.rollupNanoUsd).toBe(sums.ledgerNanoUsd);
  return body;
}

describe('B10: the official openai client, one provider failing', () => {
  it('gets its answer from the fallback of its header, and pays for that alone', async () => {
    const { data, response } = await client.chat.completions
      .create({ model: 'gpt-4o', messages }, { headers: { 'x-pm-fallback': 'gpt-4o-mini' } })
      .withResponse();
    expect(data.choices[0]!.message.content).toContain('answer');
    expect(response.headers.get('x-pm-model')).toBe('openai/gpt-4o-mini');
    expect(response.headers.get('x-pm-attempts')).toBe('2');
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe(String(MINI));
    const run = await booked(response.headers.get('x-pm-run-id')!, 2);
    expect(run).toMatchObject({ status: 'succeeded', costNanoUsd: MINI });
    expect(
      run.attemptDetails.map((one: any) => [one.model, one.status, one.billed, one.costNanoUsd]),
    ).toEqual([
      ['gpt-4o', 'failed', false, 0],
      ['gpt-4o-mini', 'succeeded', true, MINI],
    ]);
  });

  it('names a route as model, which is listed, tries as often as it says, and streams', async () => {
    const made = await server.api('POST', '/api/routes', {
      name: 'smart',
      targets: [{ model: 'gpt-4o', maxAttempts: 2 }, { model: 'gpt-4o-mini' }],
      retry: { baseMs: 10, maxMs: 20 },
    });
    expect(made.status).toBe(201);
    expect((await client.models.list()).data.map(({ id }) => id)).toContain('smart');
    const before = failing.calls;
    const { data: stream, response } = await client.chat.completions
      .create({ model: 'smart', messages, stream: true })
      .withResponse();
    let text = '';
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    expect(text).toBe('one two three four five ');
    expect(failing.calls - before).toBe(2);
    expect(response.headers.get('x-pm-attempts')).toBe('3');
    expect(await booked(response.headers.get('x-pm-run-id')!, 3)).toMatchObject({ costNanoUsd: MINI });
  });

  it('is told to wait by the provider’s own status and Retry-After when nobody else can be asked', async () => {
    failing.answer = { status: 429, headers: { 'retry-after': '45' } };
    const before = failing.calls;
    const refused = await client.chat.completions
      .create({ model: 'gpt-4o', messages })
      .catch((error) => error);
    expect(refused).toBeInstanceOf(RateLimitError);
    expect(refused.headers.get('retry-after')).toBe('45');
    expect(failing.calls - before).toBe(1);
  });
});
