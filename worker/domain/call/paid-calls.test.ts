import { beforeEach, describe, expect, it, vi } from 'vitest';
import { openaiChat } from '../../providers/formats/openai-chat.ts';
import type { Budget, Judge, Settlement } from '../budget/budget.ts';
import { memoryJudge, MemoryJournal, openBooks } from '../budget/memory-journal.ts';
import type { ForwardRequest, ProviderFailure } from '../contracts/provider.ts';
import type { Price } from '../cost/price.ts';
import { err, ok, type Result } from '../result.ts';
import { HOLD_TTL_MS } from './admission.ts';
import type { CallRoute, PaidCallDeps, PaidCallRequest } from './paid-call.ts';
import { paidCalls } from './paid-calls.ts';

const NOW = Date.UTC(2026, 10, 20);
/** 1 nano-USD per input token, 10 per output token. */
const PRICE: Price = {
  id: 'test:x/m@2026',
  provider: 'x',
  model: 'm',
  effectiveFrom: '2026-01-01',
  source: 'team',
  rates: { input: 1_000, output: 10_000 },
  tiers: [],
};
const INPUT = 100;
const USAGE = { prompt_tokens: 90, completion_tokens: 7, total_tokens: 97 };
/** 90 x 1 + 7 x 10 */
const COST = 160;

let nowMs: number;
let journal: MemoryJournal;
let books: ReturnType<typeof openBooks>;
let judge: Judge;
let price: Price | null;
let sent: ForwardRequest[];
let upstream: (request: ForwardRequest) => Promise<Result<Response, ProviderFailure>>;
let background: Promise<unknown>[];
let failsOpen: boolean;
let keepFails: boolean;
let kept: Settlement[];
let timers: { atMs: number; task: () => void; stopped: boolean }[];

beforeEach(() => {
  nowMs = NOW;
  journal = new MemoryJournal();
  books = openBooks(journal);
  judge = memoryJudge(books, () => nowMs);
  price = PRICE;
  sent = [];
  background = [];
  failsOpen = false;
  keepFails = false;
  kept = [];
  timers = [];
  upstream = async () => ok(answer());
});

const answer = (more: object = {}) =>
  Response.json({
    id: 'c',
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hello you' }, finish_reason: 'stop' }],
    usage: USAGE,
    ...more,
  });
const failure = (more: Partial<ProviderFailure>): ProviderFailure => ({
  reason: 'provider_failed',
  failure: 'refused',
  status: 400,
  message: 'no',
  retryAfterMs: null,
  body: null,
  ...more,
});

const deps = (): PaidCallDeps => ({
  judge: () => judge,
  route: async ({ model }): Promise<Result<CallRoute, { reason: 'model_not_found'; model: string }>> =>
    model === 'nowhere'
      ? err({ reason: 'model_not_found', model })
      : ok({
          provider: 'x',
          model: model.replace('x/', ''),
          connection: {
            id: 'conn_1',
            provider: 'x',
            name: 'default',
            apiKey: 'k',
            baseUrl: null,
            headers: {},
          },
          price,
          info: null,
        }),
  formatOf: () => openaiChat,
  forward: (_, request) => (sent.push(request), upstream(request)),
  // a word is a token
  count: { request: async () => INPUT, text: async (_, text) => text.split(/\s+/).filter(Boolean).length },
  guard: async () => null,
  now: () => nowMs,
  timers: { after: (ms, task) => schedule(ms, task) },
  unchecked: {
    allowed: async () => failsOpen,
    keep: async (settlement) => {
      if (keepFails) throw new Error('D1 is away');
      kept.push(settlement);
    },
  },
  waitUntil: (work) => void background.push(work),
});

function schedule(ms: number, task: () => void) {
  const timer = { atMs: nowMs + ms, task, stopped: false };
  timers.push(timer);
  return () => void (timer.stopped = true);
}
const settledTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass, timer by timer. */
async function pass(ms: number) {
  const until = nowMs + ms;
  for (;;) {
    await settledTurn();
    const due = timers
      .filter((timer) => !timer.stopped && timer.atMs <= until)
      .sort((a, b) => a.atMs - b.atMs)[0];
    if (!due) break;
    nowMs = due.atMs;
    due.stopped = true;
    due.task();
  }
  nowMs = until;
  await settledTurn();
}

const request = (more: Partial<PaidCallRequest> = {}): PaidCallRequest => ({
  runId: 'run_1',
  attempt: 1,
  subject: { teamId: 'team_1', tags: [] },
  executionType: 'gateway',
  format: 'openai_chat',
  body: { model: 'm', messages: [{ role: 'user', content: 'hi' }], max_tokens: 50 },
  stream: false,
  clampable: false,
  onDisconnect: 'drain',
  ...more,
});
/** 100 x 1 + 50 x 10 */
const CEILING = 600;
const call = (more: Partial<PaidCallRequest> = {}) => paidCalls(deps()).call(request(more));
const stream = (more: Partial<PaidCallRequest> = {}) =>
  paidCalls(deps()).stream(request({ stream: true, ...more }));

