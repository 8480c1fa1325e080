import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { SseSplitter } from '../../domain/call/sse.ts';
import { geminiGenerate } from './gemini-generate.ts';

const WHOLE = { usageInjected: false, choices: 1 };
const usageOf = (usageMetadata: unknown, more: object = {}) =>
  geminiGenerate.usageOf({ usageMetadata, ...more });
const said = (text: string, more: object = {}) => ({
  candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
});
const read = (chunks: object[], choices = 1) => {
  const reader = geminiGenerate.streamReader({ usageInjected: false, choices });
  for (const chunk of chunks) expect(reader.event(JSON.stringify(chunk))).toBeUndefined();
  return reader;
};

describe('usage of a Gemini answer', () => {
  it('adds thinking to the output, and what tools read to the input', () => {
    const raw = {
      promptTokenCount: 15,
      toolUsePromptTokenCount: 770,
      cachedContentTokenCount: 10,
      candidatesTokenCount: 37,
      thoughtsTokenCount: 742,
      totalTokenCount: 1564,
    };
    expect(usageOf(raw)).toMatchObject({
      usage: { inputTokens: 785, cacheReadTokens: 10, outputTokens: 779, reasoningTokens: 742 },
      raw: JSON.stringify(raw),
      flags: [],
    });
  });

  it('tells audio apart', () => {
    expect(
      usageOf({
        promptTokenCount: 100,
        promptTokensDetails: [
          { modality: 'TEXT', tokenCount: 30 },
          { modality: 'AUDIO', tokenCount: 70 },
        ],
        candidatesTokenCount: 20,
        candidatesTokensDetails: [{ modality: 'AUDIO', tokenCount: 15 }],
      })?.usage,
    ).toMatchObject({ inputTokens: 100, inputAudioTokens: 70, outputTokens: 20, outputAudioTokens: 15 });
  });

  it('charges what the total leaves when the parts are not told', () => {
    expect(usageOf({ promptTokenCount: 10, totalTokenCount: 60 })?.usage.outputTokens).toBe(50);
  });

  it('charges the larger reading when a part exceeds the total, and says so', () => {
    expect(
      usageOf({ promptTokenCount: 10, cachedContentTokenCount: 25, candidatesTokenCount: 1 }),
    ).toMatchObject({ usage: { inputTokens: 25, cacheReadTokens: 0 }, flags: ['quarantined'] });
  });

  it('counts web searches', () => {
    const answer = said('Yes', { groundingMetadata: { webSearchQueries: ['a', 'b'] } });
    expect(usageOf({ promptTokenCount: 1, candidatesTokenCount: 1 }, answer)?.usage.webSearches).toBe(2);
  });

  it('of a blocked prompt has no output', () => {
    expect(usageOf({ promptTokenCount: 9, totalTokenCount: 9 })?.usage).toMatchObject({
      inputTokens: 9,
      outputTokens: 0,
    });
  });

  it('is none when something was written and nothing of it counted', () => {
    expect(usageOf({ promptTokenCount: 9, totalTokenCount: 9 }, said('Hello'))).toBeNull();
  });

  it.each([null, undefined, 'x', [], {}, { promptTokenCount: -1 }, { promptTokenCount: '5' }])(
    'is none when malformed: %j',
    (usage) => expect(usageOf(usage)).toBeNull(),
  );
});

