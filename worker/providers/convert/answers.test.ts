/** Answers and streams from every format to every other: the same text, calls, ends and proofs, however the bytes were cut. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import fc from 'fast-check';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { SseSplitter } from '../../domain/call/sse.ts';
import type { ConvertedCall } from '../../domain/contracts/provider.ts';
import { NO_USAGE, type Usage } from '../../domain/cost/usage.ts';
import { formatOf } from '../registry.ts';
import { joined, type Answer, type Delta, type Part } from './conversation.ts';
import type { Dialect } from './dialect.ts';
import { conversionBetween, DIALECTS } from './registry.ts';

const USAGE: Usage = {
  ...NO_USAGE,
  inputTokens: 140,
  cacheReadTokens: 40,
  outputTokens: 20,
  reasoningTokens: 5,
};
const told = (format: string): ConvertedCall => ({
  body: {
    model: 'm',
    stream: true,
    ...(format === 'openai_chat' ? { stream_options: { include_usage: true } } : {}),
  },
  runId: 'run_01',
  nowMs: Date.UTC(2026, 10, 20),
});
const pairs = DIALECTS.flatMap((caller) => DIALECTS.map((provider) => ({ caller, provider })));
const pair = (caller: Dialect, provider: Dialect) =>
  [`${provider.format} to ${caller.format}`, { caller, provider }] as const;
const PAIRS = pairs.map(({ caller, provider }) => pair(caller, provider));

const eventsOf = (bytes: Uint8Array, cuts: readonly number[] = []): string[] => {
  const splitter = new SseSplitter();
  const ends = [...cuts, bytes.length];
  const events = ends.flatMap((end, i) => splitter.push(bytes.subarray(i === 0 ? 0 : ends[i - 1], end)));
  const last = splitter.end();
  return (last ? [...events, last] : events).flatMap(({ data }) => (data === null ? [] : [data]));
};
const bytesOf = (text: string) => new TextEncoder().encode(text);
const readBack = (dialect: Dialect, events: readonly string[]): Answer => {
  const read = dialect.streamParser('run_01');
  return joined(events.flatMap((data) => read(data)));
};

/** An answer in pieces, as a provider could send it. */
function piecesOf({ id, model, choices }: Answer, size: number): Delta[] {
  const cut = (text: string) => text.match(new RegExp(`[^]{1,${size}}`, 'gu')) ?? [];
  const deltas: Delta[] = [{ kind: 'start', id, model }];
  for (const [choice, { parts, finish, stopSequence }] of choices.entries()) {
    for (const part of parts) {
      if (part.kind === 'call') {
        deltas.push({ kind: 'call', choice, id: part.id, name: part.name });
        for (const text of cut(part.arguments)) deltas.push({ kind: 'arguments', choice, id: part.id, text });
      } else if (part.kind === 'thinking') {
        for (const text of cut(part.text)) deltas.push({ kind: 'thinking', choice, text });
        if (part.opaque) deltas.push({ kind: 'opaque', choice, opaque: part.opaque });
      } else if (part.kind === 'text')
        for (const text of cut(part.text)) deltas.push({ kind: 'text', choice, text });
    }
    deltas.push({ kind: 'finish', choice, finish, stopSequence });
  }
  return deltas;
}

const words = fc.string({ minLength: 1, maxLength: 30, unit: 'grapheme' });
const args = fc.dictionary(fc.constantFrom('a', 'city'), fc.oneof(words, fc.integer()), { maxKeys: 2 });
/** Thoughts, words, calls: the order in which every format can hold them. */
const answers: fc.Arbitrary<Answer> = fc
  .record({
    thought: fc.option(fc.record({ text: words, proven: fc.boolean() }), {
      nil: null,
    }),
    text: fc.option(words, { nil: null }),
    calls: fc.array(args, { maxLength: 3 }),
    cut: fc.boolean(),
  })
  .map(({ thought, text, calls, cut }): Answer => {
    const parts: Part[] = [];
    if (thought)
      parts.push({
        kind: 'thinking',
        text: thought.text,
        opaque: thought.proven ? { by: 'anthropic', value: 'c2ln' } : null,
      });
    if (text !== null) parts.push({ kind: 'text', text });
    for (const [i, call] of calls.entries())
      parts.push({
        kind: 'call',
        id: `call_${i}`,
        name: 'rate',
        arguments: JSON.stringify(call),
      });
    const finish = cut ? 'length' : calls.length > 0 ? 'tool_calls' : 'stop';
    return {
      id: 'x1',
      model: 'm-1',
      choices: [{ parts, finish, stopSequence: null }],
    };
  });

