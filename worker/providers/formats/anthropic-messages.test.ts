import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SseSplitter } from '../../domain/call/sse.ts';
import { usageSchema } from '../../domain/cost/usage.ts';
import { anthropicMessages } from './anthropic-messages.ts';

const usageOf = (usage: unknown) => anthropicMessages.usageOf({ usage });
const newReader = () => anthropicMessages.streamReader({ usageInjected: false, choices: 1 });
const read = (events: object[]) => {
  const reader = newReader();
  for (const event of events) expect(reader.event(JSON.stringify(event))).toBeUndefined();
  return reader;
};

const start = (usage: object) => ({ type: 'message_start', message: { id: 'msg_1', content: [], usage } });
const text = (words: string) => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text: words },
});
const delta = (usage: object, stop: string | null = 'end_turn') => ({
  type: 'message_delta',
  delta: { stop_reason: stop },
  usage,
});
const stop = { type: 'message_stop' };

describe('usage of an Anthropic answer', () => {
  it('has cache reads and writes inside the input, and the raw object', () => {
    const raw = {
      input_tokens: 10,
      cache_read_input_tokens: 200,
      cache_creation_input_tokens: 3300,
      cache_creation: { ephemeral_5m_input_tokens: 300, ephemeral_1h_input_tokens: 3000 },
      output_tokens: 40,
      output_tokens_details: { thinking_tokens: 25 },
      server_tool_use: { web_search_requests: 2, web_fetch_requests: 1 },
      service_tier: 'standard',
    };
    expect(usageOf(raw)).toEqual({
      usage: usageSchema.parse({
        inputTokens: 3510,
        cacheReadTokens: 200,
        cacheWriteTokens: 300,
        cacheWrite1hTokens: 3000,
        outputTokens: 40,
        reasoningTokens: 25,
        webSearches: 2,
        serviceTier: 'standard',
      }),
      raw: JSON.stringify(raw),
      flags: [],
    });
  });

  it.each([
    ['alone counts as five minutes', { flat: 90 }, [90, 0]],
    ['beyond its parts counts as five minutes when nothing lives an hour', { flat: 90, short: 50 }, [90, 0]],
    ['beyond its parts counts as an hour when something does', { flat: 90, short: 50, long: 10 }, [50, 40]],
    ['below its parts does not hide them', { flat: 5, short: 50, long: 10 }, [50, 10]],
  ] as [string, { flat: number; short?: number; long?: number }, number[]][])(
    'a flat count of cache writes %s',
    (_, { flat, short, long }, [write5m, write1h]) => {
      const reported = usageOf({
        input_tokens: 1,
        output_tokens: 1,
        cache_creation_input_tokens: flat,
        ...(short === undefined
          ? {}
          : { cache_creation: { ephemeral_5m_input_tokens: short, ephemeral_1h_input_tokens: long ?? 0 } }),
      });
      expect(reported?.usage).toMatchObject({
        inputTokens: 1 + write5m! + write1h!,
        cacheWriteTokens: write5m,
        cacheWrite1hTokens: write1h,
      });
    },
  );

  it('charges the rounds that the top level leaves out, and names those of other models', () => {
    const compaction = {
      input_tokens: 180,
      output_tokens: 8,
      iterations: [
        { type: 'compaction', input_tokens: 100, output_tokens: 82, cache_creation_input_tokens: 55_096 },
        { type: 'message', input_tokens: 180, output_tokens: 8 },
      ],
    };
    expect(usageOf(compaction)).toMatchObject({
      usage: { inputTokens: 55_376, cacheWriteTokens: 55_096, outputTokens: 90 },
      flags: [],
    });
    const advised = {
      input_tokens: 30,
      output_tokens: 10,
      iterations: [
        { type: 'message', input_tokens: 30, output_tokens: 10 },
        { type: 'advisor_message', model: 'another', input_tokens: 5, output_tokens: 3 },
      ],
    };
    expect(usageOf(advised)).toMatchObject({
      usage: { inputTokens: 35, outputTokens: 13, rounds: [{ model: 'another', inputTokens: 5 }] },
      flags: ['other_models'],
    });
    const one = { input_tokens: 30, output_tokens: 10, iterations: [{ input_tokens: 3, output_tokens: 1 }] };
    expect(usageOf(one)?.usage).toMatchObject({ inputTokens: 30, outputTokens: 10 });
  });

  it('flags what costs more than the list price', () => {
    const flagsOf = (more: object) => usageOf({ input_tokens: 1, output_tokens: 1, ...more })?.flags;
    expect(flagsOf({ speed: 'standard', inference_geo: 'global' })).toEqual([]);
    expect(flagsOf({ speed: null, inference_geo: 'not_available' })).toEqual([]);
    expect(flagsOf({ speed: 'fast', inference_geo: 'us' })).toEqual(['fast_mode', 'regional_inference']);
  });

  it.each([
    null,
    'much',
    [],
    {},
    { input_tokens: 5 },
    { input_tokens: -1, output_tokens: 2 },
    { input_tokens: '5', output_tokens: 2 },
    { input_tokens: Number.MAX_SAFE_INTEGER, cache_read_input_tokens: 9, output_tokens: 2 },
  ])('is none when malformed: %j', (usage) => expect(usageOf(usage)).toBeNull());
});

