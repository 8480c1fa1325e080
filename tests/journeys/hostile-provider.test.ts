import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESSES, ask, atRest, expectError } from './gateway-calls.ts';
import { startScriptedGateway } from './scripted-gateway.ts';
import {
  errorBody,
  firstWords,
  goodBody,
  goodStream,
  KINDS,
  type Kind,
  type Script,
} from './scripted-upstream.ts';
import { eventually, type Started } from './server.ts';

const STREAM = { 'content-type': 'text/event-stream' };
const JSON_TYPE = { 'content-type': 'application/json' };
const json = (response: Parameters<Script>[1], body: unknown, headers: object = {}) =>
  response.writeHead(200, { ...JSON_TYPE, ...headers }).end(JSON.stringify(body));
const nothing = () => new Promise<void>(() => {});

const ODD_USAGE = {
  prompt_tokens: '20',
  completion_tokens: -1,
  input_tokens: 1.5,
  output_tokens: null,
  promptTokenCount: 1e30,
  candidatesTokenCount: { count: 3 },
  total_tokens: [],
};

const SCRIPTS: Record<string, Script> = {
  fine: ({ kind, stream }, response) =>
    stream ? void response.writeHead(200, STREAM).end(goodStream(kind)) : void json(response, goodBody(kind)),
  page: (_, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/html' })
      .end('<html><h1>Sign in to the network</h1></html>'),
  half: ({ kind }, response) =>
    void response.writeHead(200, JSON_TYPE).end(JSON.stringify(goodBody(kind)).slice(0, 60)),
  cut: ({ kind }, response) => {
    const text = JSON.stringify(goodBody(kind));
    response.writeHead(200, { ...JSON_TYPE, 'content-length': text.length });
    response.write(text.slice(0, 60), () => response.destroy());
  },
  error_in_200: ({ kind, stream }, response) =>
    stream
      ? void response.writeHead(200, STREAM).end(`data: ${JSON.stringify(errorBody(kind))}\n\n`)
      : void json(response, errorBody(kind)),
  no_content: (_, response) => void response.writeHead(204).end(),
  redirect: (_, response) =>
    void response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  reset_before: (_, response) => void response.destroy(),
  reset_after_headers: ({ stream }, response) => {
    response.writeHead(200, stream ? STREAM : JSON_TYPE).flushHeaders();
    setTimeout(() => response.destroy(), 50);
  },
  bad_gzip: (_, response) =>
    void response.writeHead(200, { ...JSON_TYPE, 'content-encoding': 'gzip' }).end('this is not gzip'),
  bad_chunks: (_, response) => {
    response.socket!.end(
      'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nZZZ\r\n{"a"\r\n',
    );
  },
  no_http: (_, response) => void response.socket!.end('SSH-2.0-OpenSSH_9.2\r\n'),
  hints: ({ kind, stream }, response) => {
    response.writeEarlyHints({ link: '</x>; rel=preload' });
    return SCRIPTS.fine!({ kind, stream } as Parameters<Script>[0], response);
  },
  plain_text: ({ kind, stream }, response) =>
    void response
      .writeHead(200, { 'content-type': 'text/plain' })
      .end(stream ? goodStream(kind) : JSON.stringify(goodBody(kind))),
  other_kind: ({ kind, stream }, response) =>
    stream ? void json(response, goodBody(kind)) : void response.writeHead(200, STREAM).end(goodStream(kind)),
  breaks: ({ kind }, response) => {
    response.writeHead(200, STREAM).write(firstWords(kind));
    setTimeout(() => response.destroy(), 50);
  },
  stalls: ({ kind }, response) => void response.writeHead(200, STREAM).write(firstWords(kind)),
  stops: ({ kind }, response) => void response.writeHead(200, STREAM).end(firstWords(kind)),
  half_event: ({ kind }, response) =>
    void response.writeHead(200, STREAM).end(`${firstWords(kind)}data: {"choices":[{"del`),
  fails_later: ({ kind }, response) => {
    const error = `${kind === 'messages' || kind === 'responses' ? 'event: error\n' : ''}data: ${JSON.stringify(
      kind === 'responses'
        ? { type: 'error', code: 'x', message: 'We are overloaded.', param: null }
        : errorBody(kind),
    )}\n\n`;
    response.writeHead(200, STREAM).end(firstWords(kind) + error);
  },
  huge_event: async ({ kind }, response) => {
    response.writeHead(200, STREAM).write(firstWords(kind));
    response.write('data: {"x":"');
    for (let i = 0; i < 20 && !response.destroyed; i++)
      if (!response.write('x'.repeat(1024 * 1024)))
        await Promise.race([once(response, 'drain'), once(response, 'close')]);
    response.end('"}\n\n');
  },
  endless: async ({ kind, stream }, response) => {
    response.writeHead(200, stream ? STREAM : JSON_TYPE);
    const piece = stream ? firstWords(kind, 'word '.repeat(50_000)) : ' '.repeat(250_000);
    while (!response.destroyed)
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), once(response, 'close')]);
  },
  silent: nothing,
  slow_headers: (_, response) => {
    const timer = setInterval(() => response.socket?.write('HTTP/1.1 200 OK\r\n'.slice(0, 1)), 200);
    response.on('close', () => clearInterval(timer));
  },
  headers_only: ({ stream }, response) =>
    void response.writeHead(200, stream ? STREAM : JSON_TYPE).flushHeaders(),
  body_stalls: ({ kind }, response) => {
    const text = JSON.stringify(goodBody(kind));
    response.writeHead(200, { ...JSON_TYPE, 'content-length': text.length }).write(text.slice(0, 60));
  },
  odd_usage: ({ kind }, response) => void json(response, goodBody(kind, ODD_USAGE)),
  absurd_usage: ({ kind }, response) => {
    const most = Number.MAX_SAFE_INTEGER;
    const names = [
      'prompt_tokens',
      'completion_tokens',
      'input_tokens',
      'output_tokens',
      'promptTokenCount',
      'candidatesTokenCount',
    ];
    json(response, goodBody(kind, Object.fromEntries(names.map((name) => [name, most]))));
  },
};