/** A format puts its own prefix before an id. */
const said = ({ model, choices }: Answer) => ({ model, choices });

describe('an answer', () => {
  it.each(DIALECTS.map((dialect) => [dialect.format, dialect] as const))(
    'written in %s, whole or in pieces, is read as the same',
    (format, dialect) => {
      fc.assert(
        fc.property(answers, fc.integer({ min: 1, max: 9 }), (answer, size) => {
          const whole = dialect.writeAnswer(structuredClone(answer), {
            ...told(format),
            usage: USAGE,
          });
          expect(said(dialect.parseAnswer(whole, 'run_01'))).toEqual(said(answer));
          expect(formatOf(dialect.format).usageOf(whole)?.usage).toEqual(USAGE);
          const writer = dialect.streamWriter(told(format));
          const text =
            piecesOf(answer, size)
              .map((delta) => writer.write(delta))
              .join('') + writer.end(USAGE);
          const events = eventsOf(bytesOf(text));
          expect(said(readBack(dialect, events))).toEqual(said(answer));
          const reader = formatOf(dialect.format).streamReader({
            usageInjected: false,
            choices: 1,
          });
          for (const data of events) reader.event(data);
          expect(reader.usage()?.usage).toEqual(USAGE);
          expect(reader.finishing()).toBe(true);
          expect(reader.error()).toBeNull();
        }),
        { numRuns: 150, seed: 5 },
      );
    },
  );

  it.each(PAIRS)('goes from %s as it is, and its stream like it', (_, { caller, provider }) => {
    fc.assert(
      fc.property(answers, (answer) => {
        const source = provider.writeAnswer(structuredClone(answer), {
          ...told(provider.format),
          usage: USAGE,
        });
        const writer = provider.streamWriter(told(provider.format));
        const bytes =
          piecesOf(answer, 4)
            .map((delta) => writer.write(delta))
            .join('') + writer.end(USAGE);
        const conversion = conversionBetween(caller, provider);
        const whole = conversion.answer(source, {
          ...told(caller.format),
          usage: USAGE,
        });
        expect(said(caller.parseAnswer(whole, 'run_01'))).toEqual(said(answer));
        const stream = conversion.stream(told(caller.format));
        const events = eventsOf(bytesOf(bytes)).map((data) => stream.event(data));
        const reader = formatOf(caller.format).streamReader({
          usageInjected: false,
          choices: 1,
        });
        for (const data of eventsOf(bytesOf(events.join('')))) reader.event(data);
        // Nothing that tells of the end leaves before the call is settled.
        expect(reader.finishing()).toBe(false);
        const told_ = events.join('') + stream.end(USAGE);
        expect(said(readBack(caller, eventsOf(bytesOf(told_))))).toEqual(said(answer));
      }),
      { numRuns: 40, seed: 6 },
    );
  });

  it.each(PAIRS)('that is nonsense throws nowhere from %s', (_, { caller, provider }) => {
    fc.assert(
      fc.property(fc.anything({ withNullPrototype: false }), fc.string(), (nonsense, text) => {
        const conversion = conversionBetween(caller, provider);
        conversion.answer(nonsense, {
          ...told(caller.format),
          usage: USAGE,
        });
        const stream = conversion.stream(told(caller.format));
        stream.event(JSON.stringify(nonsense) ?? text);
        stream.event(text);
        stream.end(USAGE);
      }),
      { numRuns: 60, seed: 7 },
    );
  });
});

const fixtures = join(import.meta.dirname, '../../../../shared/fixtures/streams');
const FOLDERS: Record<string, string> = {
  'anthropic-anthropic': 'anthropic_messages',
  'google-gemini': 'gemini_generate',
  'openai-chat': 'openai_chat',
  'deepseek-chat': 'openai_chat',
  'mistral-chat': 'openai_chat',
  'openai-responses': 'openai_responses',
};
const recordings = Object.entries(FOLDERS).flatMap(([folder, format]) =>
  existsSync(join(fixtures, folder))
    ? readdirSync(join(fixtures, folder))
        .filter((file) => file.endsWith('.sse'))
        .map((file) => ({
          file: `${folder}/${file}`,
          dialect: DIALECTS.find((one) => one.format === format)!,
        }))
    : [],
);
const fetching = (bytes: Uint8Array) => async () =>
  new Response(bytes as Uint8Array<ArrayBuffer>, {
    headers: { 'content-type': 'text/event-stream' },
  });

