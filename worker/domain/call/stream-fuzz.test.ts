/**
 * The whole story of a paid stream, told with every stream we have, cut in every way: whatever comes, it is settled exactly once, holds
 * nothing afterwards, and costs at least its input. Streams of our own always run; those of real providers where they are at hand.
 *
 * Our own are split in two at every byte. The others are cut into pieces of PIECE bytes, once for each offset: every byte is then an
 * edge in one of the runs, in time that grows with the length and not with its square.
 */
import { afterAll, describe, expect, it } from 'vitest';
import { sharedStreams } from '../../../tests/recordings/shared-streams.ts';
import { OWN_STREAMS, type RecordedStream } from '../../../tests/recordings/streams.ts';
import shipped from '../../generated/prices.json';
import { formatOf } from '../../providers/registry.ts';
import type { Judge, Settlement } from '../budget/budget.ts';
import { memoryJudge, MemoryJournal, openBooks } from '../budget/memory-journal.ts';
import { costOf } from '../cost/cost.ts';
import { createPriceTable } from '../cost/price-table.ts';
import type { Price } from '../cost/price.ts';
import type { Usage } from '../cost/usage.ts';
import { ok } from '../result.ts';
import { worstUsage } from './admission.ts';
import type { PaidCallDeps, PaidStream } from './paid-call.ts';
import { paidCalls } from './paid-calls.ts';

type Stream = Omit<RecordedStream, 'usage'>;

const NOW = Date.UTC(2026, 10, 20);
/** what the input is counted at before the call: more than any of these streams reports */
const COUNTED_INPUT = 40_000;
const PIECE = 31;

const prices = createPriceTable(shipped);
/** Models that nobody sells at a list price stand in at gpt-4o's: what matters here is that there is one. */
const priceOf = ({ provider, model }: Stream): Price =>
  prices.lookup(provider, model, new Date(NOW).toISOString()) ??
  prices.lookup('openai', 'gpt-4o', new Date(NOW).toISOString())!;

const own: readonly Stream[] = OWN_STREAMS;
const shared = sharedStreams();
const all = [...own, ...shared];
const named = (streams: readonly Stream[]) =>
  streams.map((stream) => [`${stream.format}: ${stream.name}`, stream] as const);

const encoder = new TextEncoder();
const bytesOf = ({ text }: Stream) => encoder.encode(text);

/** What a caller must see of a stream: all of it, except chunks of usage alone that only we asked for (B11). */
function seenBy({ format, text, asksForUsage }: Stream): string {
  if (format !== 'openai_chat' || asksForUsage) return text;
  return eventsOf(text)
    .filter((event) => {
      const data = /^data: ?(.*)$/m.exec(event)?.[1]?.trim() ?? '';
      if (!data.startsWith('{')) return true;
      const { choices, usage, error } = JSON.parse(data);
      return !(usage && !error && Array.isArray(choices) && choices.length === 0);
    })
    .join('');
}
const eventsOf = (text: string): string[] => text.split(/(?<=\r?\n\r?\n)/);

/** A source that gives one piece per pull; `then` says how it ends. It knows whether it was let go. */
function source(pieces: readonly Uint8Array[], then: 'end' | 'break' | 'hang' = 'end') {
  let hungry!: () => void;
  const state = {
    given: 0,
    cancelled: false,
    goOn: () => {},
    /** resolves when all was taken and more is wanted */
    taken: new Promise<void>((resolve) => (hungry = resolve)),
  };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.given < pieces.length) return controller.enqueue(pieces[state.given++]!);
        if (then === 'break') return controller.error(new Error('reset'));
        if (then === 'end') return controller.close();
        hungry();
        return new Promise<void>((resolve) => (state.goOn = resolve));
      },
      cancel() {
        state.cancelled = true;
        state.goOn();
      },
    },
    { highWaterMark: 0 },
  );
  return { body, state };
}

interface Story {
  refused: boolean;
  settlements: Settlement[];
  /** settle calls, also repeated ones */
  asked: number;
  seen: string;
  held: number;
  spent: number;
}