let server: Started;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ server, stop } = await startScriptedGateway(SCRIPTS));
});
afterAll(() => stop());

const STREAMING = KINDS.filter((kind) => kind !== 'embeddings');

/** The run as a person sees it, once it has arrived. */
const runOf = (runId: string) =>
  eventually(
    () => server.api('GET', `/api/runs/${runId}`),
    ({ status }) => status === 200,
  ).then(({ body }) => body);
/** `billed` of a failed run: whether it stands in the ledger with a cost, too. */
async function expectRun(
  answer: { headers: Headers },
  more: { status: string; billed: boolean; error?: RegExp },
) {
  const runId = answer.headers.get('x-pm-run-id')!;
  const run = await runOf(runId);
  expect(run.status).toBe(more.status);
  if (more.error) expect(run.error).toMatch(more.error);
  expect(run.costNanoUsd > 0).toBe(more.billed);
  const rows = await eventually(
    () => server.api('GET', `/api/token-tracking/ledger?runId=${runId}`),
    ({ body }) => body.data.length === (more.billed ? 1 : 0),
  );
  if (more.billed)
    expect(rows.body.data[0]).toMatchObject({ status: more.status, costNanoUsd: run.costNanoUsd });
  return rows.body.data[0];
}

/** The stream's last event is an error in the format's own shape. */
function expectErrorEvent(kind: Kind, stream: string, message: RegExp) {
  const last = stream
    .trim()
    .split(/\r?\n\r?\n/)
    .at(-1)!;
  const told = JSON.parse(/^data: (.*)$/m.exec(last)![1]!);
  if (kind === 'responses')
    expect([told.type, told.message]).toEqual(['error', expect.stringMatching(message)]);
  else {
    if (kind !== 'chat') expect(ADDRESSES[kind].isError(told)).toBe(true);
    expect(told.error.message).toMatch(message);
  }
}

/** While a route of the model's own name lets it take half a second to begin, and a second between two words. */
async function hastily(kind: Kind, work: () => Promise<void>, limits: object = { timeoutMs: 500 }) {
  const name = kind === 'gemini' ? 'gemini-2.5-flash' : (ADDRESSES[kind].body.model as string);
  const target = { model: name, idleTimeoutMs: 1_000, ...limits };
  const route = { name, targets: [target], retry: { maxAttempts: 1 } };
  const made = await server.api('POST', '/api/routes', route);
  expect([made.status, made.body.name]).toEqual([201, name]);
  try {
    await work();
  } finally {
    expect((await server.api('DELETE', `/api/routes/${made.body.id}`)).status).toBe(204);
  }
}

/** What the caller is told, what the row says, and whether it costs. */
const JSON_CASES: [script: string, statuses: number[], error: RegExp, billed: boolean][] = [
  ['page', [502], /did not answer with JSON/, true],
  ['half', [502], /did not answer with JSON/, true],
  ['cut', [502], /broke/, true],
  ['error_in_200', [502], /We are overloaded/, false],
  ['no_content', [502], /./, true],
  ['redirect', [502], /redirect/, false],
  ['reset_before', [502, 504], /broke|reached/, true],
  ['reset_after_headers', [502, 504], /broke/, true],
  ['bad_gzip', [502, 504], /broke/, true],
  ['bad_chunks', [502, 504], /broke/, true],
  ['no_http', [502, 504], /broke/, true],
  ['other_kind', [502], /did not answer with JSON/, true],
];

