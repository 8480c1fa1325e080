import { beforeEach, describe, expect, it } from 'vitest';
import type {
  CallReceipt,
  PaidAnswer,
  PaidCallRequest,
  PaidStream,
  PaidStreamEnd,
} from '../call/paid-call.ts';
import { NO_USAGE } from '../cost/usage.ts';
import type { Refusal } from '../refusal.ts';
import { err, ok, type Result } from '../result.ts';
import { breakers } from './breakers.ts';
import { routedCalls, type RoutingDeps } from './routed-calls.ts';
import { routeSchema, type Route } from './route.ts';

const NOW = Date.UTC(2026, 10, 27);
type Failed = Extract<Refusal, { reason: 'provider_failed' }>;
const failure = (more: Partial<Failed> = {}): Failed => ({
  reason: 'provider_failed',
  provider: 'x',
  status: 500,
  message: 'oh',
  failure: 'unknown',
  ...more,
});
const busy = failure({ status: 429, failure: 'not_sent' });
const billed = { inputTokens: 5, outputTokens: 2, costNanoUsd: 70 };

let nowMs: number;
let waits: number[];
let asks: PaidCallRequest[];
/** what each attempt gets, in order; the last one again for ever */
let script: (Refusal | 'answer')[];
let routes: Route[];
let hints: ReturnType<typeof breakers>;
let endings: ((end: Result<PaidStreamEnd, Refusal>) => void)[];

beforeEach(() => {
  nowMs = NOW;
  waits = [];
  asks = [];
  script = ['answer'];
  routes = [];
  hints = breakers();
  endings = [];
});

const deps = (more: Partial<RoutingDeps> = {}): RoutingDeps => ({
  routes: async () => routes,
  placeOf: async ({ model, connection }) => (model === 'nowhere' ? null : `${connection ?? 'c'} ${model}`),
  breakers: hints,
  now: () => nowMs,
  random: () => 0.5,
  sleep: async (ms) => {
    waits.push(ms);
    nowMs += ms;
  },
  ...more,
});
const receipt = (ask: PaidCallRequest): CallReceipt => ({
  runId: ask.runId,
  attempt: ask.attempt,
  provider: 'x',
  model: String(ask.body.model),
  usage: NO_USAGE,
  source: 'reported',
  costNanoUsd: 100,
  latencyMs: 1,
  clampedMaxTokens: null,
  budgetWarnings: [],
});
function next(ask: PaidCallRequest): Refusal | 'answer' {
  asks.push(ask);
  nowMs += 10;
  return script[Math.min(asks.length, script.length) - 1]!;
}
const calls = (more: Partial<RoutingDeps> = {}) =>
  routedCalls(
    {
      async call(ask): Promise<Result<PaidAnswer, Refusal>> {
        const step = next(ask);
        return step === 'answer'
          ? ok({ receipt: receipt(ask), bodyText: '{}', headers: {}, text: 't' })
          : err(step);
      },
      async stream(ask): Promise<Result<PaidStream, Refusal>> {
        const step = next(ask);
        if (step !== 'answer') return err(step);
        const { runId, provider, model } = receipt(ask);
        const done = new Promise<Result<PaidStreamEnd, Refusal>>((resolve) => endings.push(resolve));
        return ok({
          runId,
          provider,
          model,
          body: new ReadableStream(),
          clampedMaxTokens: null,
          budgetWarnings: [],
          headers: {},
          done,
        });
      },
    },
    deps(more),
  );
const request = (more: Partial<PaidCallRequest> = {}): PaidCallRequest => ({
  runId: 'run_1',
  attempt: 1,
  subject: { teamId: 'team_1', tags: [] },
  executionType: 'gateway',
  format: 'openai_chat',
  body: { model: 'm', messages: [] },
  stream: false,
  clampable: false,
  onDisconnect: 'drain',
  ...more,
});
const call = (more: Partial<PaidCallRequest> = {}, other: Partial<RoutingDeps> = {}) =>
  calls(other).call(request(more));