describe('a Gemini stream', () => {
  it('counts cumulative usage once, the last wins and nulls never do', () => {
    const reader = read([
      { ...said('a'), usageMetadata: { promptTokenCount: 15, candidatesTokenCount: 1 } },
      { ...said('b'), usageMetadata: { promptTokenCount: 15, candidatesTokenCount: 2 } },
      {
        ...said('', { finishReason: 'STOP' }),
        usageMetadata: { promptTokenCount: 13, candidatesTokenCount: null, thoughtsTokenCount: 5 },
      },
    ]);
    expect(reader.usage()?.usage).toMatchObject({ inputTokens: 13, outputTokens: 7, reasoningTokens: 5 });
    expect(reader.text()).toBe('ab');
    expect(reader.finishing()).toBe(true);
  });

  it('waits for the usage that comes after the finish reason', () => {
    const reader = read([said('a', { finishReason: 'STOP' })]);
    expect([reader.finishing(), reader.ended()]).toEqual([true, false]);
    reader.event(JSON.stringify({ usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 } }));
    expect(reader.usage()?.usage.outputTokens).toBe(1);
  });

  it('finishes only when every candidate has', () => {
    const reader = read([said('a', { finishReason: 'STOP' })], 2);
    expect(reader.finishing()).toBe(false);
    reader.event(JSON.stringify(said('b', { finishReason: 'MAX_TOKENS', index: 1 })));
    expect(reader.finishing()).toBe(true);
    expect([reader.text(), reader.generated()]).toEqual(['a', 'ab']);
  });

  it('ends with a blocked prompt', () => {
    const blocked = { promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 4 } };
    expect(read([blocked]).finishing()).toBe(true);
  });

  it('keeps thoughts out of the text but not out of what was generated', () => {
    const parts = [
      { text: 'hm', thought: true },
      { text: 'Hi' },
      { functionCall: { name: 'f', args: { a: 1 } } },
    ];
    const reader = read([{ candidates: [{ content: { parts } }] }]);
    expect([reader.text(), reader.generated()]).toEqual(['Hi', 'hmHif{"a":1}']);
  });

  it('reports an error event, and survives nonsense', () => {
    const reader = geminiGenerate.streamReader(WHOLE);
    for (const nonsense of ['{broken', '[]', 'null', '{"candidates":[7,{"content":{"parts":"x"}}]}'])
      reader.event(nonsense);
    expect(reader.error()).toBeNull();
    reader.event('{"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}');
    expect(reader.error()).toBe('overloaded');
  });
});

describe('a request in the Gemini format', () => {
  it('is bound by the larger maximum of both spellings, so that none hides from the budget', () => {
    expect(geminiGenerate.askOf({})).toMatchObject({
      maxOutputTokens: null,
      choices: 1,
      audio: false,
      webSearches: 0,
    });
    expect(
      geminiGenerate.askOf({
        generationConfig: { maxOutputTokens: 5, candidateCount: 2 },
        generation_config: { max_output_tokens: 900, candidate_count: 3 },
        tools: [{ google_search: {} }],
      }),
    ).toMatchObject({ maxOutputTokens: 900, choices: 3, webSearches: 10 });
  });

  it.each([
    [{ contents: [{ parts: [{ inlineData: { mimeType: 'audio/mp3' } }] }] }, true],
    [{ contents: [{ parts: [{ file_data: { file_uri: 'x' } }] }] }, true],
    [{ contents: { parts: { inline_data: { mime_type: 'video/mp4' } } } }, true],
    [{ cachedContent: 'cachedContents/1' }, true],
    [{ generationConfig: { responseModalities: ['AUDIO'] } }, true],
    [{ generation_config: { speech_config: {} } }, true],
    [{ contents: [{ parts: [{ inlineData: { mimeType: 'image/png' } }, { text: 'x' }] }] }, false],
  ])('knows whether %j may be heard', (body, audio) => expect(geminiGenerate.askOf(body).audio).toBe(audio));

  it('gets one maximum, whatever the spelling was', () => {
    expect(
      geminiGenerate.withMaxOutput(
        { contents: [], generation_config: { max_output_tokens: 90, temperature: 1 } },
        7,
      ),
    ).toEqual({ contents: [], generationConfig: { temperature: 1, maxOutputTokens: 7 } });
    expect(geminiGenerate.withMaxOutput({ generationConfig: { topK: 1, maxOutputTokens: 9 } }, 7)).toEqual({
      generationConfig: { topK: 1, maxOutputTokens: 7 },
    });
  });
});

describe('an error in the dress of a Gemini answer', () => {
  it('is found, alone or in an array', () => {
    expect(geminiGenerate.errorOf({ error: { message: 'no' } })).toBe('no');
    expect(geminiGenerate.errorOf([{ error: { message: 'no' } }])).toBe('no');
    expect(geminiGenerate.errorOf(said('x'))).toBeNull();
  });
});