/** Before its first event: an ordinary error. */
const STREAM_CASES: typeof JSON_CASES = [
  ['page', [502], /not answer with a stream/, false],
  ['half', [502], /in one piece/, true],
  ['error_in_200', [502], /We are overloaded/, false],
  ['no_content', [502], /./, false],
  ['redirect', [502], /redirect/, false],
  ['reset_before', [502, 504], /broke|reached/, true],
  ['reset_after_headers', [502], /before it began/, false],
  ['bad_gzip', [502], /./, false],
  ['other_kind', [502], /in one piece/, true],
];

/** After it: an error within the stream. */
const LATER_CASES: [script: string, error: RegExp][] = [
  ['breaks', /broke off/],
  ['stops', /broke off/],
  ['half_event', /broke off/],
  ['fails_later', /We are overloaded/],
];

const each = <T>(kinds: readonly Kind[], cases: readonly T[]) =>
  kinds.flatMap((kind) => cases.map((one) => [kind, ...(one as unknown[])] as unknown as [Kind, ...any[]]));

describe('a provider that answers', () => {
  it.concurrent.each(each(KINDS, JSON_CASES))(
    '%s with %s: the caller is told, and the row says what happened',
    async (kind, script, statuses, error, billed) => {
      const answer = await ask(server, kind, { body: { x_script: script } });
      expectError(kind, answer, statuses);
      expect(answer.text).toMatch(error);
      await expectRun(answer, { status: 'failed', billed, error });
    },
  );

  it.concurrent.each(each(STREAMING, STREAM_CASES))(
    '%s, asked for a stream, with %s: an ordinary error',
    async (kind, script, statuses, error, billed) => {
      const answer = await ask(server, kind, { stream: true, body: { x_script: script } });
      expectError(kind, answer, statuses);
      expect(answer.text).toMatch(error);
      await expectRun(answer, { status: 'failed', billed, error });
    },
  );

  it.concurrent.each(each(STREAMING, LATER_CASES))(
    '%s with a stream that %s: the error is an event, the words before it are charged',
    async (kind, script, error) => {
      const answer = await ask(server, kind, { stream: true, body: { x_script: script } });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Once upon');
      expectErrorEvent(kind, answer.text, error);
      const row = await expectRun(answer, { status: 'failed', billed: true, error });
      expect(row.source).toBe('estimated');
    },
  );

  it.concurrent.each(
    KINDS.flatMap((kind) => ['hints', 'plain_text'].map((script) => [kind, script] as const)),
  )('%s rightly, but with %s: that is an answer', async (kind, script) => {
    const answer = await ask(server, kind, { body: { x_script: script } });
    expect([answer.status, JSON.parse(answer.text)]).toEqual([200, goodBody(kind)]);
    await expectRun(answer, { status: 'succeeded', billed: true });
    if (kind === 'embeddings') return;
    const stream = await ask(server, kind, { stream: true, body: { x_script: script } });
    expect(stream.status).toBe(200);
    await expectRun(stream, { status: 'succeeded', billed: true });
  });

  it.concurrent.each(
    KINDS.flatMap((kind) => ['odd_usage', 'absurd_usage'].map((script) => [kind, script] as const)),
  )("%s with %s: the answer is the caller's, its tokens are counted by us", async (kind, script) => {
    const answer = await ask(server, kind, { body: { x_script: script } });
    expect(answer.status).toBe(200);
    const row = await expectRun(answer, { status: 'succeeded', billed: true });
    expect(row.source).toBe('estimated');
    expect(row.inputTokens).toBeLessThan(1_000);
  });

  // Tens of megabytes each, read by the same code whatever the format: one of each kind is enough.
  it.each([
    ['chat', 'endless'],
    ['gemini', 'huge_event'],
  ] as const)(
    '%s with a stream that is %s: it is left, and costs no more than its ceiling',
    async (kind, script) => {
      const answer = await ask(server, kind, { stream: true, body: { x_script: script } });
      expect(answer.text.slice(-2_000)).toMatch(/more than is read/);
      const row = await expectRun(answer, { status: 'failed', billed: true, error: /more than is read/ });
      expect(row.outputTokens).toBeLessThanOrEqual(100);
    },
  );

  it('messages with a body without end: it is left, and charged at its worst', async () => {
    const answer = await ask(server, 'messages', { body: { x_script: 'endless' } });
    expectError('messages', answer, [502]);
    const row = await expectRun(answer, { status: 'failed', billed: true, error: /larger/ });
    expect(row.flags).toContain('unconfirmed');
  });

  it.each(
    STREAMING.flatMap((kind) =>
      ['silent', 'slow_headers', 'headers_only'].map((script) => [kind, script] as const),
    ),
  )('%s never (%s): its route waits no longer than it may, and it is charged', (kind, script) =>
    hastily(kind, async () => {
      for (const stream of [false, true]) {
        const answer = await ask(server, kind, { stream, body: { x_script: script } });
        expectError(kind, answer, [504]);
        await expectRun(answer, { status: 'failed', billed: true, error: /in time|too long/ });
      }
    }),
  );

  it.each(STREAMING)('%s with a stream that stalls: it is cut, and the error is an event', (kind) =>
    hastily(kind, async () => {
      const answer = await ask(server, kind, { stream: true, body: { x_script: 'stalls' } });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Once upon');
      expectErrorEvent(kind, answer.text, /nothing came for 1 s/);
      const row = await expectRun(answer, { status: 'failed', billed: true, error: /stalled/ });
      expect(row).toMatchObject({ source: 'estimated', flags: ['stalled'] });
      expect(row.inputTokens).toBeGreaterThan(0);
    }),
  );

  it.each(['headers_only', 'body_stalls'])(
    'chat with an answer whose body stalls (%s): it is not waited for to its deadline, and charged at its worst',
    (script) =>
      hastily(
        'chat',
        async () => {
          const answer = await ask(server, 'chat', { body: { x_script: script } });
          expectError('chat', answer, [504]);
          expect(answer.text).toContain('nothing came for 1 s');
          const row = await expectRun(answer, { status: 'failed', billed: true, error: /stalled/ });
          expect(row.flags).toEqual(['unconfirmed', 'stalled']);
        },
        {},
      ),
  );

  // Asked in one format, answered in another: whatever the provider's words were, the error is told in the caller's.
  const CONVERTED = [
    ['chat', 'claude-sonnet-4-5'],
    ['messages', 'gpt-4o-mini'],
    ['responses', 'gemini-2.5-flash'],
  ] as const;
  /** no JSON, the provider's own error, no answer at all: what else there is comes to the same before anything is converted */
  const OF_EACH_SORT = ['half', 'error_in_200', 'reset_before'];
  /** the script stands where every conversion lets it through as it is */
  const asked = (kind: Kind, model: string, script: string) => {
    const schema = { type: 'object', properties: {}, x_script: script };
    const named = { name: 'noop', description: 'Does nothing.' };
    const tool =
      kind === 'chat'
        ? { type: 'function', function: { ...named, parameters: schema } }
        : kind === 'responses'
          ? { type: 'function', ...named, parameters: schema }
          : { ...named, input_schema: schema };
    return { model, tools: [tool] };
  };

  it.each(
    CONVERTED.flatMap(([kind, model]) =>
      JSON_CASES.filter(([script]) => OF_EACH_SORT.includes(script)).map(
        (one) => [kind, model, ...one] as const,
      ),
    ),
  )(
    '%s in front of %s with %s: the caller is told in his own format',
    async (kind, model, script, statuses, error, billed) => {
      const answer = await ask(server, kind, { body: asked(kind, model, script) });
      expectError(kind, answer, statuses);
      expect(answer.text).toMatch(error);
      await expectRun(answer, { status: 'failed', billed, error });
    },
  );

  it.each(CONVERTED.flatMap(([kind, model]) => LATER_CASES.map((one) => [kind, model, ...one] as const)))(
    '%s in front of %s with a stream that %s: the error is an event of his own format',
    async (kind, model, script, error) => {
      const answer = await ask(server, kind, { stream: true, body: asked(kind, model, script) });
      expect(answer.status).toBe(200);
      expect(answer.text).toContain('Once upon');
      expectErrorEvent(kind, answer.text, error);
      await expectRun(answer, { status: 'failed', billed: true, error });
    },
  );

  it('in all these ways leaves nothing held and no difference in the books', async () => {
    const { body } = await eventually(
      () => atRest(server),
      ({ body: sums }) => sums.heldNanoUsd === 0 && sums.pendingNanoUsd === 0,
    );
    expect(body.driftNanoUsd).toBe(0);
    expect(body.ledgerNanoUsd).toBe(body.counterNanoUsd);
    expect((await ask(server, 'chat')).status).toBe(200);
    expect(server.log()).not.toMatch(/"level":"error"/);
  });
});
