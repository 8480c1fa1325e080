import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';
import { services } from '../services.ts';
import { saveConnection } from '../store/connections.ts';
import { sweepKeptAnswers } from '../store/idempotency.ts';

afterEach(() => vi.unstubAllGlobals());

const encoder = new TextEncoder();
const chunk = (content: string, finish_reason: string | null = null) =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason }] })}\n\n`;
const END = [
  chunk('', 'stop'),
  `data: ${JSON.stringify({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 } })}\n\n`,
  'data: [DONE]\n\n',
];

/** A team whose one provider streams what the test says, when it says it; one stream for each call that reaches it. */
async function withProvider() {
  const team = await makeTeam();
  const streams: { say(...events: string[]): void; end(): void; break(): void }[] = [];
  vi.stubGlobal('fetch', async () => {
    const said: string[] = [];
    let over: 'ended' | 'broken' | null = null;
    // What the test says is fetched by the call itself: the runtime lets no request write into another's stream.
    const body = new ReadableStream<Uint8Array>(
      {
        async pull(controller) {
          while (said.length === 0 && over === null) await scheduler.wait(5);
          const next = said.shift();
          if (next !== undefined) controller.enqueue(encoder.encode(next));
          else if (over === 'ended') controller.close();
          else controller.error(new Error('reset'));
        },
        cancel: () => void (over ??= 'ended'),
      },
      { highWaterMark: 0 },
    );
    streams.push({
      say: (...events) => void said.push(...events),
      end: () => void (over = 'ended'),
      break: () => void (over = 'broken'),
    });
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  });
  await saveConnection(services(env), {
    teamId: team.teamId,
    provider: 'openai',
    name: 'default',
    apiKey: 'sk-0123456789abcdef',
    baseUrl: 'https://provider.example.com/v1',
    models: ['gpt-4o-mini'],
  });
  const nextStream = (number: number) =>
    vi.waitFor(
      () => {
        expect(streams).toHaveLength(number);
        return streams[number - 1]!;
      },
      { timeout: 10_000, interval: 20 },
    );
  return { ...team, streams, nextStream };
}
const ask = (fetch: Fetch, headers: Record<string, string> = {}) =>
  fetch('/v1/chat/completions', {
    json: {
      model: 'gpt-4o-mini',
      messages: [{ role: 'user', content: 'hi' }],
      max_tokens: 50,
      stream: true,
      stream_options: { include_usage: true },
    },
    headers: { 'idempotency-key': 'once', ...headers },
  });
const runId = (response: Response) => response.headers.get('x-pm-run-id');
const error = async (response: Response) => ((await response.json()) as { error: any }).error;
/** Until the first answer is kept, or its key free again. */
const whenOver = (fetch: Fetch) =>
  vi.waitFor(
    async () => {
      const answer = await ask(fetch);
      if (answer.headers.get('retry-after') !== null) throw new Error('still worked on');
      return answer;
    },
    { timeout: 5_000, interval: 30 },
  );

describe('a stream under an Idempotency-Key', () => {
  it('is given again byte for byte to whoever repeats the request, and paid once', async () => {
    const { fetch, streams, nextStream } = await withProvider();
    const opening = ask(fetch);
    (await nextStream(1)).say(chunk('Grüezi 🎈'), ...END);
    streams[0]!.end();
    const first = await opening;
    const bytes = await first.text();
    expect(bytes).toContain('Grüezi 🎈');
    const again = await ask(fetch);
    expect(await again.text()).toBe(bytes);
    expect([runId(again), streams.length]).toEqual([runId(first), 1]);
    expect(Object.fromEntries(again.headers)).toMatchObject({
      'idempotent-replayed': 'true',
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-pm-model': 'openai/gpt-4o-mini',
    });
  });

  it('is 409 with Retry-After while the first still runs', async () => {
    const { fetch, streams, nextStream } = await withProvider();
    const opening = ask(fetch);
    (await nextStream(1)).say(chunk('slowly'));
    const first = await opening;
    const repeat = await ask(fetch);
    expect([repeat.status, repeat.headers.get('retry-after')]).toEqual([409, '1']);
    expect(await error(repeat)).toMatchObject({ code: 'conflict', message: expect.stringMatching(/still/) });
    streams[0]!.say(...END);
    streams[0]!.end();
    const bytes = await first.text();
    expect(await (await ask(fetch)).text()).toBe(bytes);
    expect(streams).toHaveLength(1);
  });

  it('that its caller left is there, whole, when he asks again', async () => {
    const { fetch, streams, nextStream } = await withProvider();
    const opening = ask(fetch);
    (await nextStream(1)).say(chunk('lost on '));
    const first = await opening;
    await first.body!.cancel();
    streams[0]!.say(chunk('the way'), ...END);
    streams[0]!.end();
    const again = await whenOver(fetch);
    expect([runId(again), again.headers.get('idempotent-replayed')]).toEqual([runId(first), 'true']);
    expect(await again.text()).toBe([chunk('lost on '), chunk('the way'), ...END].join(''));
    expect(streams).toHaveLength(1);
  });

  it('that broke off, or was cancelled by its caller, may be tried anew', async () => {
    const { fetch, streams, nextStream } = await withProvider();
    const opening = ask(fetch);
    (await nextStream(1)).say(chunk('half'));
    const first = await opening;
    streams[0]!.break();
    expect(await first.text()).toContain('broke off');

    const second = ask(fetch, { 'x-pm-on-disconnect': 'cancel' });
    (await nextStream(2)).say(chunk('half'));
    await (await second).body!.cancel();

    const third = whenOver(fetch);
    (await nextStream(3)).say(chunk('whole'), ...END);
    streams[2]!.end();
    const whole = await third;
    expect(whole.headers.get('idempotent-replayed')).toBeNull();
    expect(await whole.text()).toContain('whole');
    expect(await (await ask(fetch)).text()).toContain('whole');
    expect(streams).toHaveLength(3);
  });

  it('is kept outside of D1 when it is large, for a day; what is larger still is 409 that says why', async () => {
    const { fetch, teamId, streams, nextStream } = await withProvider();
    const opening = ask(fetch);
    (await nextStream(1)).say(chunk('word '.repeat(40_000)), ...END);
    streams[0]!.end();
    const bytes = await (await opening).text();
    expect(await (await ask(fetch)).text()).toBe(bytes);
    const files = async () => (await env.FILES.list({ prefix: `idempotency/${teamId}/` })).objects;
    expect(await files()).toHaveLength(1);
    const later = { ...services(env), now: () => Date.now() + 25 * 3_600_000 };
    await sweepKeptAnswers(later);
    expect(await files()).toHaveLength(0);

    const second = ask(fetch);
    (await nextStream(2)).say(...Array.from({ length: 30 }, () => chunk('word '.repeat(10_000))), ...END);
    streams[1]!.end();
    expect((await (await second).text()).length).toBeGreaterThan(1024 * 1024);
    const repeat = await ask(fetch);
    expect([repeat.status, repeat.headers.get('retry-after')]).toEqual([409, null]);
    expect((await error(repeat)).message).toMatch(/larger than 1048576 bytes/);
    expect(await files()).toHaveLength(0);
    expect(streams).toHaveLength(2);
  });

  it('of a prompt is given again too', async () => {
    const { fetch, streams, nextStream } = await withProvider();
    const content = { prompt: 'Hello', model: 'gpt-4o-mini', maxTokens: 50 };
    const made = (await (await fetch('/api/prompts', { json: { name: 'P', content } })).json()) as any;
    const run = () =>
      fetch(`/api/prompts/${made.id}/run`, { json: { stream: true }, headers: { 'idempotency-key': 'p' } });
    const opening = run();
    (await nextStream(1)).say(chunk('Grüezi'), ...END);
    streams[0]!.end();
    const first = await opening;
    const bytes = await first.text();
    expect(bytes).toContain('"type":"done"');
    const again = await run();
    expect([await again.text(), runId(again), streams.length]).toEqual([bytes, runId(first), 1]);
  });
});
