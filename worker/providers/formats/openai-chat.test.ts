import { describe, expect, it } from 'vitest';
import { openaiChat } from './openai-chat.ts';

const chunk = (delta: object, finish: string | null = null, index = 0) =>
  JSON.stringify({ choices: [{ index, delta, finish_reason: finish }] });
const read = (events: string[], request = { usageInjected: false, choices: 1 }) => {
  const reader = openaiChat.streamReader(request);
  return { reader, passed: events.filter((event) => reader.event(event) === undefined) };
};

describe('usage of an OpenAI answer', () => {
  const usageOf = (usage: unknown) => openaiChat.usageOf({ usage });

  it('keeps totals and their parts, and the raw object', () => {
    const raw = {
      prompt_tokens: 100,
      completion_tokens: 40,
      total_tokens: 140,
      prompt_tokens_details: { cached_tokens: 60, audio_tokens: 5 },
      completion_tokens_details: { reasoning_tokens: 30, audio_tokens: 2 },
    };
    expect(usageOf(raw)).toMatchObject({
      usage: {
        inputTokens: 100,
        cacheReadTokens: 60,
        inputAudioTokens: 5,
        outputTokens: 40,
        reasoningTokens: 30,
        outputAudioTokens: 2,
      },
      raw: JSON.stringify(raw),
      flags: [],
    });
  });

  it('takes total - prompt where a server leaves thinking out of the completion', () => {
    expect(usageOf({ prompt_tokens: 10, completion_tokens: 5, total_tokens: 40 })?.usage.outputTokens).toBe(
      30,
    );
  });

  it('charges the larger reading when the parts contradict the total, and says so', () => {
    expect(
      usageOf({ prompt_tokens: 10, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 25 } }),
    ).toMatchObject({
      usage: { inputTokens: 25, cacheReadTokens: 0 },
      flags: ['quarantined'],
    });
  });

  it('reads the dialects: DeepSeek’s cache hits, Groq’s own place, OpenRouter’s searches, Mistral’s cache without a discount', () => {
    const base = { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 };
    expect(
      usageOf({ ...base, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 })?.usage,
    ).toMatchObject({
      inputTokens: 100,
      cacheReadTokens: 64,
    });
    expect(openaiChat.usageOf({ x_groq: { id: 'r', usage: base } })?.usage.inputTokens).toBe(100);
    expect(
      usageOf({ ...base, cost: 0.0076, server_tool_use_details: { web_search_requests: 2 } }),
    ).toMatchObject({
      usage: { webSearches: 2 },
      raw: expect.stringContaining('"cost":0.0076'),
    });
    expect(usageOf({ ...base, num_cached_tokens: 99 })?.usage.cacheReadTokens).toBe(0);
    expect(openaiChat.usageOf({ usage: base, service_tier: 'flex' })?.flags).toEqual(['service_tier:flex']);
  });

  it.each([
    null,
    undefined,
    'much',
    [],
    {},
    { prompt_tokens: 5 },
    { prompt_tokens: -1, completion_tokens: 2 },
    { prompt_tokens: '5', completion_tokens: 2 },
    { prompt_tokens: 1.5, completion_tokens: 2 },
  ])('is none when malformed: %j', (usage) => expect(usageOf(usage)).toBeNull());
});

