/** Service tiers through a paid call: the dearest within reach is held, what the provider says it served is charged. */
import { beforeEach, describe, expect, it } from 'vitest';
import { anthropicMessages } from '../../providers/formats/anthropic-messages.ts';
import { openaiChat } from '../../providers/formats/openai-chat.ts';
import { memoryJudge, MemoryJournal, openBooks } from '../budget/memory-journal.ts';
import type { FormatReader } from '../contracts/provider.ts';
import type { Price } from '../cost/price.ts';
import { ok } from '../result.ts';
import type { CallRoute, PaidCallDeps, PaidCallRequest } from './paid-call.ts';
import { paidCalls } from './paid-calls.ts';

const NOW = Date.UTC(2026, 10, 20);
const priceOf = (model: string, nanoUsd: number): Price => ({
  id: `test:x/${model}@2026`,
  provider: 'x',
  model,
  effectiveFrom: '2026-01-01',
  source: 'team',
  rates: { input: nanoUsd * 1_000, output: nanoUsd * 10_000 },
  tiers: [],
  serviceTiers: { priority: { perMille: 2_000 }, flex: { perMille: 500 } },
  regionalPerMille: 1_100,
});
/** 100 x 1 + 50 x 10 nano-USD: the input is bound by 100 tokens, the output by 50 */
const CEILING = 600;

let format: FormatReader;
let answer: object;
let route: Partial<CallRoute>;
let heldNanoUsd: number;

beforeEach(() => {
  format = openaiChat;
  route = {};
  answer = {
    choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
    usage: { prompt_tokens: 90, completion_tokens: 7, total_tokens: 97 },
  };
});

async function settlementOf(body: object) {
  const journal = new MemoryJournal();
  const books = openBooks(journal);
  const judge = memoryJudge(books, () => NOW);
  const deps: PaidCallDeps = {
    judge: () => ({
      ...judge,
      reserve: (ask) => ((heldNanoUsd = ask.ceilingNanoUsd ?? -1), judge.reserve(ask)),
    }),
    route: async () =>
      ok({
        provider: 'x',
        model: 'm',
        connection: { id: 'c', provider: 'x', name: 'default', apiKey: 'k', baseUrl: null, headers: {} },
        price: priceOf('m', 1),
        info: null,
        ...route,
      }),
    formatOf: () => format,
    forward: async () => ok(Response.json(answer)),
    count: { request: async () => 100, text: async () => 1 },
    guard: async () => null,
    now: () => NOW,
    timers: { after: () => () => {} },
    unchecked: { allowed: async () => false, keep: async () => {} },
    waitUntil: () => {},
  };
  const request: PaidCallRequest = {
    runId: 'run_1',
    attempt: 1,
    subject: { teamId: 'team_1', tags: [] },
    executionType: 'gateway',
    format: format.format,
    body: { model: 'm', messages: [], max_tokens: 50, ...body },
    stream: false,
    clampable: false,
    onDisconnect: 'drain',
  };
  const called = await paidCalls(deps).call(request);
  expect(called.ok).toBe(true);
  return journal.entries.at(-1)!.settlement;
}