/** Tells the story of one call; `reads` is the caller. */
async function told(
  stream: Stream,
  body: ReadableStream<Uint8Array>,
  {
    onDisconnect = 'drain',
    reads = readAll,
  }: { onDisconnect?: 'drain' | 'cancel'; reads?: (paid: PaidStream) => Promise<string> } = {},
): Promise<Story> {
  const journal = new MemoryJournal();
  const books = openBooks(journal);
  const real = memoryJudge(books, () => NOW);
  let asked = 0;
  const judge: Judge = { ...real, settle: (settlement) => (asked++, real.settle(settlement)) };
  const background: Promise<unknown>[] = [];
  const deps: PaidCallDeps = {
    judge: () => judge,
    route: async () =>
      ok({
        provider: stream.provider,
        model: stream.model,
        connection: {
          id: 'c',
          provider: stream.provider,
          name: 'd',
          apiKey: 'k',
          baseUrl: null,
          headers: {},
        },
        price: priceOf(stream),
        info: null,
      }),
    formatOf,
    forward: async () => ok(new Response(body)),
    // a letter is a token: never below the truth
    count: { request: async () => COUNTED_INPUT, text: async (_, text) => text.length },
    guard: async () => null,
    now: () => NOW,
    timers: { after: () => () => {} },
    unchecked: { allowed: async () => false, keep: async () => {} },
    waitUntil: (work) => void background.push(work),
  };
  const paid = await paidCalls(deps).stream({
    runId: 'run_1',
    attempt: 1,
    subject: { teamId: 'team_1', tags: [] },
    executionType: 'gateway',
    format: stream.format,
    body: {
      model: stream.model,
      ...(stream.asksForUsage ? { stream_options: { include_usage: true } } : {}),
    },
    stream: true,
    clampable: false,
    onDisconnect,
  });
  const seen = paid.ok ? await reads(paid.value) : '';
  if (paid.ok) await paid.value.done;
  await Promise.all(background);
  return {
    refused: !paid.ok,
    settlements: journal.entries.map(({ settlement }) => settlement),
    asked,
    seen,
    held: books.heldNanoUsd,
    spent: books.totals.totalNanoUsd,
  };
}

async function readAll({ body }: PaidStream): Promise<string> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) text += decoder.decode(chunk, { stream: true });
  return text;
}

/** Whatever happened: settled exactly once, nothing held, and the books are the sum of what was settled. */
function settledOnce(story: Story, where: string): Settlement {
  const [settlement] = story.settlements;
  const wrong =
    story.settlements.length !== 1 || story.asked !== 1 || story.held !== 0
      ? `${story.settlements.length} rows, ${story.asked} settlements, ${story.held} held`
      : story.spent !== settlement!.costNanoUsd
        ? `${story.spent} spent, ${settlement!.costNanoUsd} settled`
        : null;
  if (wrong !== null) expect.fail(`${where}: ${wrong}`);
  return settlement!;
}

/** What the stream had reported of its input, priced without a token of output; without a report the counted input. */
function inputCost(stream: Stream, text: string): number {
  const reader = formatOf(stream.format).streamReader({ usageInjected: true, choices: 1 });
  for (const event of eventsOf(text)) {
    const data = /^data: ?(.*)$/m.exec(event)?.[1]?.trim();
    if (data !== undefined) reader.event(data);
  }
  const reported = reader.usageSoFar()?.usage;
  const input: Usage = reported
    ? { ...reported, outputTokens: 0, reasoningTokens: 0 }
    : worstUsage(COUNTED_INPUT, 0);
  return costOf(input, priceOf(stream));
}

let runs = 0;
afterAll(() => console.log(`stream fuzz: ${runs} paid streams, ${shared.length} of them of real providers`));

const summary = ({ usage, costNanoUsd, source: from, status, flags }: Settlement) =>
  JSON.stringify([usage, costNanoUsd, from, status, flags]);

describe('a paid stream that arrives in pieces', () => {
  it.each(named(OWN_STREAMS))('%s is booked at what it reports', async (_, stream) => {
    const { usage, error } = stream as RecordedStream;
    const settlement = settledOnce(await told(stream, source([bytesOf(stream)]).body), 'whole');
    expect(settlement.status).toBe(error === undefined ? 'succeeded' : 'failed');
    if (error !== undefined) expect(settlement.error).toBe(error);
    if (usage) expect(settlement).toMatchObject({ source: 'reported', usage });
    else expect(settlement).toMatchObject({ source: 'estimated', billed: true });
    expect(settlement.costNanoUsd).toBeGreaterThan(0);
  });

  it.each(named(all))(
    'B11, B12: %s is the same to its caller and to the books, wherever it is split',
    async (_, stream) => {
      const bytes = bytesOf(stream);
      const expected = seenBy(stream);
      const whole = await told(stream, source([bytes]).body);
      const booked = summary(settledOnce(whole, 'whole'));
      expect(whole.seen).toBe(expected);
      const check = async (pieces: Uint8Array[], where: string) => {
        runs++;
        const story = await told(stream, source(pieces).body);
        if (summary(settledOnce(story, where)) !== booked) expect.fail(`${where} changes what is booked`);
        if (story.seen !== expected) expect.fail(`${where} changes what the caller sees`);
      };
      if (own.includes(stream)) {
        for (let at = 1; at < bytes.length; at++)
          await check([bytes.subarray(0, at), bytes.subarray(at)], `split at byte ${at}`);
        await check(
          Array.from(bytes, (_, at) => bytes.subarray(at, at + 1)),
          'byte by byte',
        );
      } else
        for (let offset = 1; offset <= PIECE; offset++) {
          const pieces = [bytes.subarray(0, offset)];
          for (let at = offset; at < bytes.length; at += PIECE) pieces.push(bytes.subarray(at, at + PIECE));
          await check(pieces, `pieces of ${PIECE} bytes from byte ${offset}`);
        }
    },
  );
});

