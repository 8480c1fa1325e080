import { describe, expect, it } from 'vitest';
import { chatInputOf } from './chat-input.ts';
import { createTokenCounter, encodingOf, MAX_COUNTED_BYTES, type CounterDeps } from './count.ts';
import type { Encoding, Ranks } from './encoder.ts';
import { ranksFromDisk } from '../../../tests/ranks/from-disk.ts';

const deps = (some: Partial<CounterDeps> = {}): CounterDeps => ({
  loadRanks: ranksFromDisk,
  yieldNow: async () => {},
  patience: () => new Promise(() => {}),
  contextWindowOf: () => 128_000,
  ...some,
});
const counter = createTokenCounter(deps());
const sandbox = { provider: 'sandbox', model: 'sandbox-small' };
const gpt4o = { provider: 'openai', model: 'gpt-4o' };
const claude = { provider: 'anthropic', model: 'claude-sonnet-4-5' };
const chat = (body: Record<string, unknown>) => chatInputOf('openai_chat', body);
const hello = { messages: [{ role: 'user', content: 'hello world' }] };

describe('which tokenizer', () => {
  it.each([
    ['openai', 'gpt-4o-mini', 'o200k_base'],
    ['openai', 'gpt-4.1', 'o200k_base'],
    ['openai', 'gpt-5', 'o200k_base'],
    ['openai', 'o3-mini', 'o200k_base'],
    ['openai', 'gpt-4', 'cl100k_base'],
    ['openai', 'gpt-4-turbo', 'cl100k_base'],
    ['azure', 'gpt-3.5-turbo', 'cl100k_base'],
    ['openai', 'text-embedding-3-small', 'cl100k_base'],
    ['sandbox', 'sandbox-large', 'o200k_base'],
    ['anthropic', 'claude-sonnet-4-5', null],
    ['google', 'gemini-2.5-pro', null],
  ] as const)('%s %s has %s', (provider, model, encoding) =>
    expect(encodingOf({ provider, model })).toBe(encoding),
  );
});

describe('counting', () => {
  it('is exact for texts of public tokenizers', async () => {
    expect(await counter.countText(gpt4o, 'hello world')).toEqual({
      tokens: 2,
      ceilingTokens: 2,
      exact: true,
    });
    expect(await counter.countText(sandbox, '')).toEqual({ tokens: 0, ceilingTokens: 0, exact: true });
  });

  it('takes special-token text for text', async () => {
    expect((await counter.countText(sandbox, '<|endoftext|>')).tokens).toBe(7);
  });

  it('frames a chat as OpenAI does: 3 a message, 1 a name, 3 to begin the answer', async () => {
    expect(await counter.countChat(gpt4o, chat(hello))).toEqual({ tokens: 9, ceilingTokens: 9, exact: true });
    const named = chat({ messages: [{ role: 'user', name: 'ada', content: 'hello world' }] });
    const ada = (await counter.countText(gpt4o, 'ada')).tokens;
    expect((await counter.countChat(gpt4o, named)).tokens).toBe(9 + ada + 1);
  });

  it('does not frame what is to be embedded', async () => {
    const input = chatInputOf('openai_embeddings', { input: ['hello world', 'hello world'] });
    const model = { provider: 'openai', model: 'text-embedding-3-small' };
    expect(await counter.countChat(model, input)).toEqual({ tokens: 4, ceilingTokens: 4, exact: true });
  });

  it('says that it estimates, with an upper bound, where the tokenizer is not public', async () => {
    const english = 'The quick brown fox jumps over the lazy dog. '.repeat(50);
    const count = await counter.countText(claude, english);
    expect(count.exact).toBe(false);
    expect(count.ceilingTokens).toBeGreaterThan(count.tokens);
    expect(count.ceilingTokens).toBeLessThanOrEqual(english.length);
    const runs = await counter.countText(claude, '-'.repeat(10_000));
    expect(runs.ceilingTokens).toBeGreaterThanOrEqual(2_500);
    const hindi = 'यह परीक्षण है। '.repeat(50);
    expect((await counter.countText(claude, hindi)).ceilingTokens).toBe(
      new TextEncoder().encode(hindi).length,
    );
  });

  it('bounds tools, schemas, tool calls and media from above, and calls none of them exact', async () => {
    const plain = await counter.countChat(gpt4o, chat(hello));
    const bodies = [
      {
        ...hello,
        tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }],
      },
      {
        ...hello,
        response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } },
      },
      {
        messages: [
          ...hello.messages,
          {
            role: 'assistant',
            content: null,
            tool_calls: [{ id: 'a', function: { name: 'f', arguments: '{}' } }],
          },
        ],
      },
      {
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: 'hello world' },
              { type: 'image_url', image_url: { url: 'https://a/b.png' } },
            ],
          },
        ],
      },
    ];
    for (const body of bodies) {
      const count = await counter.countChat(gpt4o, chat(body));
      expect(count.exact).toBe(false);
      expect(count.ceilingTokens).toBeGreaterThan(plain.ceilingTokens);
      expect(count.ceilingTokens).toBeGreaterThanOrEqual(count.tokens);
    }
    const image = await counter.countChat({ provider: 'openai', model: 'gpt-4o-mini' }, chat(bodies[3]!));
    expect(image.ceilingTokens).toBeGreaterThan(48_000);
  });

  it('bounds input that the provider adds by the context window', async () => {
    const body = { ...hello, tools: [{ type: 'web_search_preview' }] };
    expect((await counter.countChat(gpt4o, chatInputOf('openai_responses', body))).ceilingTokens).toBe(
      128_000,
    );
    const unknown = createTokenCounter(deps({ contextWindowOf: () => null }));
    expect((await unknown.countChat(claude, chat({ ...hello, web_search_options: {} }))).ceilingTokens).toBe(
      1_000_000,
    );
  });

  it('is what the sandbox reports, tools and all', async () => {
    const body = { ...hello, tools: [{ type: 'function', function: { name: 'weather' } }] };
    const count = await counter.countChat(sandbox, chat(body));
    expect(count.exact).toBe(true);
    expect(count.ceilingTokens).toBe(count.tokens);
  });

  it('counts by bytes above the cap, which is never below the truth', async () => {
    const text = 'é'.repeat(MAX_COUNTED_BYTES + 1);
    expect(await counter.countText(sandbox, text)).toMatchObject({
      ceilingTokens: text.length * 2,
      exact: false,
    });
  });
});

