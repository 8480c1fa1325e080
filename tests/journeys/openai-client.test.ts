import OpenAI, { AuthenticationError, APIError, NotFoundError } from 'openai';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openaiAt } from './scripted-gateway.ts';
import { eventually, freePort, freshFolder, startServer, type Started } from './server.ts';
import { startUpstream, type Upstream } from './upstream.ts';

const folder = freshFolder();
let server: Started;
let upstream: Upstream;
let client: OpenAI;

beforeAll(async () => {
  upstream = await startUpstream({ chunkDelayMs: 60 });
  server = await startServer({
    port: await freePort(),
    dataDir: folder.dataDir,
    env: { OPENAI_BASE_URL: upstream.url, OPENAI_API_KEY: 'sk-test' },
  });
  client = openaiAt(server);
});
afterAll(async () => {
  await server.stop();
  await upstream.close();
  folder.remove();
});

const ledgerOf = (runId: string) =>
  eventually(
    () => server.api('GET', `/api/token-tracking/ledger?runId=${runId}`),
    (answer) => answer.body.data.length === 1,
  ).then((answer) => answer.body.data[0]);
const settled = () =>
  eventually(
    () => server.api('GET', '/api/token-tracking/reconcile'),
    (answer) => answer.body.heldNanoUsd === 0 && answer.body.pendingNanoUsd === 0,
  );

describe('the official openai client with only base URL and key changed', () => {
  it('gets a JSON answer whose cost is on the ledger', async () => {
    const { data, response } = await client.chat.completions
      .create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] })
      .withResponse();
    expect(data.choices[0]!.message.content).toContain('answer');
    expect(data.usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 10 });
    const row = await ledgerOf(response.headers.get('x-pm-run-id')!);
    // gpt-4o-mini: $0.15 in, $0.60 out per 1M tokens: 20 x 150 + 10 x 600 nano-USD
    expect(row).toMatchObject({
      status: 'succeeded',
      source: 'reported',
      inputTokens: 20,
      outputTokens: 10,
      costNanoUsd: 9000,
    });
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe('9000');
  });

  it('gets a stream without the usage chunk it did not ask for, and with the one it did', async () => {
    const plain = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
    });
    const chunks = [];
    for await (const chunk of plain) chunks.push(chunk);
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe(
      'one two three four five ',
    );
    expect(chunks.every((chunk) => chunk.choices.length > 0)).toBe(true);
    const asked = await client.chat.completions.create({
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hi' }],
      stream: true,
      stream_options: { include_usage: true },
    });
    let usage = null;
    for await (const chunk of asked) usage = chunk.usage ?? usage;
    expect(usage).toMatchObject({ prompt_tokens: 20, completion_tokens: 10 });
  });

  it("B09: drains the upstream when the client leaves, and books the provider's usage", async () => {
    const { data: stream, response } = await client.chat.completions
      .create({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'leave early' }], stream: true })
      .withResponse();
    for await (const _ of stream) break;
    const row = await ledgerOf(response.headers.get('x-pm-run-id')!);
    expect(row).toMatchObject({ source: 'reported', inputTokens: 20, outputTokens: 10, costNanoUsd: 9000 });
    expect(upstream.calls.at(-1)).toMatchObject({ finished: true, aborted: false });
  });

  it('B08: aborts the upstream with x-pm-on-disconnect: cancel, and books at least the input, flagged estimated', async () => {
    const { data: stream, response } = await client.chat.completions
      .create(
        { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'cancel me early' }], stream: true },
        { headers: { 'x-pm-on-disconnect': 'cancel' } },
      )
      .withResponse();
    for await (const _ of stream) break;
    const row = await ledgerOf(response.headers.get('x-pm-run-id')!);
    expect(row.source).toBe('estimated');
    expect(row.costNanoUsd).toBeGreaterThan(0);
    await eventually(
      async () => upstream.calls.at(-1)!,
      (call) => call.aborted,
    );
  });

  it('raises its own error classes', async () => {
    await expect(
      openaiAt(server, { apiKey: 'pm_forged_0123456789abcdef0123' }).models.list(),
    ).rejects.toBeInstanceOf(AuthenticationError);
    await expect(
      client.chat.completions.create({ model: 'no-such-model', messages: [{ role: 'user', content: 'x' }] }),
    ).rejects.toBeInstanceOf(NotFoundError);
    await server.api('POST', '/api/token-tracking/budget', {
      scope: { type: 'tag', id: 'empty' },
      window: 'total',
      timeZone: 'UTC',
      limitNanoUsd: 0,
      policy: 'block',
    });
    const refused = await client.chat.completions
      .create(
        { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] },
        { headers: { 'x-pm-tags': 'empty' } },
      )
      .catch((error) => error);
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 402, code: 'budget_exceeded' });
    expect((await client.models.list()).data.map((model) => model.id)).toContain('sandbox-small');
  });

  it('settles everything it admitted', async () => {
    const sums = await settled();
    expect(sums.body.driftNanoUsd).toBe(0);
    expect(sums.body.ledgerNanoUsd).toBe(sums.body.counterNanoUsd);
  });
});