describe('a stream in the Anthropic format', () => {
  it('is counted once: cumulative deltas override, also the input, and repeats add nothing (B12)', () => {
    const begun = start({
      input_tokens: 2000,
      output_tokens: 1,
      cache_creation_input_tokens: 50,
      cache_creation: { ephemeral_5m_input_tokens: 50, ephemeral_1h_input_tokens: 0 },
      cache_read_input_tokens: 7,
    });
    const reader = read([
      begun,
      begun,
      text('Hi'),
      delta({ output_tokens: 20 }, null),
      delta({
        input_tokens: 22_000,
        output_tokens: 60,
        cache_creation_input_tokens: 0,
        cache_read_input_tokens: null,
        server_tool_use: { web_search_requests: 2 },
      }),
      stop,
    ]);
    expect(reader.usage()?.usage).toMatchObject({
      inputTokens: 22_007,
      cacheReadTokens: 7,
      cacheWriteTokens: 0,
      outputTokens: 60,
      webSearches: 2,
    });
  });

  it('keeps one-hour writes that a later flat count repeats', () => {
    const reader = read([
      start({
        input_tokens: 1,
        output_tokens: 1,
        cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 80 },
      }),
      delta({ output_tokens: 2, cache_creation_input_tokens: 80 }),
    ]);
    expect(reader.usage()?.usage).toMatchObject({ cacheWriteTokens: 0, cacheWrite1hTokens: 80 });
  });

  it('reports nothing before the first delta: the first token is not the answer', () => {
    expect(read([start({ input_tokens: 9, output_tokens: 1 }), text('Hi')]).usage()).toBeNull();
  });

  it('finishes with its stop reason and ends with message_stop', () => {
    const reader = read([start({ input_tokens: 9, output_tokens: 1 }), text('Hi')]);
    expect([reader.finishing(), reader.ended()]).toEqual([false, false]);
    reader.event(JSON.stringify(delta({ output_tokens: 3 })));
    expect([reader.finishing(), reader.ended()]).toEqual([true, false]);
    reader.event(JSON.stringify(stop));
    expect([reader.finishing(), reader.ended()]).toEqual([true, true]);
  });

  it('has its text, and for the estimate everything that was generated', () => {
    const part = (inner: object) => ({ type: 'content_block_delta', index: 0, delta: inner });
    const reader = read([
      { type: 'content_block_start', index: 0, content_block: { type: 'thinking', thinking: '' } },
      part({ type: 'thinking_delta', thinking: 'hm' }),
      part({ type: 'signature_delta', signature: 'xxxx' }),
      text('Hi'),
      { type: 'content_block_start', index: 1, content_block: { type: 'tool_use', name: 'f', input: {} } },
      part({ type: 'input_json_delta', partial_json: '{"a":1}' }),
      { type: 'content_block_start', content_block: { type: 'web_search_tool_result', content: [{ a: 1 }] } },
    ]);
    expect(reader.text()).toBe('Hi');
    expect(reader.generated()).toBe('hmHif{"a":1}');
  });

  it('reports an error event, and survives nonsense', () => {
    const reader = newReader();
    for (const data of ['{broken', '[]', 'null', '{"type":"message_start"}', '{"type":"message_delta"}'])
      expect(reader.event(data)).toBeUndefined();
    expect(reader.error()).toBeNull();
    reader.event('{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}');
    expect(reader.error()).toBe('Overloaded');
  });

  it('tells an error in an event that the official client reads', () => {
    expect(anthropicMessages.errorEvent({ type: 'provider_error', code: 'x', message: 'gone' })).toBe(
      'event: error\ndata: {"type":"error","error":{"type":"api_error","code":"x","message":"gone"}}\n\n',
    );
  });
});

