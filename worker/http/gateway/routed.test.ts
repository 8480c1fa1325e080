import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';
import { saveConnection } from '../../store/connections.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;

/** gpt-4o-mini: $0.15 in, $0.60 out per 1M tokens: 20 x 150 + 10 x 600 nano-USD */
const MINI = 9_000;
/** gpt-4o: $2.50 in, $10 out */
const DEAR = 150_000;
const USAGE = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 };
const answered = () =>
  Response.json({
    id: 'c',
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Grüezi' }, finish_reason: 'stop' }],
    usage: USAGE,
  });
const refusedWith = (status: number, headers: HeadersInit = {}) =>
  Response.json({ error: { message: `no: ${status}` } }, { status, headers });
const chunk = (delta: object, more: object = {}) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: null, ...more }] })}\n\n`;
const streamed = (...parts: string[]) =>
  new Response(parts.join(''), { headers: { 'content-type': 'text/event-stream' } });
const WHOLE = [
  chunk({ content: 'Grüezi' }),
  chunk({}, { finish_reason: 'stop' }),
  `data: ${JSON.stringify({ choices: [], usage: USAGE })}\n\n`,
  'data: [DONE]\n\n',
];

type Upstream = (request: Request) => Response | Promise<Response>;
/** A team with two servers of OpenAI's dialect in place of the network; `calls` are those they got, in order. */
async function connected(upstreams: { first: Upstream; second?: Upstream }) {
  const team = await makeTeam();
  const calls: { host: string; model: string; key: string | null }[] = [];
  const connections: Record<string, string> = {};
  vi.stubGlobal('fetch', async (input: RequestInfo, init?: RequestInit) => {
    const request = new Request(input, init);
    const host = new URL(request.url).hostname.split('.')[0] as 'first' | 'second';
    const { model } = (await request.clone().json()) as { model: string };
    calls.push({ host, model, key: request.headers.get('idempotency-key') });
    return upstreams[host]!(request);
  });
  for (const name of ['first', 'second']) {
    const saved = await saveConnection(services(env), {
      teamId: team.teamId,
      provider: 'openai',
      name,
      apiKey: 'sk-0123456789abcdef',
      baseUrl: `https://${name}.example.com/v1`,
      models: name === 'first' ? ['gpt-4o'] : ['gpt-4o-mini'],
    });
    connections[name] = saved.id;
  }
  return { ...team, calls, connections };
}
const route = async (fetch: Fetch, body: object) => {
  const made = await fetch('/api/routes', { json: body });
  expect(made.status, await made.clone().text()).toBe(201);
  return json(made);
};
const chat = (fetch: Fetch, more: object = {}, headers: HeadersInit = {}) =>
  fetch('/v1/chat/completions', {
    json: { model: 'gpt-4o', messages: [{ role: 'user', content: 'hi' }], max_tokens: 50, ...more },
    headers,
  });

/** Everything booked of one call, once it stands in D1: the run with its attempts, and three sums that must be one. */
async function booked(team: { teamId: string; fetch: Fetch }, response: Response, attempts: number) {
  const id = response.headers.get('x-pm-run-id')!;
  const run = await vi.waitFor(
    async () => {
      const found = await json(await team.fetch(`/api/runs/${id}`));
      expect(found.attempts).toBe(attempts);
      return found;
    },
    { timeout: 10_000, interval: 50 },
  );
  const ledger = await json(await team.fetch(`/api/token-tracking/ledger?runId=${id}`));
  const sums = await json(await team.fetch('/api/token-tracking/reconcile'));
  expect(sums).toMatchObject({ driftNanoUsd: 0, pendingNanoUsd: 0, heldNanoUsd: 0 });
  expect([sums.rollupNanoUsd, sums.counterNanoUsd]).toEqual([sums.ledgerNanoUsd, sums.ledgerNanoUsd]);
  return {
    run,
    details: run.attemptDetails.map((one: Answer) => [one.attempt, one.status, one.billed, one.costNanoUsd]),
    rows: ledger.data
      .map((row: Answer) => [row.attempt, row.model, row.status, row.costNanoUsd])
      .sort((a: number[], b: number[]) => a[0]! - b[0]!),
    spent: sums.counterNanoUsd,
  };
}

afterEach(() => vi.unstubAllGlobals());