const asked = () => asks.map(({ attempt, body }) => [attempt, body.model]);
const settledTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('a routed call', () => {
  it('is one plain attempt when nothing fails', async () => {
    const body = { model: 'm', messages: [] };
    expect(await call({ body })).toMatchObject({
      ok: true,
      value: { earlier: { attempts: 0, costNanoUsd: 0 } },
    });
    expect(asks).toHaveLength(1);
    expect(asks[0]!.body).toBe(body);
    expect(asks[0]).not.toHaveProperty('connection');
    expect(waits).toEqual([]);
  });

  it('without a route is tried again twice when nothing was sent, under a new attempt number each time', async () => {
    script = [busy, busy, 'answer'];
    expect(await call()).toMatchObject({
      ok: true,
      value: { receipt: { attempt: 3 }, earlier: { attempts: 2 } },
    });
    expect(asked()).toEqual([
      [1, 'm'],
      [2, 'm'],
      [3, 'm'],
    ]);
    expect(waits).toEqual([125, 250]);
  });

  it('without a route is not repeated when it may have been billed', async () => {
    script = [failure({ billed })];
    expect(await call()).toEqual(err(failure({ attempts: 1, billed })));
    expect(asks).toHaveLength(1);
  });

  it('B10: falls back in order, with its own reservation each, and adds up what failed attempts were billed', async () => {
    script = [failure({ billed }), failure({ billed }), 'answer'];
    const answer = await call({ fallback: ['n', 'o'], maxCostNanoUsd: 1_000 });
    expect(answer).toMatchObject({
      ok: true,
      value: {
        receipt: { model: 'o', costNanoUsd: 100 },
        earlier: { attempts: 2, inputTokens: 10, outputTokens: 4, costNanoUsd: 140 },
      },
    });
    expect(asked()).toEqual([
      [1, 'm'],
      [2, 'n'],
      [3, 'o'],
    ]);
    // the caller's limit is for all of them together
    expect(asks.map(({ maxCostNanoUsd }) => maxCostNanoUsd)).toEqual([1_000, 930, 860]);
  });

  it('leaves the number of a target that leads nowhere to the next, for nothing was asked of the judge', async () => {
    script = [{ reason: 'model_not_found', model: 'm' }, busy, 'answer'];
    expect(await call({ fallback: ['n', 'o'] })).toMatchObject({ value: { earlier: { attempts: 1 } } });
    expect(asked()).toEqual([
      [1, 'm'],
      [1, 'n'],
      [2, 'o'],
    ]);
  });

  it("counts within the asker's attempt, so that no number is ever used twice under one run id", async () => {
    script = [busy];
    await call({ attempt: 2, fallback: ['n', 'o'], executionType: 'workflow' });
    await call({ attempt: 3, fallback: ['n'], executionType: 'workflow' });
    expect(asked()).toEqual([
      [101, 'm'],
      [102, 'n'],
      [103, 'o'],
      [201, 'm'],
      [202, 'n'],
    ]);
  });

  it('goes to the connection and in the time that its route says', async () => {
    routes = [
      routeSchema.parse({
        name: 'm',
        targets: [{ model: 'a', connection: 'conn_9', timeoutMs: 700, idleTimeoutMs: 800 }, { model: 'b' }],
        retry: { maxAttempts: 1 },
      }),
    ];
    script = [failure(), 'answer'];
    await call({ timeoutMs: 5_000 });
    expect(asks).toMatchObject([
      {
        body: { model: 'a' },
        connection: 'conn_9',
        answerWithinMs: 700,
        idleTimeoutMs: 800,
        timeoutMs: 5_000,
      },
      { body: { model: 'b' }, timeoutMs: 4_990 },
    ]);
    expect(asks[1]).not.toHaveProperty('answerWithinMs');
  });

  it('answers with the refusal that may pass by itself, not with that of a fallback that nobody asked for', async () => {
    script = [
      { ...busy, retryAfterSeconds: 60 },
      { reason: 'model_not_found', model: 'n' },
    ];
    expect(await call({ fallback: ['n'] })).toEqual(err({ ...busy, retryAfterSeconds: 60, attempts: 1 }));
    asks = [];
    script = [{ reason: 'model_not_found', model: 'm' }, failure({ failure: 'refused', status: 404 })];
    expect(await call({ fallback: ['n'] })).toEqual(err({ reason: 'model_not_found', model: 'm' }));
  });

  it('never goes on when the budget could not be asked, and says so', async () => {
    script = [failure(), { reason: 'budget_unavailable' }, 'answer'];
    expect(await call({ fallback: ['n', 'o'] })).toEqual(err({ reason: 'budget_unavailable' }));
    expect(asks).toHaveLength(2);
  });

  it('stops waiting when the caller leaves, and begins nothing more', async () => {
    const caller = new AbortController();
    script = [busy, 'answer'];
    const sleep = async () => caller.abort();
    expect(await call({ signal: caller.signal }, { sleep })).toEqual(err({ ...busy, attempts: 1 }));
    expect(asks).toHaveLength(1);
  });

  it('shows the limit of the call as the caller set it, and what earlier attempts took of it', async () => {
    const over: Refusal = {
      reason: 'budget_exceeded',
      budgetId: null,
      scope: { type: 'call' },
      limit: 'max_cost_per_run',
      limitNanoUsd: 30,
      spentNanoUsd: 0,
      heldNanoUsd: 0,
      askedNanoUsd: 90,
      resetsAt: null,
    };
    script = [failure({ failure: 'refused', status: 404, billed }), over];
    await call({ fallback: ['n'], maxCostNanoUsd: 100 });
    expect(asks[1]!.maxCostNanoUsd).toBe(30);
    script = [over];
    asks = [];
    expect(await call({ maxCostNanoUsd: 100 })).toEqual(err({ ...over, limitNanoUsd: 100 }));
  });

  it('ends at its deadline', async () => {
    routes = [
      routeSchema.parse({
        name: 'm',
        targets: [{ model: 'a' }],
        retry: { maxAttempts: 5, baseMs: 400, maxMs: 400 },
      }),
    ];
    script = [failure()];
    expect(await call({ timeoutMs: 600 })).toMatchObject({ ok: false, error: { attempts: 3 } });
    expect(nowMs).toBeLessThan(NOW + 600);
  });
});