describe('a request and an answer in the Anthropic format', () => {
  it('is bound by its max_tokens and by its searches', () => {
    expect(anthropicMessages.askOf({})).toMatchObject({
      maxOutputTokens: null,
      choices: 1,
      audio: false,
      webSearches: 0,
    });
    const tools = [
      { type: 'web_search_20250305', name: 'web_search', max_uses: 3 },
      { type: 'web_search_20250305', name: 'web_search' },
      { name: 'mine', input_schema: {} },
    ];
    expect(anthropicMessages.askOf({ max_tokens: 5, tools })).toMatchObject({
      maxOutputTokens: 5,
      webSearches: 13,
    });
  });

  it('gets a lower maximum, with thinking below it', () => {
    expect(anthropicMessages.withMaxOutput({ max_tokens: 50 }, 7)).toEqual({ max_tokens: 7 });
    const thinking = { type: 'enabled', budget_tokens: 8000 };
    expect(anthropicMessages.withMaxOutput({ max_tokens: 9000, thinking }, 2000)).toEqual({
      max_tokens: 2000,
      thinking: { type: 'enabled', budget_tokens: 1999 },
    });
    expect(anthropicMessages.withMaxOutput({ max_tokens: 9000, thinking }, 8500)).toMatchObject({ thinking });
  });

  it('goes upstream as it came, but for the model', () => {
    expect(anthropicMessages.outgoing({ model: 'anthropic/x', a: 1 }, { model: 'x', stream: true })).toEqual({
      body: { model: 'x', a: 1 },
      usageInjected: false,
    });
  });

  it('gives its text, and is told from an error', () => {
    const content = [
      { type: 'thinking', thinking: 'hm' },
      { type: 'text', text: 'H' },
      { type: 'tool_use', name: 'f', input: { a: 1 } },
      { type: 'text', text: 'i' },
    ];
    expect(anthropicMessages.textOf({ content })).toBe('Hi');
    expect(anthropicMessages.generatedOf({ content })).toBe('hmHf{"a":1}i');
    for (const nonsense of [null, 'x', {}, { content: 'x' }, { content: [1] }]) {
      expect(anthropicMessages.textOf(nonsense)).toBe('');
      expect(anthropicMessages.generatedOf(nonsense)).toBe('');
    }
    expect(anthropicMessages.errorOf({ type: 'error', error: { type: 'api_error', message: 'no' } })).toBe(
      'no',
    );
    expect(anthropicMessages.errorOf({ type: 'message', content })).toBeNull();
  });
});

const OWN_STREAM = [
  start({ input_tokens: 12, output_tokens: 1, cache_read_input_tokens: 3 }),
  { type: 'ping' },
  text('Grüße 🎈'),
  delta({ output_tokens: 9 }),
  stop,
]
  .map((event) => `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`)
  .join('');