/** Streams of our own always run; recorded ones when they are here. */
const OWN = [
  { ...said('Grüße'), usageMetadata: { promptTokenCount: 9, totalTokenCount: 9 } },
  { ...said(' aus Zürich'), usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 5 } },
  {
    ...said('.', { finishReason: 'STOP' }),
    usageMetadata: { promptTokenCount: 9, candidatesTokenCount: 6, thoughtsTokenCount: 11 },
  },
]
  .map((chunk) => `data: ${JSON.stringify(chunk)}\r\n\r\n`)
  .join('');
const fixtures = join(import.meta.dirname, '../../../../shared/fixtures');
const folder = join(fixtures, 'streams/google-gemini');
const recordedStreams = existsSync(folder)
  ? readdirSync(folder).map((file) => [file, readFileSync(join(folder, file), 'utf8')] as const)
  : [];

function dataOf(chunks: Uint8Array[]): string[] {
  const splitter = new SseSplitter();
  const events = chunks.flatMap((chunk) => splitter.push(chunk));
  const last = splitter.end();
  return [...events, ...(last ? [last] : [])].flatMap(({ data }) => data ?? []);
}
function readingOf(chunks: Uint8Array[]) {
  const reader = geminiGenerate.streamReader(WHOLE);
  for (const data of dataOf(chunks)) reader.event(data);
  return { usage: reader.usage(), text: reader.text(), ended: reader.finishing() };
}

describe('a Gemini stream, wherever the network cuts it', () => {
  it.each([['of our own', OWN] as const, ...recordedStreams])('%s: reads the same', (_, stream) => {
    const bytes = new TextEncoder().encode(stream);
    const whole = readingOf([bytes]);
    expect(whole.ended).toBe(true);
    expect(whole.usage?.usage.outputTokens).toBeGreaterThan(0);
    const stride = Math.max(1, Math.floor(bytes.length / 1_000));
    for (let at = 1; at < bytes.length; at += stride)
      expect(readingOf([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(whole);
  });

  it.each([['of our own', OWN] as const, ...recordedStreams])(
    '%s: broken off at any byte it never throws, counts nothing twice, and never calls what was written free',
    (_, stream) => {
      const bytes = new TextEncoder().encode(stream);
      const whole = readingOf([bytes]).usage!.usage;
      const stride = Math.max(1, Math.floor(bytes.length / 1_000));
      for (let at = 0; at < bytes.length; at += stride) {
        const reader = geminiGenerate.streamReader(WHOLE);
        for (const data of dataOf([bytes.subarray(0, at)])) reader.event(data);
        const usage = reader.usage()?.usage;
        if (!usage) continue;
        expect(usage.outputTokens).toBeLessThanOrEqual(whole.outputTokens);
        if (reader.generated() !== '') expect(usage.outputTokens).toBeGreaterThan(0);
      }
    },
  );
});

interface Recorded {
  provider: string;
  api_flavor: string;
  raw_usage: object;
  expected_usage: Record<string, number>;
}
const recordings = join(fixtures, 'usage-to-cost.jsonl');
const recordedUsage = existsSync(recordings)
  ? readFileSync(recordings, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Recorded)
      .filter(
        ({ provider, api_flavor, raw_usage }) =>
          provider === 'google' && api_flavor === 'default' && 'promptTokenCount' in raw_usage,
      )
  : [];

describe('recorded usage of Gemini', () => {
  it.skipIf(recordedUsage.length === 0)(
    'is read as its recorder read it (skipped: the recordings are not here)',
    () => {
      expect(recordedUsage.length).toBeGreaterThan(100);
      for (const { raw_usage, expected_usage: expected } of recordedUsage) {
        const of = (name: string) => expected[name] ?? 0;
        expect({ raw_usage, ...usageOf(raw_usage) }).toMatchObject({
          raw_usage,
          usage: {
            inputTokens: of('input_tokens'),
            outputTokens: of('output_tokens'),
            cacheReadTokens: of('cache_read_tokens'),
            reasoningTokens: of('output_reasoning_tokens'),
            inputAudioTokens: of('input_audio_tokens'),
            outputAudioTokens: of('output_audio_tokens'),
          },
          flags: [],
        });
      }
    },
  );
});
