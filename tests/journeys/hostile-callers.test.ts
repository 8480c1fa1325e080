import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ADDRESSES, ask, atRest, expectError } from './gateway-calls.ts';
import { startScriptedGateway } from './scripted-gateway.ts';
import { goodBody, goodStream, KINDS, type Kind, type ScriptedUpstream } from './scripted-upstream.ts';
import { eventually, type Started } from './server.ts';

let server: Started;
let upstream: ScriptedUpstream;
let stop: () => Promise<void>;

beforeAll(async () => {
  ({ server, upstream, stop } = await startScriptedGateway({
    fine: ({ kind, stream }, response) =>
      stream
        ? void response.writeHead(200, { 'content-type': 'text/event-stream' }).end(goodStream(kind))
        : void response
            .writeHead(200, { 'content-type': 'application/json', 'x-request-id': 'req_theirs' })
            .end(JSON.stringify(goodBody(kind))),
  }));
});
afterAll(() => stop());

const bodyOf = (kind: Kind) => JSON.stringify(ADDRESSES[kind].body);
/** the address's own body with a text put in at its end */
const withText = (kind: Kind, more: string) => `${bodyOf(kind).slice(0, -1)},${more}}`;
const deep = (levels: number) => '['.repeat(levels) + ']'.repeat(levels);

/** Bodies that no address can take. */
const GARBAGE: [title: string, text: (kind: Kind) => string | Uint8Array, statuses: number[]][] = [
  ['nothing', () => '', [400]],
  ['white space', () => ' \n ', [400]],
  ['no JSON', () => 'model=gpt-4o-mini&input=hi', [400]],
  ['half a JSON', (kind) => bodyOf(kind).slice(0, -10), [400]],
  ['two JSONs', (kind) => bodyOf(kind) + bodyOf(kind), [400]],
  ['NaN', (kind) => withText(kind, '"temperature":NaN'), [400]],
  ['a list', () => '[]', [422]],
  ['a word', () => '"hello"', [422]],
  ['null', () => 'null', [422]],
  ['a number', () => '1e999', [422]],
  ['an empty object', () => '{}', [422]],
  ['100,000 levels of lists', (kind) => withText(kind, `"x":${deep(100_000)}`), [400]],
  [
    '100,000 levels of objects',
    (kind) => withText(kind, `"x":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`),
    [400],
  ],
  ['levels that never close', () => '['.repeat(100_000), [400]],
  [
    'bytes that are no UTF-8',
    (kind) =>
      new Uint8Array([
        ...new TextEncoder().encode(bodyOf(kind).slice(0, -1)),
        44,
        34,
        0xff,
        0xfe,
        34,
        58,
        49,
        125,
      ]),
    [400],
  ],
  ['gzip', (kind) => gzipSync(bodyOf(kind)), [400]],
  [
    'a prototype in place of its fields',
    () => '{"__proto__":{"model":"gpt-4o-mini"},"constructor":{}}',
    [422],
  ],
  ['5 MB', (kind) => withText(kind, `"x":"${'x'.repeat(5 * 1024 * 1024)}"`), [413]],
];

/** Fields with values that make no sense, for those addresses that have them. */
const FIELDS: [title: string, body: Partial<Record<Kind, object>>][] = [
  ['a model that is a number', each({ model: 7 }, ['chat', 'responses', 'embeddings', 'messages'])],
  ['no model', each({ model: '' }, ['chat', 'responses', 'embeddings', 'messages'])],
  [
    'a model of 10,000 letters',
    each({ model: 'm'.repeat(10_000) }, ['chat', 'responses', 'embeddings', 'messages']),
  ],
  ['less than no answer', { ...limits(-1) }],
  ['half a token', limits(0.5)],
  ['more tokens than there are', limits(1e15)],
  ['a limit in words', limits('many')],
  ['a billion answers', { chat: { n: 1e9 }, gemini: { generationConfig: { candidateCount: 1e9 } } }],
  ['a stream that is a word', each({ stream: 'yes' }, ['chat', 'responses', 'messages'])],
  ['a stream that is an object', each({ stream: {} }, ['chat', 'responses', 'messages'])],
  [
    'messages in one word',
    {
      chat: { messages: 'hi' },
      messages: { messages: 'hi' },
      responses: { input: 7 },
      gemini: { contents: 'hi' },
      embeddings: { input: {} },
    },
  ],
  [
    'no messages',
    {
      chat: { messages: [] },
      messages: { messages: [] },
      responses: { input: [] },
      gemini: { contents: [] },
      embeddings: { input: [] },
    },
  ],
  [
    'messages of numbers',
    {
      chat: { messages: [1] },
      messages: { messages: [null] },
      responses: { input: [[]] },
      gemini: { contents: [3] },
    },
  ],
];