describe('a stream in the OpenAI format', () => {
  const usage = { prompt_tokens: 9, completion_tokens: 3, total_tokens: 12 };

  it('leaves the usage chunk out when the caller did not ask for it (B11)', () => {
    const events = [
      chunk({ content: 'a' }),
      chunk({}, 'stop'),
      JSON.stringify({ choices: [], usage }),
      '[DONE]',
    ];
    expect(read(events, { usageInjected: true, choices: 1 }).passed).toEqual([
      events[0],
      events[1],
      events[3],
    ]);
    expect(read(events).passed).toEqual(events);
  });

  it('counts a repeated usage chunk once, and lets no null overwrite (B12)', () => {
    const { reader } = read([
      JSON.stringify({ choices: [], usage: { ...usage, prompt_tokens_details: { cached_tokens: 4 } } }),
      JSON.stringify({
        choices: [],
        usage: { ...usage, completion_tokens: 5, total_tokens: 14, prompt_tokens_details: null },
      }),
      JSON.stringify({ choices: [], usage: null }),
    ]);
    expect(reader.usage()?.usage).toMatchObject({ inputTokens: 9, outputTokens: 5, cacheReadTokens: 4 });
  });

  it('finishes only when every choice has', () => {
    const { reader } = read([chunk({ content: 'a' }), chunk({}, 'stop', 1)], {
      usageInjected: false,
      choices: 2,
    });
    expect(reader.finishing()).toBe(false);
    reader.event(chunk({}, 'length', 0));
    expect(reader.finishing()).toBe(true);
    expect(reader.ended()).toBe(false);
    reader.event('[DONE]');
    expect(reader.ended()).toBe(true);
  });

  it('has the text of the first choice, and for the estimate everything that was generated', () => {
    const { reader } = read([
      chunk({ content: 'Hi' }),
      chunk({ content: 'Yo' }, null, 1),
      chunk({ tool_calls: [{ index: 0, function: { name: 'f', arguments: '{"a":1}' } }] }),
      chunk({ reasoning_content: 'hm' }),
    ]);
    expect(reader.text()).toBe('Hi');
    expect(reader.generated()).toBe('HiYof{"a":1}hm');
  });

  it('finds usage in Groq’s last chunk, and an error beside choices (OpenRouter)', () => {
    const { reader, passed } = read([JSON.stringify({ choices: [], x_groq: { usage } })], {
      usageInjected: true,
      choices: 1,
    });
    expect([reader.usage()?.usage.inputTokens, passed.length]).toEqual([9, 1]);
    const late = read([
      JSON.stringify({ choices: [{ index: 0, delta: {} }], error: { message: 'limit' }, usage }),
    ]);
    expect([late.reader.error(), late.reader.usage()?.usage.outputTokens]).toEqual(['limit', 3]);
  });

  it('counts Mistral’s thinking as generated, not as text', () => {
    const content = [{ type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] }];
    const { reader } = read([chunk({ content }), chunk({ content: 'Hi' })]);
    expect([reader.text(), reader.generated()]).toEqual(['Hi', 'hmHi']);
  });

  it('reports an error event, and survives nonsense', () => {
    const { reader, passed } = read(['{broken', '[]', 'null', '{"error":{"message":"gone"}}']);
    expect(passed).toHaveLength(4);
    expect(reader.error()).toBe('gone');
  });
});

describe('a request in the OpenAI format', () => {
  it('is bound by the larger of both maxima, by its answers and by audio', () => {
    expect(openaiChat.askOf({})).toMatchObject({
      maxOutputTokens: null,
      choices: 1,
      audio: false,
      webSearches: 0,
    });
    expect(
      openaiChat.askOf({ max_tokens: 5, max_completion_tokens: 9, n: 3, audio: {}, web_search_options: {} }),
    ).toMatchObject({ maxOutputTokens: 9, choices: 3, audio: true, webSearches: 1 });
    expect(openaiChat.askOf({ messages: [{ content: [{ type: 'input_audio' }] }] }).audio).toBe(true);
  });

  it('gets its maximum under the name that the model takes', () => {
    expect(openaiChat.withMaxOutput({ model: 'gpt-4o', max_tokens: 50 }, 7)).toEqual({
      model: 'gpt-4o',
      max_tokens: 7,
    });
    expect(
      openaiChat.withMaxOutput({ model: 'gpt-4o', max_tokens: 50, max_completion_tokens: 60 }, 7),
    ).toEqual({ model: 'gpt-4o', max_completion_tokens: 7 });
    expect(openaiChat.withMaxOutput({ model: 'o3-mini' }, 7)).toEqual({
      model: 'o3-mini',
      max_completion_tokens: 7,
    });
    expect(openaiChat.withMaxOutput({ model: 'llama' }, 7)).toEqual({ model: 'llama', max_tokens: 7 });
  });

  it('always asks a stream for usage, and remembers whether the caller had', () => {
    const outgoing = (options?: object) =>
      openaiChat.outgoing({ model: 'openai/x', stream_options: options }, { model: 'x', stream: true });
    expect(outgoing()).toMatchObject({
      body: { model: 'x', stream_options: { include_usage: true } },
      usageInjected: true,
    });
    expect(outgoing({ include_usage: true, more: 1 })).toMatchObject({
      body: { stream_options: { include_usage: true, more: 1 } },
      usageInjected: false,
    });
    expect(openaiChat.outgoing({ model: 'y', a: 1 }, { model: 'x', stream: false })).toEqual({
      body: { model: 'x', a: 1 },
      usageInjected: false,
    });
  });
});

describe('an answer in the OpenAI format', () => {
  it('gives its text, whole or in parts', () => {
    expect(openaiChat.textOf({ choices: [{ message: { content: 'Hi' } }] })).toBe('Hi');
    expect(
      openaiChat.textOf({
        choices: [
          {
            message: {
              content: [
                { type: 'text', text: 'H' },
                { type: 'text', text: 'i' },
              ],
            },
          },
        ],
      }),
    ).toBe('Hi');
    for (const nonsense of [null, 'x', {}, { choices: [{}] }, { choices: 'x' }])
      expect(openaiChat.textOf(nonsense)).toBe('');
  });

  it('is told from an error in a 200', () => {
    expect(openaiChat.errorOf({ error: { message: 'no' } })).toBe('no');
    expect(openaiChat.errorOf({ error: 'no' })).toBe('no');
    expect(openaiChat.errorOf({ error: null, choices: [] })).toBeNull();
    expect(openaiChat.errorOf({ choices: [] })).toBeNull();
  });
});