describe('the service tier of a paid call', () => {
  it.each([
    ['nothing asked', {}, CEILING],
    ['the default', { service_tier: 'default' }, CEILING],
    ['auto, which may become priority', { service_tier: 'auto' }, 2 * CEILING],
    ['priority', { service_tier: 'priority' }, 2 * CEILING],
    ["priority by OpenAI's newer name", { service_tier: 'fast' }, 2 * CEILING],
    ['flex, which may be served as standard', { service_tier: 'flex' }, CEILING],
  ])('is held at the dearest within reach: %s', async (_, body, ceiling) => {
    await settlementOf(body);
    expect(heldNanoUsd).toBe(ceiling);
  });

  it('is charged as the provider says that it served, and named on the row', async () => {
    answer = { ...answer, service_tier: 'flex' };
    expect(await settlementOf({ service_tier: 'flex' })).toMatchObject({
      costNanoUsd: 80,
      priceId: 'test:x/m@2026+flex',
      flags: ['service_tier:flex'],
    });
    answer = { ...answer, service_tier: 'default' };
    expect(await settlementOf({ service_tier: 'priority' })).toMatchObject({
      costNanoUsd: 160,
      priceId: 'test:x/m@2026',
      flags: [],
    });
  });

  it('is charged as asked where the provider does not say', async () => {
    expect(await settlementOf({ service_tier: 'priority' })).toMatchObject({
      costNanoUsd: 320,
      priceId: 'test:x/m@2026+priority',
    });
  });

  it('is charged at its worst where no usage came', async () => {
    const { usage: _, ...without } = answer as { usage: object };
    answer = without;
    const settled = await settlementOf({ service_tier: 'auto' });
    expect(settled).toMatchObject({ source: 'estimated', priceId: 'test:x/m@2026+priority' });
    // 100 in and one token out, twice
    expect(settled.costNanoUsd).toBe(220);
  });

  it('says where its price is assumed, because no source states it', async () => {
    route = { price: { ...priceOf('m', 1), serviceTiers: undefined } };
    answer = { ...answer, service_tier: 'priority' };
    expect(await settlementOf({ service_tier: 'priority' })).toMatchObject({
      costNanoUsd: 400,
      flags: ['service_tier:priority', 'tier_price_assumed'],
    });
  });

  it("is held as the connection's own default where the request says nothing", async () => {
    route = { unsaid: { service_tier: 'priority' } };
    await settlementOf({});
    expect(heldNanoUsd).toBe(2 * CEILING);
    await settlementOf({ service_tier: 'default' });
    expect(heldNanoUsd).toBe(CEILING);
  });
});

describe("what a provider's own tools find", () => {
  it('is held beside the input, up to what the model can read', async () => {
    answer = { ...answer, content: [], usage: { input_tokens: 90, output_tokens: 7 } };
    format = anthropicMessages;
    const tools = [{ type: 'web_search_20250305', name: 'web_search', max_uses: 3 }];
    await settlementOf({ tools });
    expect(heldNanoUsd).toBe(CEILING + 30_000);
    const info = { provider: 'x', model: 'm', name: 'm', contextWindow: 8_000, maxOutputTokens: null };
    route = { info };
    await settlementOf({ tools });
    expect(heldNanoUsd).toBe(CEILING + 8_000);
  });
});

describe('rounds that Anthropic runs on other models', () => {
  beforeEach(() => {
    format = anthropicMessages;
    route = { priceOfModel: (model) => (model === 'unknown' ? null : priceOf(model, model === 'm' ? 1 : 3)) };
  });
  const iteration = (model: string, input: number, output: number, type = 'message') => ({
    type,
    model,
    input_tokens: input,
    output_tokens: output,
  });

  it('are held and charged at the price of the model they ran on', async () => {
    answer = {
      model: 'other',
      content: [{ type: 'text', text: 'Hi' }],
      usage: {
        input_tokens: 90,
        output_tokens: 7,
        iterations: [iteration('m', 90, 2), iteration('other', 90, 7, 'fallback_message')],
      },
    };
    const settled = await settlementOf({ fallbacks: [{ model: 'other' }] });
    // 90 x 1 + 2 x 10 at m, 90 x 3 + 7 x 30 at the other
    expect(settled.costNanoUsd).toBe(110 + 480);
    expect(settled).toMatchObject({ flags: ['other_models'], usage: { inputTokens: 180, outputTokens: 9 } });
    expect(heldNanoUsd).toBe(CEILING + 3 * CEILING);
  });

  it('make the call unpriced where one of them may run on a model without a price', async () => {
    answer = { model: 'm', content: [], usage: { input_tokens: 90, output_tokens: 7 } };
    await settlementOf({ fallbacks: [{ model: 'unknown' }] });
    expect(heldNanoUsd).toBe(-1);
  });

  it('are held once more for a compaction, in a region with its surcharge', async () => {
    answer = { model: 'm', content: [], usage: { input_tokens: 90, output_tokens: 7, inference_geo: 'us' } };
    const settled = await settlementOf({
      inference_geo: 'us',
      context_management: { edits: [{ type: 'compact_20260112' }] },
    });
    expect(heldNanoUsd).toBe(2 * 660);
    expect(settled).toMatchObject({
      costNanoUsd: 176,
      priceId: 'test:x/m@2026+regional',
      flags: ['regional_inference'],
    });
  });
});