function each(body: object, kinds: readonly Kind[]): Partial<Record<Kind, object>> {
  return Object.fromEntries(kinds.map((kind) => [kind, body]));
}
function limits(value: unknown): Partial<Record<Kind, object>> {
  return {
    chat: { max_tokens: value },
    responses: { max_output_tokens: value },
    messages: { max_tokens: value },
    gemini: { generationConfig: { maxOutputTokens: value } },
  };
}

const HEADERS: [title: string, headers: Record<string, string>][] = [
  ['a cost limit in words', { 'x-pm-max-cost-nano-usd': 'cheap' }],
  ['a cost limit below nothing', { 'x-pm-max-cost-nano-usd': '-1' }],
  ['a cost limit beyond numbers', { 'x-pm-max-cost-nano-usd': '9'.repeat(40) }],
  ['a wish that nobody knows', { 'x-pm-on-disconnect': 'explode' }],
  ['a clamp that is none', { 'x-pm-clamp': 'maybe' }],
  ['a hundred tags', { 'x-pm-tags': Array.from({ length: 100 }, (_, i) => `t${i}`).join(',') }],
  ['a tag without end', { 'x-pm-tags': 'x'.repeat(2_000) }],
  ['a hundred fallbacks', { 'x-pm-fallback': Array.from({ length: 100 }, (_, i) => `m${i}`).join(',') }],
];

const perKind = <T extends unknown[]>(cases: readonly T[]) =>
  KINDS.flatMap((kind) => cases.map((one) => [kind, ...one] as [Kind, ...T]));

describe('a hostile caller', () => {
  it.each(perKind(GARBAGE))('of %s who sends %s gets a clear refusal', async (kind, _, text, statuses) => {
    const answer = await ask(server, kind, { text: text(kind) as BodyInit }).catch(() => null);
    // While 5 MB are on their way the connection may be closed on us: then the server said so as well as it could.
    if (answer === null && statuses[0] === 413) return;
    expectError(kind, answer!, statuses);
  });

  it.each(
    FIELDS.flatMap(([title, bodies]) =>
      Object.entries(bodies).map(
        ([kind, body]) => [kind as Kind, title, body as Record<string, unknown>] as const,
      ),
    ),
  )('of %s who sends %s is told which field it is', async (kind, _, body) => {
    const answer = await ask(server, kind, { body });
    expectError(kind, answer, [422]);
    expect(answer.text).toContain(Object.keys(body)[0]);
  });

  it.each(perKind(HEADERS))('of %s who sends %s is told which header it is', async (kind, _, headers) => {
    const answer = await ask(server, kind, { headers });
    expectError(kind, answer, [422]);
    expect(answer.text).toContain(Object.keys(headers)[0]);
  });

  it.each(KINDS)('of %s: unknown models, keys that are none and methods that are none', async (kind) => {
    const named = kind === 'gemini' ? null : await ask(server, kind, { body: { model: 'gpt-99-nowhere' } });
    if (named) expectError(kind, named, [404]);
    expectError(kind, await ask(server, kind, { headers: { authorization: 'Bearer pm_x_forged' } }), [401]);
    expectError(kind, await ask(server, kind, { headers: { authorization: "Bearer ' OR 1=1 --" } }), [401]);
    for (const method of ['PUT', 'PATCH', 'DELETE', 'OPTIONS'])
      expectError(kind, await ask(server, kind, { method }), [401, 404, 405]);
    expect((await ask(server, kind, { method: 'HEAD', text: null })).status).toBeGreaterThanOrEqual(400);
  });

  it.each(KINDS)('of %s: a body in chunks without a length is limited too', async (kind) => {
    const chunk = new TextEncoder().encode('x'.repeat(256 * 1024));
    let sent = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent === 0) controller.enqueue(new TextEncoder().encode('{"model":"'));
        controller.enqueue(chunk);
        if ((sent += chunk.length) > 8 * 1024 * 1024) controller.close();
      },
    });
    const answer = await ask(server, kind, { text: endless }).catch(() => null);
    if (answer) expectError(kind, answer, [413]);
  });

  /** Odd, but nothing is wrong with them: they are answered, and cost what they cost. */
  it.each(KINDS)('of %s: what is merely odd is answered', async (kind) => {
    const odd: Parameters<typeof ask>[2][] = [
      { text: withText(kind, `"metadata":{"a":"${'x'.repeat(500_000)}"}`) },
      { text: withText(kind, `"x":${deep(200)}`) },
      {
        text: withText(
          kind,
          '"__proto__":{"max_tokens":1},"constructor":{"prototype":{"admin":true}},"toString":1',
        ),
      },
      { text: withText(kind, '"x":"<|endoftext|><|im_start|>\\ud800\\u0000"') },
      { headers: { 'content-type': 'text/plain' } },
      { headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      { headers: { 'x-pm-tags': '"><script>alert(1)</script>, \'; DROP TABLE ledger; --' } },
      { headers: { 'x-request-id': '../../etc/passwd' } },
      { headers: { 'x-pm-run-id': 'run_forged', 'x-pm-cost-nano-usd': '0' } },
    ];
    for (const [i, how] of odd.entries()) {
      const answer = await ask(server, kind, how);
      expect([i, answer.status, answer.text]).toEqual([i, 200, JSON.stringify(goodBody(kind))]);
      expect(answer.headers.get('x-request-id')).toMatch(/^[\w-]+$/);
      expect(answer.headers.get('x-pm-run-id')).not.toBe('run_forged');
      expect(Number(answer.headers.get('x-pm-cost-nano-usd'))).toBeGreaterThan(0);
    }
  });

  it.each(['chat', 'messages', 'gemini'] as const)(
    'of %s: 100,000 messages are counted in time',
    async (kind) => {
      const many = Array.from({ length: 100_000 }, () =>
        kind === 'gemini' ? { parts: [{ text: 'a' }] } : { role: 'user', content: 'a' },
      );
      const answer = await ask(server, kind, {
        body: kind === 'gemini' ? { contents: many } : { messages: many },
      });
      expect([200, 413, 422]).toContain(answer.status);
    },
  );

  it.each(['chat', 'responses', 'embeddings', 'messages'] as const)(
    'of %s who names a model twice pays for the one that the provider reads',
    async (kind) => {
      const dear = {
        chat: 'gpt-4o',
        responses: 'gpt-4o',
        embeddings: 'text-embedding-3-large',
        messages: 'claude-opus-4-1',
      }[kind];
      const answer = await ask(server, kind, { text: withText(kind, `"model":"${dear}"`) });
      expect(answer.status).toBe(200);
      const sent = upstream.received.at(-1)!.text;
      expect(sent.match(/"model"/g)).toHaveLength(1);
      expect(JSON.parse(sent).model).toBe(dear);
      const run = await eventually(
        () => server.api('GET', `/api/runs/${answer.headers.get('x-pm-run-id')}`),
        ({ status }) => status === 200,
      );
      expect(run.body.model).toBe(dear);
    },
  );

  it('leaves nothing held, no difference in the books, and no error in the log', async () => {
    const { body } = await eventually(
      () => atRest(server),
      ({ body: sums }) => sums.heldNanoUsd === 0 && sums.pendingNanoUsd === 0,
    );
    expect(body.driftNanoUsd).toBe(0);
    expect(body.ledgerNanoUsd).toBe(body.counterNanoUsd);
    expect(server.log()).not.toMatch(/"level":"error"/);
  });
});