const fixtures = join(import.meta.dirname, '../../../../shared/fixtures');
const streams = join(fixtures, 'streams/anthropic-anthropic');
const recordings = existsSync(streams)
  ? readdirSync(streams).map((name) => [name, readFileSync(join(streams, name))] as const)
  : [];
const ALL: (readonly [string, Uint8Array])[] = [
  ['a stream of our own', new TextEncoder().encode(OWN_STREAM)],
  ...recordings,
];

/** Reads bytes in the given pieces, to the end. */
function readBytes(pieces: Uint8Array[]) {
  const splitter = new SseSplitter();
  const reader = newReader();
  const events = pieces.flatMap((piece) => splitter.push(piece));
  const last = splitter.end();
  for (const { data } of last ? [...events, last] : events) if (data !== null) reader.event(data);
  return reader;
}

describe('streams cut anywhere', () => {
  it.each(ALL)('%s is read alike wherever its bytes are split', (_, bytes) => {
    const whole = readBytes([bytes]);
    expect(whole.ended()).toBe(true);
    expect(whole.usage()).not.toBeNull();
    const stride = Math.max(1, Math.floor(bytes.length / 300));
    for (let at = 1; at < bytes.length; at += stride) {
      const split = readBytes([bytes.subarray(0, at), bytes.subarray(at)]);
      expect(split.usage()).toEqual(whole.usage());
      expect(split.text()).toBe(whole.text());
    }
  });

  it.each(ALL)('%s never throws when cut, and never reports more than the whole', (_, bytes) => {
    const whole = readBytes([bytes]).usage()!.usage;
    const stride = Math.max(1, Math.floor(bytes.length / 300));
    for (let at = 0; at < bytes.length; at += stride) {
      const cut = readBytes([bytes.subarray(0, at)]).usage();
      if (cut) expect(cut.usage).toEqual(whole);
    }
  });
});

interface Row {
  provider: string;
  raw_usage: Record<string, unknown>;
  expected_usage: Record<string, number>;
  oracle_caveat?: string;
}
const rowsFile = join(fixtures, 'usage-to-cost.jsonl');
const rows: Row[] = existsSync(rowsFile)
  ? readFileSync(rowsFile, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Row)
      .filter((row) => row.provider === 'anthropic')
  : [];

describe('recorded usage of Anthropic', () => {
  it.skipIf(rows.length === 0)('is read as billed (skipped: the recordings are not here)', () => {
    for (const row of rows) {
      const { usage } = usageOf(row.raw_usage)!;
      const of = (name: string) => row.expected_usage[name] ?? 0;
      // Those expectations leave out rounds that cost money.
      if (row.oracle_caveat || row.raw_usage.iterations) {
        expect(usage.inputTokens).toBeGreaterThanOrEqual(of('input_tokens'));
        expect(usage.outputTokens).toBeGreaterThanOrEqual(of('output_tokens'));
        if (row.oracle_caveat) expect(usage.inputTokens).toBeGreaterThan(of('input_tokens'));
        continue;
      }
      expect(usage).toMatchObject({
        inputTokens: of('input_tokens'),
        cacheReadTokens: of('cache_read_tokens'),
        cacheWriteTokens: of('cache_write_tokens') - of('cache_write_1h_tokens'),
        outputTokens: of('output_tokens'),
        webSearches: of('web_searches'),
      });
    }
    expect(rows.length).toBeGreaterThan(90);
  });

  it.skipIf(recordings.length === 0)('in streams is what their last delta says', () => {
    const index = readFileSync(join(fixtures, 'streams/index.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { file: string; final_body_mechanical: { usage: unknown } });
    for (const [name, bytes] of recordings) {
      const entry = index.find(({ file }) => file.endsWith(name))!;
      expect(readBytes([bytes]).usage()?.usage).toEqual(usageOf(entry.final_body_mechanical.usage)?.usage);
    }
  });
});