describe('B10: a call that falls back', () => {
  it('after 429 to the fallback that its header names; only the billed attempt has a row', async () => {
    const team = await connected({ first: () => refusedWith(429), second: answered });
    const response = await chat(team.fetch, {}, { 'x-pm-fallback': 'gpt-4o-mini' });
    expect(response.status).toBe(200);
    expect(response.headers.get('x-pm-attempts')).toBe('2');
    expect(response.headers.get('x-pm-model')).toBe('openai/gpt-4o-mini');
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe(String(MINI));
    const runId = response.headers.get('x-pm-run-id');
    expect(team.calls).toEqual([
      { host: 'first', model: 'gpt-4o', key: `${runId}.1` },
      { host: 'second', model: 'gpt-4o-mini', key: `${runId}.2` },
    ]);
    const { run, details, rows, spent } = await booked(team, response, 2);
    expect(rows).toEqual([[2, 'gpt-4o-mini', 'succeeded', MINI]]);
    expect(details).toEqual([
      [1, 'failed', false, 0],
      [2, 'succeeded', true, MINI],
    ]);
    expect(run).toMatchObject({ status: 'succeeded', model: 'gpt-4o-mini', costNanoUsd: MINI, error: null });
    expect(run.attemptDetails[0]).toMatchObject({ model: 'gpt-4o', error: 'no: 429' });
    expect(spent).toBe(MINI);
  });

  it('after 500 to the same target again, as its route says, and then it succeeds', async () => {
    let tries = 0;
    const team = await connected({ first: () => (++tries === 1 ? refusedWith(500) : answered()) });
    await route(team.fetch, {
      name: 'smart',
      targets: [{ model: 'gpt-4o' }],
      retry: { maxAttempts: 2, baseMs: 1, maxMs: 2 },
    });
    const response = await chat(team.fetch, { model: 'smart' });
    expect([response.status, response.headers.get('x-pm-attempts')]).toEqual([200, '2']);
    expect(await booked(team, response, 2)).toMatchObject({
      rows: [[2, 'gpt-4o', 'succeeded', DEAR]],
      spent: DEAR,
    });
  });

  it('is booked for a failed attempt that was billed and for the one that answered, and its header says the sum', async () => {
    const half = () => new Response('{"choices":[{"message":{"content":"Grü', { status: 200 });
    const team = await connected({ first: half, second: answered });
    const budget = await json(
      await team.fetch('/api/token-tracking/budget', {
        json: { scope: { type: 'team' }, window: 'total', limitNanoUsd: 10_000_000 },
      }),
    );
    const response = await chat(team.fetch, {}, { 'x-pm-fallback': 'gpt-4o-mini' });
    const { run, rows, spent } = await booked(team, response, 2);
    expect(rows).toEqual([
      [1, 'gpt-4o', 'failed', expect.any(Number)],
      [2, 'gpt-4o-mini', 'succeeded', MINI],
    ]);
    const lost = rows[0][3];
    expect(lost).toBeGreaterThan(0);
    expect(response.headers.get('x-pm-cost-nano-usd')).toBe(String(lost + MINI));
    expect([run.costNanoUsd, spent]).toEqual([lost + MINI, lost + MINI]);
    const standing = await json(await team.fetch(`/api/token-tracking/budget/${budget.id}`));
    expect(standing).toMatchObject({ spentNanoUsd: lost + MINI, heldNanoUsd: 0 });
  });

  it('in a stream before its first event; after it a broken stream is told and never retried', async () => {
    let first: Upstream = () => refusedWith(503);
    const team = await connected({ first: (request) => first(request), second: () => streamed(...WHOLE) });
    const fallback = { 'x-pm-fallback': 'gpt-4o-mini' };
    const opened = await chat(team.fetch, { stream: true }, fallback);
    expect(opened.headers.get('x-pm-model')).toBe('openai/gpt-4o-mini');
    expect(opened.headers.get('x-pm-attempts')).toBe('2');
    expect(await opened.text()).toContain('Grüezi');
    expect((await booked(team, opened, 2)).rows).toEqual([[2, 'gpt-4o-mini', 'succeeded', MINI]]);

    team.calls.length = 0;
    first = () => streamed(chunk({ content: 'Grü' }));
    const broken = await chat(team.fetch, { stream: true }, fallback);
    expect(broken.status).toBe(200);
    expect(await broken.text()).toMatch(/Grü[^]*broke off/);
    expect(team.calls).toHaveLength(1);
    const { rows, run } = await booked(team, broken, 1);
    expect(rows).toEqual([[1, 'gpt-4o', 'failed', expect.any(Number)]]);
    expect(rows[0][3]).toBeGreaterThan(0);
    expect(run).toMatchObject({ status: 'failed', attempts: 1 });
  });

  it('when a target does not answer in its own time, which is booked as unconfirmed', async () => {
    const hang: Upstream = ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
    const team = await connected({ first: hang, second: answered });
    await route(team.fetch, {
      name: 'patient',
      targets: [{ model: 'gpt-4o', timeoutMs: 200, maxAttempts: 1 }, { model: 'gpt-4o-mini' }],
    });
    const response = await chat(team.fetch, { model: 'patient' });
    expect(response.status, await response.clone().text()).toBe(200);
    const { rows, spent } = await booked(team, response, 2);
    expect(rows).toEqual([
      [1, 'gpt-4o', 'failed', expect.any(Number)],
      [2, 'gpt-4o-mini', 'succeeded', MINI],
    ]);
    expect(spent).toBe(rows[0][3] + MINI);
  });

  it('to a cheaper target when the budget has no room for the first; each asks for its own reservation', async () => {
    const team = await connected({ first: answered, second: answered });
    await team.fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'total', limitNanoUsd: 100_000 },
    });
    const response = await chat(team.fetch, {}, { 'x-pm-fallback': 'gpt-4o-mini' });
    expect(response.headers.get('x-pm-model')).toBe('openai/gpt-4o-mini');
    expect(team.calls.map(({ model }) => model)).toEqual(['gpt-4o-mini']);
    await vi.waitFor(async () => {
      const sums = await json(await team.fetch('/api/token-tracking/reconcile'));
      expect(sums).toMatchObject({ ledgerNanoUsd: MINI, counterNanoUsd: MINI, heldNanoUsd: 0 });
    });
    const both = await chat(team.fetch, { max_tokens: 4_000 }, { 'x-pm-fallback': 'gpt-4o-mini' });
    expect([both.status, (await json(both)).error.code]).toEqual([402, 'budget_exceeded']);
    expect(team.calls).toHaveLength(1);
  });

  it('not after a bad request, nor past a Retry-After that is too long when nobody else is left', async () => {
    let first: Upstream = () => refusedWith(400);
    const team = await connected({ first: (request) => first(request), second: answered });
    const bad = await chat(team.fetch, {}, { 'x-pm-fallback': 'gpt-4o-mini' });
    expect([bad.status, team.calls.length]).toEqual([400, 1]);
    expect(bad.headers.get('x-pm-attempts')).toBe('1');

    first = () => refusedWith(429, { 'retry-after': '60' });
    const late = await chat(team.fetch);
    expect([late.status, late.headers.get('retry-after')]).toEqual([429, '60']);
    expect(team.calls).toHaveLength(2);
  });

  it('through the connection that its target names', async () => {
    const team = await connected({ first: () => refusedWith(503), second: answered });
    await route(team.fetch, {
      name: 'gpt-4o',
      targets: [{ model: 'gpt-4o' }, { model: 'gpt-4o', connection: team.connections.second }],
      retry: { maxAttempts: 1 },
    });
    const response = await chat(team.fetch);
    expect(response.status).toBe(200);
    expect(team.calls.map(({ host, model }) => [host, model])).toEqual([
      ['first', 'gpt-4o'],
      ['second', 'gpt-4o'],
    ]);
  });

  it('goes to another target first once the breaker of its first is open, and routes show it', async () => {
    const team = await connected({ first: () => refusedWith(500), second: answered });
    await route(team.fetch, {
      name: 'safe',
      targets: [{ model: 'gpt-4o' }, { model: 'gpt-4o-mini' }],
      retry: { maxAttempts: 1 },
    });
    for (let i = 0; i < 5; i++) await chat(team.fetch, { model: 'safe' });
    expect(team.calls).toHaveLength(10);
    const shown = await json(await team.fetch('/api/routes'));
    expect(shown.data[0].targets.map(({ breaker }: Answer) => breaker)).toEqual(['open', 'closed']);
    const response = await chat(team.fetch, { model: 'safe' });
    expect(response.headers.get('x-pm-attempts')).toBe('1');
    expect(team.calls.slice(10).map(({ model }) => model)).toEqual(['gpt-4o-mini']);
    // the only one there is, is asked all the same
    expect((await chat(team.fetch)).status).toBe(500);
    expect(team.calls).toHaveLength(12);
  });

  it('refuses a fallback header that makes no sense', async () => {
    const { fetch } = await makeTeam();
    const refused = await chat(fetch, {}, { 'x-pm-fallback': 'a,b,c,d,e,f' });
    expect([refused.status, (await json(refused)).error.param]).toEqual([422, 'x-pm-fallback']);
  });
});