/** Whitespace, digits, escapes and fields that no JSON.parse would keep. */
const FAITHFUL =
  '"seed_of_theirs": 9007199254740993,\n "top_p":1.0 , "emoji":"\\ud83c\\udf88\\/", "unknown":{"2":1e-7,"1":[ ]}, "tools": []';

describe('what passes through', () => {
  it.each(KINDS)(
    'of %s reaches the provider as it was written, and comes back as it was written',
    async (kind) => {
      const text = withText(kind, FAITHFUL);
      const answer = await ask(server, kind, { text });
      expect(answer.text).toBe(JSON.stringify(goodBody(kind)));
      expect(answer.headers.get('x-pm-provider-request-id')).toBe('req_theirs');
      expect(upstream.received.at(-1)!.text).toBe(text);
      expect(upstream.received.at(-1)!.headers['content-type']).toMatch(/^application\/json/);
      expect(JSON.stringify(upstream.received.at(-1)!.headers)).not.toContain(server.apiKey);
    },
  );

  it('of a stream too: only what asks for usage is added, and only that usage is taken out (B11)', async () => {
    const text = withText('chat', `"stream":true, "stream_options": {"id": 1.0}, ${FAITHFUL}`);
    const answer = await ask(server, 'chat', { text });
    expect(upstream.received.at(-1)!.text).toBe(
      text.replace('{"id": 1.0}', '{"id": 1.0,"include_usage":true}'),
    );
    expect(answer.text).toBe(
      goodStream('chat')
        .split(/(?<=\n\n)/)
        .filter((event) => !event.includes('prompt_tokens'))
        .join(''),
    );
    for (const kind of ['responses', 'messages', 'gemini'] as const)
      expect((await ask(server, kind, { stream: true })).text).toBe(goodStream(kind));
  });
});