function budget(limitNanoUsd: number | null, more: Partial<Budget> = {}) {
  const row: Budget = {
    id: 'bud_1',
    scope: { type: 'team' },
    window: 'total',
    timeZone: 'UTC',
    anchor: {},
    limitNanoUsd,
    policy: 'block',
    thresholds: [],
    createdAt: new Date(NOW).toISOString(),
    ...more,
  };
  books.putBudget(row, nowMs);
}
/** An answer whose headers are there and whose body comes when it is told to. */
function silentBody(headers: Record<string, string>) {
  let body!: ReadableStreamDefaultController<Uint8Array>;
  const response = new Response(new ReadableStream({ start: (controller) => void (body = controller) }), {
    headers,
  });
  return {
    response,
    say: (text: string) => body.enqueue(new TextEncoder().encode(text)),
    end: () => body.close(),
  };
}
/** What was booked, newest last, after everything in the background is done. */
const booked = () => journal.entries.map(({ settlement }) => settlement);
const totals = () => ({ spent: books.totals.totalNanoUsd, held: books.heldNanoUsd });

describe('a paid call', () => {
  it('holds the worst case while it is in flight, and is booked at what the provider says', async () => {
    let heldInFlight = -1;
    upstream = async () => {
      heldInFlight = books.heldNanoUsd;
      nowMs += 40;
      return ok(answer());
    };
    const result = await call();
    expect(heldInFlight).toBe(CEILING);
    expect(result).toMatchObject({
      ok: true,
      value: {
        text: 'Hello you',
        receipt: { costNanoUsd: COST, latencyMs: 40, source: 'reported', clampedMaxTokens: null },
      },
    });
    expect(booked()).toMatchObject([
      {
        status: 'succeeded',
        billed: true,
        costNanoUsd: COST,
        priceId: PRICE.id,
        rawUsage: JSON.stringify(USAGE),
      },
    ]);
    expect(totals()).toEqual({ spent: COST, held: 0 });
    expect(sent[0]).toMatchObject({ idempotencyKey: 'run_1.1', body: { model: 'm', max_tokens: 50 } });
  });

  it('gives the body byte for byte', async () => {
    const text =
      '{ "choices" : [ {"message":{"content":"grüße"}} ],\n "usage":{"prompt_tokens":1,"completion_tokens":1} }';
    upstream = async () => ok(new Response(text));
    const result = await call();
    expect(result.ok && result.value.bodyText).toBe(text);
  });

  it('never reaches the provider when the budget says no, and tells which budget', async () => {
    budget(CEILING - 1);
    expect(await call()).toMatchObject({
      ok: false,
      error: { reason: 'budget_exceeded', budgetId: 'bud_1', askedNanoUsd: CEILING },
    });
    expect(sent).toHaveLength(0);
    expect(totals()).toEqual({ spent: 0, held: 0 });
  });

  it('never reaches the provider when the judge is silent, and lets go of what may have been held (B22)', async () => {
    const real = judge;
    judge = {
      ...real,
      reserve: async (ask) => (await real.reserve(ask), Promise.reject(new Error('lost on the way back'))),
    };
    expect(await call()).toMatchObject({ ok: false, error: { reason: 'budget_unavailable' } });
    await Promise.all(background);
    expect(sent).toHaveLength(0);
    expect(totals()).toEqual({ spent: 0, held: 0 });
    expect(books.expire(NOW + 10 * 60_000)).toBe(0);
  });

  it('B22: goes through unchecked where the team chose so, is booked late and says so', async () => {
    failsOpen = true;
    const real = judge;
    judge = { ...real, reserve: () => Promise.reject(new Error('overloaded')) };
    const answer = await call();
    expect(answer).toMatchObject({ ok: true, value: { receipt: { costNanoUsd: COST } } });
    expect(totals()).toEqual({ spent: COST, held: 0 });
    expect(journal.entries[0]!.settlement.flags).toEqual(['unchecked', 'late']);
  });

  it('B22: an unchecked call whose settlement nobody takes is kept for later, and is no success when it cannot be', async () => {
    failsOpen = true;
    const real = judge;
    const away = () => Promise.reject(new Error('overloaded'));
    judge = { ...real, reserve: away, settle: away };
    expect(await call()).toMatchObject({ ok: true, value: { receipt: { costNanoUsd: COST } } });
    expect(kept).toMatchObject([{ runId: 'run_1', costNanoUsd: COST, flags: ['unchecked'] }]);
    expect(await real.settle(kept[0]!)).toMatchObject({ costNanoUsd: COST, repeated: false });

    keepFails = true;
    expect(await call({ runId: 'run_2' })).toMatchObject({
      ok: false,
      error: { reason: 'budget_unavailable' },
    });
  });

  it('is refused when it was already made', async () => {
    await call();
    expect(await call()).toMatchObject({ ok: false, error: { reason: 'conflict' } });
    expect(sent).toHaveLength(1);
    expect(totals().spent).toBe(COST);
  });

  it('is refused for a model that nobody knows', async () => {
    expect(await call({ body: { model: 'nowhere' } })).toEqual({
      ok: false,
      error: { reason: 'model_not_found', model: 'nowhere' },
    });
  });

  it('of an unpriced model is refused under a budget (B14), and recorded as unpriced without', async () => {
    price = null;
    expect(await call()).toMatchObject({ ok: true, value: { receipt: { costNanoUsd: 0 } } });
    expect(booked()).toMatchObject([
      { priced: false, priceId: null, costNanoUsd: 0, usage: { inputTokens: 90 } },
    ]);
    budget(1_000_000);
    expect(await call({ runId: 'run_2' })).toMatchObject({ ok: false, error: { reason: 'model_unpriced' } });
    expect(await call({ runId: 'run_3', maxCostNanoUsd: 5 })).toMatchObject({
      ok: false,
      error: { reason: 'model_unpriced' },
    });
  });

  it('counts every answer it asks for into the worst case', async () => {
    budget(100 + 3 * 500 - 1);
    expect(await call({ body: { model: 'm', max_tokens: 50, n: 3 } })).toMatchObject({
      ok: false,
      error: { askedNanoUsd: 1_600 },
    });
  });

  it('B04: is lowered to what the budget leaves where that is allowed, and says so', async () => {
    budget(INPUT + 205);
    expect(await call()).toMatchObject({ ok: false, error: { reason: 'budget_exceeded' } });
    const clamped = await call({ runId: 'run_2', clampable: true });
    expect(clamped).toMatchObject({ ok: true, value: { receipt: { clampedMaxTokens: 20 } } });
    expect(sent.map(({ body }) => body.max_tokens)).toEqual([20]);
    expect(totals().spent).toBeLessThanOrEqual(INPUT + 205);
  });

  it('is refused rather than lowered to nothing', async () => {
    budget(INPUT + 9);
    expect(await call({ clampable: true })).toMatchObject({
      ok: false,
      error: { reason: 'budget_exceeded' },
    });
    budget(INPUT + 10);
    expect(await call({ runId: 'run_2', clampable: true })).toMatchObject({
      ok: true,
      value: { receipt: { clampedMaxTokens: 1 } },
    });
  });

  it('B04: is lowered to what one run may take and cost, in the request that is sent', async () => {
    budget(null, { maxTokensPerRun: INPUT + 20, maxCostPerRunNanoUsd: INPUT + 155 });
    expect(await call()).toMatchObject({
      ok: false,
      error: { limit: 'max_tokens_per_run', limitTokens: INPUT + 20, askedTokens: INPUT + 50 },
    });
    const both = await call({ runId: 'run_2', clampable: true });
    expect(both).toMatchObject({ ok: true, value: { receipt: { clampedMaxTokens: 15 } } });
    budget(null, { maxTokensPerRun: INPUT + 20 });
    const choices = { model: 'm', max_tokens: 50, n: 3 };
    expect(await call({ runId: 'run_3', clampable: true, body: choices })).toMatchObject({
      ok: true,
      value: { receipt: { clampedMaxTokens: 6 } },
    });
    expect(sent.map(({ body }) => body.max_tokens)).toEqual([15, 6]);
    budget(null, { maxTokensPerRun: INPUT + 2 });
    expect(await call({ runId: 'run_4', clampable: true, body: choices })).toMatchObject({
      error: { limit: 'max_tokens_per_run' },
    });
  });

  it('names the budgets that only warn on its receipt, also at the head of a stream', async () => {
    budget(CEILING - 1, { policy: 'warn' });
    expect(await call()).toMatchObject({ ok: true, value: { receipt: { budgetWarnings: ['bud_1'] } } });
    const { paid } = await opened({ runId: 'run_2' });
    expect(paid.budgetWarnings).toEqual(['bud_1']);
  });

  it('stays under its own cost limit: refused, or lowered where that is allowed', async () => {
    expect(await call({ maxCostNanoUsd: CEILING - 1 })).toMatchObject({
      ok: false,
      error: {
        reason: 'budget_exceeded',
        scope: { type: 'call' },
        limitNanoUsd: CEILING - 1,
        askedNanoUsd: CEILING,
      },
    });
    expect(await call({ runId: 'run_2', maxCostNanoUsd: 155, clampable: true })).toMatchObject({
      ok: true,
      value: { receipt: { clampedMaxTokens: 5 } },
    });
    expect(await call({ runId: 'run_3', maxCostNanoUsd: 0, clampable: true })).toMatchObject({ ok: false });
    expect(await call({ runId: 'run_4', maxCostNanoUsd: CEILING })).toMatchObject({
      ok: true,
      value: { receipt: { clampedMaxTokens: null } },
    });
  });

  it('costs nothing when the provider refuses, fails or is never reached; the caller gets its status', async () => {
    const cases: [Partial<ProviderFailure>, number][] = [
      [{ failure: 'refused', status: 400, body: '{"error":{}}' }, 400],
      [{ failure: 'not_sent', status: 429, retryAfterMs: 1_500 }, 429],
      [{ failure: 'unknown', status: 500 }, 500],
      [{ failure: 'not_sent', status: 0 }, 502],
      // the provider says that OUR key or OUR credit is bad: not the caller's
      [{ failure: 'refused', status: 401 }, 502],
      [{ failure: 'refused', status: 402 }, 502],
    ];
    for (const [i, [more, status]] of cases.entries()) {
      upstream = async () => err(failure(more));
      expect(await call({ runId: `run_${i}` })).toMatchObject({
        ok: false,
        error: { reason: 'provider_failed', status, failure: more.failure },
      });
    }
    expect(booked().map(({ status, billed, costNanoUsd }) => ({ status, billed, costNanoUsd }))).toEqual(
      cases.map(() => ({ status: 'failed', billed: false, costNanoUsd: 0 })),
    );
    expect(totals()).toEqual({ spent: 0, held: 0 });
  });

  it('is charged its worst case, unconfirmed, when the provider is silent after sending', async () => {
    upstream = async () =>
      err(failure({ failure: 'unknown', status: 0, message: 'It did not answer in time.' }));
    expect(await call()).toMatchObject({ ok: false, error: { status: 504, failure: 'unknown' } });
    expect(booked()).toMatchObject([
      { status: 'failed', billed: true, costNanoUsd: CEILING, source: 'estimated', flags: ['unconfirmed'] },
    ]);
    expect(totals()).toEqual({ spent: CEILING, held: 0 });
  });

  it('B13: without usage is estimated from what it said, flagged, never 0', async () => {
    const absurd = { prompt_tokens: 9_007_199_254_740_991, completion_tokens: 1 };
    const odd = [
      undefined,
      null,
      { prompt_tokens: 'x' },
      absurd,
      { prompt_tokens: -1, completion_tokens: 1.5 },
    ];
    for (const [i, usage] of odd.entries()) {
      upstream = async () => ok(answer({ usage }));
      expect(await call({ runId: `run_${i}` })).toMatchObject({
        ok: true,
        value: { receipt: { source: 'estimated', costNanoUsd: INPUT + 2 * 10 } },
      });
    }
  });

  it('that answers an error in a 200 is a failure, billed only when usage is reported', async () => {
    upstream = async () => ok(Response.json({ error: { message: 'overloaded' } }));
    expect(await call()).toMatchObject({ ok: false, error: { status: 502, message: 'overloaded' } });
    upstream = async () => ok(Response.json({ error: { message: 'filtered' }, usage: USAGE }));
    expect(await call({ runId: 'run_2' })).toMatchObject({ ok: false, error: { message: 'filtered' } });
    expect(booked().map(({ billed, costNanoUsd }) => [billed, costNanoUsd])).toEqual([
      [false, 0],
      [true, COST],
    ]);
  });

  it('that answers without end is read no further than makes sense, and charged its worst case', async () => {
    let cancelled = false;
    upstream = async () =>
      ok(
        new Response(
          new ReadableStream({
            pull: (controller) => controller.enqueue(new Uint8Array(1024 * 1024).fill(32)),
            cancel: () => void (cancelled = true),
          }),
        ),
      );
    expect(await call()).toMatchObject({
      ok: false,
      error: { status: 502, message: expect.stringMatching(/larger/) },
    });
    expect(cancelled).toBe(true);
    expect(booked()).toMatchObject([{ costNanoUsd: CEILING, flags: ['unconfirmed'] }]);
  });

  it.each([
    ['at once', [], {}],
    ['in the middle', ['{"choices":[{"mess'], {}],
    ['short of its length', ['{"choices":[{"mess'], { 'content-length': '300' }],
  ] as const)(
    'whose answer stalls %s waits no longer than a stream may be silent, and is charged its worst case',
    async (_, pieces, headers) => {
      const { response, say } = silentBody(headers);
      upstream = async () => ok(response);
      const answer = call();
      await settledTurn();
      pieces.forEach(say);
      await pass(299_999);
      expect(booked()).toEqual([]);
      await pass(1);
      expect(await answer).toMatchObject({
        ok: false,
        error: {
          status: 504,
          failure: 'unknown',
          message: 'The answer stalled: nothing came for 300 s.',
          billed: { costNanoUsd: CEILING },
        },
      });
      expect(booked()).toMatchObject([
        {
          status: 'failed',
          costNanoUsd: CEILING,
          flags: ['unconfirmed', 'stalled'],
          error: expect.stringMatching(/stalled/),
        },
      ]);
      expect(totals()).toEqual({ spent: CEILING, held: 0 });
      expect(timers.filter((timer) => !timer.stopped)).toEqual([]);
    },
  );

  it('whose answer sends signs of life is not stalled', async () => {
    const { response, say, end } = silentBody({});
    upstream = async () => ok(response);
    const result = call({ idleTimeoutMs: 20_000 });
    for (let n = 0; n < 5; n++) {
      await pass(19_000);
      say('\n');
    }
    say(await answer().text());
    end();
    expect(await result).toMatchObject({
      ok: true,
      value: { text: 'Hello you', receipt: { costNanoUsd: COST } },
    });
  });

  it('that answers a bare word in a 200 is a failure', async () => {
    for (const [i, body] of ['null', '42', '"yes"', ''].entries()) {
      upstream = async () => ok(new Response(body));
      expect(await call({ runId: `run_${i}` })).toMatchObject({ ok: false, error: { status: 502 } });
    }
    expect(totals().held).toBe(0);
  });

  it('that answers no JSON in a 200 is a failure, charged for what came', async () => {
    upstream = async () => ok(new Response('<html> oh no </html>'));
    expect(await call()).toMatchObject({
      ok: false,
      error: { status: 502, message: 'It did not answer with JSON.' },
    });
    expect(booked()).toMatchObject([{ billed: true, source: 'estimated', costNanoUsd: INPUT + 4 * 10 }]);
  });

  it('shows no success that is not booked; the booking goes on, and at last the hold expires into a debit', async () => {
    const real = judge;
    judge = { ...real, settle: () => Promise.reject(new Error('away')) };
    const result = call();
    await pass(2_000);
    expect(await result).toMatchObject({ ok: false, error: { reason: 'budget_unavailable' } });
    await pass(20_000);
    await Promise.all(background);
    expect(totals()).toEqual({ spent: 0, held: CEILING });
    expect(books.expire(nowMs + HOLD_TTL_MS)).toBe(1);
    expect(booked()).toMatchObject([{ costNanoUsd: CEILING, flags: ['unconfirmed'] }]);
  });

  it('survives a judge that is away for a moment', async () => {
    const real = judge;
    let away = 2;
    judge = {
      ...real,
      settle: (settlement) => (away-- > 0 ? Promise.reject(new Error('away')) : real.settle(settlement)),
    };
    const result = call();
    await pass(2_000);
    expect(await result).toMatchObject({ ok: true });
    expect(totals()).toEqual({ spent: COST, held: 0 });
  });

  it('keeps its hold alive while it is in flight, and not longer', async () => {
    let finish!: () => void;
    upstream = () => new Promise((resolve) => (finish = () => resolve(ok(answer()))));
    const renew = vi.spyOn(judge, 'renew');
    const result = call();
    await pass(200_000);
    expect(books.expire(nowMs)).toBe(0);
    finish();
    expect(await result).toMatchObject({ ok: true });
    const times = renew.mock.calls.length;
    await pass(200_000);
    expect([times, renew.mock.calls.length]).toEqual([13, 13]);
  });

  it('ends at its deadline', async () => {
    upstream = ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => resolve(err(failure({ failure: 'unknown', status: 0 })))),
      );
    const result = call({ timeoutMs: 1_000 });
    await pass(1_000);
    expect(await result).toMatchObject({ ok: false, error: { status: 504 } });
    expect(booked()).toMatchObject([{ status: 'failed', flags: ['unconfirmed'] }]);
  });

  it('goes on without its caller when it is to be drained, and is cut when it is to be cancelled', async () => {
    for (const onDisconnect of ['drain', 'cancel'] as const) {
      const caller = new AbortController();
      upstream = ({ signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve(err(failure({ failure: 'unknown', status: 0 }))));
          setTimeout(() => resolve(ok(answer())), 20);
        });
      const result = call({ runId: `run_${onDisconnect}`, onDisconnect, signal: caller.signal });
      await settledTurn();
      caller.abort();
      await result;
    }
    expect(booked()).toMatchObject([
      { runId: 'run_drain', status: 'succeeded', costNanoUsd: COST },
      { runId: 'run_cancel', status: 'cancelled', costNanoUsd: CEILING, source: 'estimated' },
    ]);
  });

  it('costs nothing when it is cancelled before it is sent', async () => {
    expect(await call({ onDisconnect: 'cancel', signal: AbortSignal.abort() })).toMatchObject({ ok: false });
    expect(sent).toHaveLength(0);
    expect(booked()).toMatchObject([{ status: 'cancelled', billed: false }]);
  });
});