describe('the ranks', () => {
  it('are loaded once for callers that come together and after', async () => {
    let loads = 0;
    const slow = createTokenCounter(
      deps({ loadRanks: async (encoding: Encoding) => (loads++, ranksFromDisk(encoding)) }),
    );
    await Promise.all([
      slow.countText(sandbox, 'a'),
      slow.countText(sandbox, 'b'),
      slow.countText(gpt4o, 'c'),
    ]);
    await slow.countText(sandbox, 'd');
    expect(loads).toBe(1);
  });

  it('are loaded again by a caller who waited long enough for another', async () => {
    let loads = 0;
    const dead = new Promise<Ranks>(() => {});
    const loadRanks = (encoding: Encoding) => (loads++ === 0 ? dead : ranksFromDisk(encoding));
    const impatient = createTokenCounter(deps({ loadRanks, patience: async () => null }));
    void impatient.countText(sandbox, 'never answered');
    expect(await impatient.countText(sandbox, 'hello world')).toMatchObject({ tokens: 2, exact: true });
  });

  it('when they cannot be had, bytes stand in and the next count tries again', async () => {
    let fail = true;
    const loadRanks = async (encoding: Encoding) => {
      if (fail) throw new Error('no assets');
      return ranksFromDisk(encoding);
    };
    const flaky = createTokenCounter(deps({ loadRanks }));
    expect(await flaky.countText(sandbox, 'hello world')).toEqual({
      tokens: 3,
      ceilingTokens: 11,
      exact: false,
    });
    fail = false;
    expect(await flaky.countText(sandbox, 'hello world')).toEqual({
      tokens: 2,
      ceilingTokens: 2,
      exact: true,
    });
    const none = createTokenCounter(deps({ loadRanks: null }));
    expect((await none.countText(sandbox, 'hello world')).exact).toBe(false);
  });
});

describe('a long count', () => {
  it.each([
    ['one letter', 'a'.repeat(400_000)],
    ['words', 'word '.repeat(80_000)],
  ])('of %s lets the event loop run every few thousand tokens', async (_, text) => {
    let turns = 0;
    const patient = createTokenCounter(deps({ yieldNow: async () => void turns++ }));
    await patient.countText(sandbox, text);
    expect(turns).toBeGreaterThanOrEqual(10);
  });
});