describe('a routed stream', () => {
  it('falls back before its first event, and is left alone after it', async () => {
    script = [failure(), 'answer'];
    const stream = await calls().stream(request({ stream: true, fallback: ['n'] }));
    expect(stream).toMatchObject({ ok: true, value: { model: 'n', earlier: { attempts: 1 } } });
    endings[0]!(err(failure({ status: 502 })));
    await settledTurn();
    expect(asks).toHaveLength(2);
  });

  it('tells its breaker that it broke, but not that its reader left', async () => {
    for (const [status, known] of [
      [504, false],
      [502, true],
    ] as const) {
      await calls().stream(request({ stream: true }));
      endings.at(-1)!(err(failure({ status })));
      await settledTurn();
      expect(hints.any('team_1')).toBe(known);
    }
  });
});

describe('breakers', () => {
  const trip = async (model: string) => {
    const before = { script, asks };
    script = [failure()];
    for (let i = 0; i < 5; i++) await call({ body: { model, messages: [] } });
    ({ script, asks } = before);
  };

  it('send a call to another target first, and still to the only one', async () => {
    await trip('m');
    asks = [];
    await call({ fallback: ['n'] });
    expect(asked()).toEqual([[1, 'n']]);
    asks = [];
    expect(await call()).toMatchObject({ ok: true });
    expect(asked()).toEqual([[1, 'm']]);
    // it answered: closed again
    expect(hints.any('team_1')).toBe(false);
  });

  it('let one probe through after the cool-down, while others go elsewhere', async () => {
    await trip('m');
    nowMs += 31_000;
    asks = [];
    let answer!: () => void;
    const slow = new Promise<void>((resolve) => (answer = resolve));
    const held = routedCalls(
      {
        call: async (ask) => {
          asks.push(ask);
          if (ask.body.model === 'm') await slow;
          return ok({ receipt: receipt(ask), bodyText: '{}', headers: {}, text: '' });
        },
        stream: () => Promise.reject(new Error('unused')),
      },
      deps(),
    );
    const probe = held.call(request({ fallback: ['n'] }));
    await settledTurn();
    await held.call(request({ fallback: ['n'], runId: 'run_2' }));
    answer();
    await probe;
    await held.call(request({ fallback: ['n'], runId: 'run_3' }));
    expect(asks.map(({ body }) => body.model)).toEqual(['m', 'n', 'm']);
  });

  it("do not hear of a budget's no or of a bad request", async () => {
    script = [failure({ failure: 'refused', status: 400 })];
    for (let i = 0; i < 9; i++) await call();
    expect(hints.any('team_1')).toBe(false);
  });
});