describe.skipIf(recordings.length === 0)('a recorded stream (skipped: the recordings are not here)', () => {
  it('is read as the same, wherever it is cut', () => {
    for (const { file, dialect } of recordings) {
      const bytes = readFileSync(join(fixtures, file));
      const whole = readBack(dialect, eventsOf(bytes));
      // Short ones at every byte, longer ones at cuts that are evenly spread.
      const step = bytes.length < 3_000 ? 1 : Math.ceil(bytes.length / 25);
      for (let cut = 1; cut < bytes.length; cut += step)
        expect(readBack(dialect, eventsOf(bytes, [cut])), file).toEqual(whole);
    }
  });

  it('says in every format what it said in its own', () => {
    for (const { file, dialect } of recordings) {
      const events = eventsOf(readFileSync(join(fixtures, file)));
      const whole = readBack(dialect, events);
      const texts = (answer: Answer) =>
        answer.choices.map(({ parts, finish }) => ({
          text: parts.map((part) => (part.kind === 'text' ? part.text : '')).join(''),
          thoughts: parts.map((part) => (part.kind === 'thinking' ? part.text : '')).join(''),
          calls: parts.flatMap((part) =>
            part.kind === 'call'
              ? [
                  {
                    ...part,
                    arguments: JSON.parse(part.arguments || '{}') as unknown,
                  },
                ]
              : [],
          ),
          // Google has no word for the end by a stop sequence, and OpenAI none of its own.
          finish: finish === 'stop_sequence' ? 'stop' : finish,
        }));
      if (whole.choices.length === 0) continue;
      for (const caller of DIALECTS) {
        const stream = conversionBetween(caller, dialect).stream(told(caller.format));
        const text = events.map((data) => stream.event(data)).join('') + stream.end(USAGE);
        expect(texts(readBack(caller, eventsOf(bytesOf(text)))), `${file} as ${caller.format}`).toEqual(
          texts(whole),
        );
      }
    }
  });

  it('of Anthropic becomes for its own client the message that it becomes for us, and for OpenAI’s client the same', async () => {
    const anthropic = DIALECTS.find(({ format }) => format === 'anthropic_messages')!;
    const chat = DIALECTS.find(({ format }) => format === 'openai_chat')!;
    for (const { file } of recordings.filter(({ dialect }) => dialect === anthropic)) {
      const bytes = readFileSync(join(fixtures, file));
      const client = new Anthropic({
        apiKey: 'k',
        baseURL: 'http://x.invalid',
        fetch: fetching(bytes),
        openTelemetry: false,
      });
      const message = await client.messages
        .stream({
          model: 'm',
          max_tokens: 9,
          messages: [{ role: 'user', content: 'x' }],
        })
        .finalMessage();
      const whole = anthropic.parseAnswer(message, 'run_01');
      expect(said(readBack(anthropic, eventsOf(bytes))), file).toEqual(said(whole));

      const conversion = conversionBetween(chat, anthropic);
      const stream = conversion.stream(told('openai_chat'));
      const text =
        eventsOf(bytes)
          .map((data) => stream.event(data))
          .join('') + stream.end(USAGE);
      const openai = new OpenAI({
        apiKey: 'k',
        baseURL: 'http://x.invalid',
        fetch: fetching(bytesOf(text)),
      });
      const completion = await openai.chat.completions
        .stream({ model: 'm', messages: [{ role: 'user', content: 'x' }] })
        .finalChatCompletion();
      const expected = conversion.answer(message, {
        ...told('openai_chat'),
        usage: USAGE,
      }) as any;
      expect(completion.usage).toEqual(expected.usage);
      expect(completion.choices[0]!.finish_reason).toBe(expected.choices[0].finish_reason);
      expect(completion.choices[0]!.message.content ?? '').toBe(expected.choices[0].message.content ?? '');
      expect(
        completion.choices[0]!.message.tool_calls?.map(({ id, function: { name } }: any) => ({ id, name })),
      ).toEqual(
        expected.choices[0].message.tool_calls?.map(({ id, function: { name } }: any) => ({ id, name })),
      );
    }
  });
});