const chunk = (delta: object, finish: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
const usageChunk = (usage: object = USAGE) => `data: ${JSON.stringify({ choices: [], usage })}\n\n`;
const DONE = 'data: [DONE]\n\n';
const EVENTS = [
  ': hello\n\n',
  chunk({ content: 'one ' }),
  chunk({ content: 'two' }),
  chunk({}, 'stop'),
  usageChunk(),
  DONE,
];

/** A stream that the test feeds; `cancelled` tells whether the provider was let go. */
function scripted() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  const state = { cancelled: false };
  const body = new ReadableStream<Uint8Array>({
    start: (its) => void (controller = its),
    cancel: () => void (state.cancelled = true),
  });
  const encoder = new TextEncoder();
  return {
    state,
    response: new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    say: (...events: string[]) => events.forEach((event) => controller.enqueue(encoder.encode(event))),
    end: () => controller.close(),
    break: () => controller.error(new Error('reset')),
  };
}

/** Opens a stream whose first event is there. */
async function opened(more: Partial<PaidCallRequest> = {}) {
  const source = scripted();
  upstream = async () => ok(source.response);
  const opening = stream(more);
  source.say(EVENTS[0]!, EVENTS[1]!);
  const result = await opening;
  if (!result.ok) throw new Error(result.error.reason);
  return { source, paid: result.value, reader: result.value.body.getReader() };
}
async function rest(reader: ReadableStreamDefaultReader<Uint8Array>) {
  let text = '';
  for (const decoder = new TextDecoder(); ;) {
    const { done, value } = await reader.read();
    if (done) return text;
    text += decoder.decode(value, { stream: true });
  }
}