/** An error, as each format has it in a stream. */
function tellsError(event: string): boolean {
  const data = /^data: ?(.*)$/m.exec(event)?.[1] ?? '';
  if (!data.startsWith('{')) return false;
  const { error, type } = JSON.parse(data);
  return Boolean(error) || type === 'error' || type === 'response.failed';
}

/** After each event, and in the middle of each. */
function cutsOf(text: string): number[] {
  let at = 0;
  return eventsOf(text).flatMap((event) => {
    const start = at;
    at += encoder.encode(event).length;
    return [start + Math.floor((at - start) / 2), at];
  });
}

describe('a paid stream that breaks off', () => {
  it.each(named(all))(
    'B07, B13: %s, cut after and within every event, costs at least its input and tells its caller',
    async (_, stream) => {
      const bytes = bytesOf(stream);
      const expected = seenBy(stream);
      for (const at of cutsOf(stream.text).filter((cut) => cut < bytes.length))
        for (const then of ['end', 'break'] as const) {
          runs++;
          const where = `cut at byte ${at} (${then})`;
          const story = await told(stream, source([bytes.subarray(0, at)], then).body);
          const settlement = settledOnce(story, where);
          const came = new TextDecoder().decode(bytes.subarray(0, at));
          if (story.refused) {
            // Nothing of an answer had come (B07), or an error that is no answer.
            if (settlement.status !== 'failed') expect.fail(`${where}: refused, but ${settlement.status}`);
            continue;
          }
          const least = inputCost(stream, came);
          if (!settlement.billed || settlement.costNanoUsd < least)
            expect.fail(`${where}: ${settlement.costNanoUsd} is less than the input's ${least}`);
          if (settlement.status === 'succeeded') continue;
          if (stream.error === undefined && settlement.source !== 'estimated')
            expect.fail(`${where}: half an answer, but booked as reported`);
          const seen = eventsOf(story.seen);
          const errorAt = seen.findIndex(tellsError);
          if (errorAt === -1) expect.fail(`${where}: the caller is not told: ${story.seen.slice(-200)}`);
          if (!expected.startsWith(seen.slice(0, errorAt).join('')))
            expect.fail(`${where}: the caller saw what was never sent`);
        }
    },
  );
});

describe('a paid stream whose caller leaves', () => {
  it.each(named(all))(
    'B08, B09: %s, left after every event, is cut and charged for its input, or drained to its usage',
    async (_, stream) => {
      const events = eventsOf(stream.text).filter((event) => event !== '');
      const pieces = events.map((event) => encoder.encode(event));
      const whole = summary(settledOnce(await told(stream, source(pieces).body), 'whole'));
      const firstData = events.findIndex((event) => /^data:/m.test(event));
      // Long streams are left at so many places, evenly spread, and at both ends.
      const stride = Math.ceil(events.length / 40);
      for (let k = firstData + 1; k < events.length; k += stride) {
        runs += 2;
        const leaves = async ({ body }: PaidStream) => (await body.cancel(), '');
        const drained = await told(stream, source(pieces).body, { reads: leaves });
        if (summary(settledOnce(drained, `drained after event ${k}`)) !== whole)
          expect.fail(`drained after event ${k}: ${summary(drained.settlements[0]!)} is not ${whole}`);

        const { body, state } = source(pieces.slice(0, k), 'hang');
        const leavesLater = async ({ body: answer }: PaidStream) => {
          const reader = answer.getReader();
          void (async () => {
            while (!(await reader.read()).done);
          })();
          await state.taken;
          return (await reader.cancel(), '');
        };
        const left = await told(stream, body, { onDisconnect: 'cancel', reads: leavesLater });
        const settlement = settledOnce(left, `cancelled after event ${k}`);
        const least = left.refused ? 0 : inputCost(stream, events.slice(0, k).join(''));
        if (settlement.costNanoUsd < least)
          expect.fail(
            `cancelled after event ${k}: ${settlement.costNanoUsd} is less than the input's ${least}`,
          );
        if (settlement.status === 'cancelled' && settlement.source !== 'estimated')
          expect.fail(`cancelled after event ${k}, but booked as reported`);
        if (settlement.status === 'cancelled' && !state.cancelled)
          expect.fail(`cancelled after event ${k}, but the provider goes on`);
      }
    },
  );
});

describe.runIf(shared.length === 0)('the streams of real providers', () => {
  it('are not at hand: only our own were used', () => {
    console.warn(
      'SKIPPED: ../shared/fixtures/streams is not there, so no stream of a real provider was cut.',
    );
  });
});