describe('a paid stream', () => {
  it('B11: asks for usage, keeps it to itself, and is byte-equal otherwise', async () => {
    const { source, paid, reader } = await opened();
    source.say(...EVENTS.slice(2));
    expect(await rest(reader)).toBe(EVENTS.filter((event) => event !== usageChunk()).join(''));
    expect(sent[0]?.body).toMatchObject({ stream_options: { include_usage: true } });
    expect(await paid.done).toMatchObject({
      ok: true,
      value: { text: 'one two', receipt: { costNanoUsd: COST, source: 'reported' } },
    });
    expect(totals()).toEqual({ spent: COST, held: 0 });
  });

  it('gives usage to a caller who asked for it', async () => {
    const { source, reader } = await opened({
      body: { model: 'm', max_tokens: 50, stream_options: { include_usage: true } },
    });
    source.say(...EVENTS.slice(2));
    expect(await rest(reader)).toBe(EVENTS.join(''));
  });

  it('B12: counts a repeated usage chunk once', async () => {
    const { source, paid } = await opened();
    source.say(EVENTS[3]!, usageChunk(), usageChunk(), DONE);
    expect(await paid.done).toMatchObject({ ok: true, value: { receipt: { costNanoUsd: COST } } });
  });

  it('shows its words at once and its end only after it is booked', async () => {
    const real = judge;
    let book!: () => void;
    judge = {
      ...real,
      settle: (settlement) => new Promise((resolve) => (book = () => resolve(real.settle(settlement)))),
    };
    const { source, reader } = await opened();
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(EVENTS[0]! + EVENTS[1]!);
    source.say(...EVENTS.slice(2));
    expect(new TextDecoder().decode((await reader.read()).value)).toBe(EVENTS[2]);
    const next = reader.read();
    await settledTurn();
    expect(await Promise.race([next, settledTurn().then(() => 'waiting')])).toBe('waiting');
    expect(totals().spent).toBe(0);
    book();
    expect(new TextDecoder().decode((await next).value)).toBe(EVENTS[3]! + DONE);
    expect(totals().spent).toBe(COST);
  });

  it('ends in an error when it cannot be booked', async () => {
    judge = { ...judge, settle: () => Promise.reject(new Error('away')) };
    const { source, paid, reader } = await opened();
    source.say(...EVENTS.slice(2));
    const text = rest(reader);
    await pass(2_000);
    expect(await text).toMatch(/"code":"budget_unavailable"/);
    expect(await text).not.toContain('[DONE]');
    expect(await paid.done).toMatchObject({ ok: false, error: { reason: 'budget_unavailable' } });
  });

  it('B07: that fails before its first event is an ordinary refusal and costs nothing', async () => {
    for (const [i, fail] of [
      (s: ReturnType<typeof scripted>) => s.break(),
      (s: ReturnType<typeof scripted>) => s.end(),
      (s: ReturnType<typeof scripted>) => (s.say(': ping\n\n'), s.end()),
      (s: ReturnType<typeof scripted>) => s.say('data: {"error":{"message":"overloaded"}}\n\n'),
    ].entries()) {
      const source = scripted();
      upstream = async () => ok(source.response);
      const opening = stream({ runId: `run_${i}` });
      await settledTurn();
      fail(source);
      expect(await opening).toMatchObject({ ok: false, error: { reason: 'provider_failed', status: 502 } });
    }
    expect(booked().map(({ status, billed }) => [status, billed])).toEqual(
      Array.from({ length: 4 }, () => ['failed', false]),
    );
    expect(totals()).toEqual({ spent: 0, held: 0 });
  });

  it('that breaks off is charged for what came, and the caller is told', async () => {
    const { source, paid, reader } = await opened();
    source.say(chunk({ content: 'two' }));
    source.break();
    expect(await rest(reader)).toMatch(/two.*"code":"provider_failed"/s);
    expect(await paid.done).toMatchObject({ ok: false, error: { reason: 'provider_failed' } });
    expect(booked()).toMatchObject([
      { status: 'failed', billed: true, source: 'estimated', costNanoUsd: INPUT + 2 * 10 },
    ]);
  });

  it('hands on the error that the provider streams, once', async () => {
    const { source, reader } = await opened();
    source.say('data: {"error":{"message":"lost"}}\n\n');
    source.end();
    expect((await rest(reader)).match(/error/g)).toHaveLength(1);
    expect(booked()).toMatchObject([{ status: 'failed', error: 'lost' }]);
  });

  it('hands on an error that comes after a finish reason, and books the usage beside it', async () => {
    const { source, reader } = await opened();
    const late = `data: ${JSON.stringify({ choices: [], error: { message: 'limit' }, usage: USAGE })}\n\n`;
    source.say(chunk({}, 'length'), late, DONE);
    const text = await rest(reader);
    expect([text.match(/"limit"/g)?.length, text.includes('[DONE]')]).toEqual([1, true]);
    expect(booked()).toMatchObject([{ status: 'failed', error: 'limit', costNanoUsd: COST }]);
  });

  it('B13: without usage is estimated from what it said, also without an end marker', async () => {
    const { source, paid, reader } = await opened();
    source.say(chunk({ content: 'two' }), chunk({}, 'stop'));
    source.end();
    expect(await rest(reader)).toContain('stop');
    expect(await paid.done).toMatchObject({
      ok: true,
      value: { receipt: { source: 'estimated', costNanoUsd: INPUT + 2 * 10 } },
    });
  });

  it('B09: whose caller leaves is read to its end and booked at the usage', async () => {
    const { source, paid, reader } = await opened();
    await reader.cancel();
    source.say(...EVENTS.slice(2));
    expect(await paid.done).toMatchObject({
      ok: true,
      value: { receipt: { costNanoUsd: COST, source: 'reported' } },
    });
    expect(background.length).toBeGreaterThan(0);
  });

  it('B08: whose caller leaves is cut at the provider where that was asked for, and charged for input and what came', async () => {
    const { source, paid, reader } = await opened({ onDisconnect: 'cancel' });
    source.say(chunk({ content: 'two' }));
    await settledTurn();
    await reader.cancel();
    expect(await paid.done).toMatchObject({ ok: false });
    expect(source.state.cancelled).toBe(true);
    expect(booked()).toMatchObject([
      { status: 'cancelled', billed: true, source: 'estimated', costNanoUsd: INPUT + 2 * 10 },
    ]);
  });

  it('does not run ahead of a slow caller, and is cut at its deadline', async () => {
    const { source, paid } = await opened({ timeoutMs: 5_000 });
    for (let i = 0; i < 200; i++) {
      source.say(chunk({ content: 'x ' }));
      await settledTurn();
    }
    await pass(5_000);
    expect(await paid.done).toMatchObject({ ok: false, error: { status: 504 } });
    const [{ usage } = { usage: null }] = booked();
    expect(usage?.outputTokens).toBeLessThan(60);
  });

  it('of a server that ignores streaming is refused, and charged what that server reports', async () => {
    upstream = async () => ok(answer());
    expect(await stream()).toMatchObject({ ok: false, error: { status: 502 } });
    expect(booked()).toMatchObject([{ billed: true, costNanoUsd: COST }]);
  });

  it('of a server that answers in one piece without numbers is charged for what it wrote, and a page costs nothing', async () => {
    const pieces: [body: string, message: RegExp, billed: boolean][] = [
      [JSON.stringify({ choices: [{ message: { content: 'Hello you' } }] }), /in one piece/, true],
      ['{"choices":[{"message":{"content":"Hel', /in one piece/, true],
      [JSON.stringify({ error: { message: 'overloaded' } }), /overloaded/, false],
      ['<html>Sign in to the network</html>', /not answer with a stream/, false],
    ];
    for (const [i, [body, message, billed]] of pieces.entries()) {
      upstream = async () => ok(new Response(body));
      const result = await stream({ runId: `run_${i}` });
      expect(result).toMatchObject({
        ok: false,
        error: { status: 502, message: expect.stringMatching(message) },
      });
      expect(booked().at(-1)).toMatchObject({ status: 'failed', billed });
      if (billed) expect(booked().at(-1)!.costNanoUsd).toBeGreaterThan(INPUT);
    }
    expect(totals().held).toBe(0);
  });

  it('that ends within an event tells its error whole, not behind half an event', async () => {
    const { source, reader } = await opened();
    source.say(chunk({ content: 'two' }), 'data: {"choices":[{"del');
    source.end();
    const events = (await rest(reader)).trim().split('\n\n');
    expect(JSON.parse(events.at(-1)!.slice(6))).toMatchObject({ error: { code: 'provider_failed' } });
    expect(events.at(-2)).toBe(chunk({ content: 'two' }).trim());
  });

  it('that has no end is read no further than makes sense, and charged no more than its ceiling', async () => {
    const { source, paid, reader } = await opened();
    const text = rest(reader);
    const large = chunk({ content: 'word '.repeat(200_000) });
    for (let i = 0; i < 70 && !source.state.cancelled; i++) {
      source.say(large);
      await settledTurn();
    }
    expect(await text).toMatch(/which is more than is read/);
    expect(await paid.done).toMatchObject({ ok: false, error: { reason: 'provider_failed' } });
    expect(source.state.cancelled).toBe(true);
    expect(booked()).toMatchObject([{ status: 'failed', source: 'estimated', costNanoUsd: CEILING }]);
    expect(totals().held).toBe(0);
  });

  it('that stalls is cut, charged for input and what came, and the caller is told', async () => {
    const { source, paid, reader } = await opened();
    const text = rest(reader);
    await pass(299_999);
    expect(source.state.cancelled).toBe(false);
    await pass(1);
    expect(source.state.cancelled).toBe(true);
    const last = (await text).trim().split('\n\n').at(-1)!;
    expect(JSON.parse(last.slice(6))).toMatchObject({
      error: { code: 'provider_failed', message: 'The stream stalled: nothing came for 300 s.' },
    });
    // 502, as a stream that broke: the breaker shall hear of it, other than of a deadline (504).
    expect(await paid.done).toMatchObject({ ok: false, error: { reason: 'provider_failed', status: 502 } });
    expect(booked()).toMatchObject([
      {
        status: 'failed',
        billed: true,
        source: 'estimated',
        flags: ['stalled'],
        costNanoUsd: INPUT + 10,
        error: expect.stringMatching(/stalled/),
      },
    ]);
    expect(totals().held).toBe(0);
    expect(timers.filter((timer) => !timer.stopped)).toEqual([]);
  });

  it('that opens and then says nothing is an ordinary refusal, charged for the input that was read', async () => {
    const source = scripted();
    upstream = async () => ok(source.response);
    const opening = stream({ idleTimeoutMs: 2_000 });
    await pass(2_000);
    expect(await opening).toMatchObject({
      ok: false,
      error: {
        status: 504,
        message: 'The stream stalled: nothing came for 2 s.',
        billed: { costNanoUsd: INPUT },
      },
    });
    expect(source.state.cancelled).toBe(true);
    expect(booked()).toMatchObject([{ status: 'failed', flags: ['stalled'], costNanoUsd: INPUT }]);
    expect(totals().held).toBe(0);
  });

  it('is not stalled while it sends signs of life, nor while its caller is slow', async () => {
    const { source, paid, reader } = await opened({ idleTimeoutMs: 20_000, timeoutMs: 1_000_000 });
    for (let i = 0; i < 5; i++) {
      await pass(19_000);
      source.say(': still thinking\n\n');
    }
    for (let i = 0; i < 200; i++) {
      source.say(chunk({ content: 'x ' }));
      await settledTurn();
    }
    await pass(500_000);
    expect(source.state.cancelled).toBe(false);
    source.say(...EVENTS.slice(2));
    await rest(reader);
    expect(await paid.done).toMatchObject({ ok: true, value: { receipt: { costNanoUsd: COST } } });
  });

  it('keeps its hold alive and lets go of every timer at its end', async () => {
    const { source, paid } = await opened();
    await pass(200_000);
    expect(books.expire(nowMs)).toBe(0);
    source.say(...EVENTS.slice(2));
    await paid.done;
    await settledTurn();
    expect(timers.filter((timer) => !timer.stopped)).toEqual([]);
  });
});
