import { describe, expect, it } from 'vitest';
import { chatInputOf } from './chat-input.ts';

const texts = (input: ReturnType<typeof chatInputOf>) => input.messages.map(({ role, text }) => [role, text]);

describe('what goes into a model', () => {
  it.each([
    [
      'openai_chat',
      {
        messages: [
          { role: 'system', content: 'S' },
          { role: 'user', content: [{ type: 'text', text: 'U' }] },
        ],
      },
    ],
    [
      'openai_responses',
      {
        instructions: 'S',
        input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'U' }] }],
      },
    ],
    ['openai_responses', { instructions: 'S', input: 'U' }],
    [
      'anthropic_messages',
      {
        system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
        messages: [{ role: 'user', content: 'U' }],
      },
    ],
    [
      'gemini_generate',
      { systemInstruction: { parts: [{ text: 'S' }] }, contents: [{ role: 'user', parts: [{ text: 'U' }] }] },
    ],
  ] as const)('is read out of %s bodies alike', (format, body) => {
    const input = chatInputOf(format, body as unknown as Record<string, unknown>);
    expect(texts(input)).toEqual([
      ['system', 'S'],
      ['user', 'U'],
    ]);
    expect(input).toMatchObject({ plain: true, hiddenInput: false, framed: true, opaque: [], tools: [] });
  });

  it('leaves out nothing: tool calls and results are counted as JSON', () => {
    const input = chatInputOf('openai_chat', {
      messages: [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ function: { name: 'f', arguments: '{"city":"Bonn"}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'sunny' },
      ],
    });
    expect(input.plain).toBe(false);
    expect(input.messages[0]!.text).toContain('Bonn');
    expect(input.messages[1]!.text).toContain('sunny');
    const anthropic = chatInputOf('anthropic_messages', {
      messages: [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 't', content: 'sunny' }] }],
    });
    expect(anthropic.messages[0]!.text).toContain('sunny');
    const responses = chatInputOf('openai_responses', {
      input: [{ type: 'function_call_output', call_id: 'c', output: 'sunny' }],
    });
    expect(responses.messages[0]!.text).toContain('sunny');
  });

  it('tells media apart and never counts their bytes as text', () => {
    const data = 'A'.repeat(10_000);
    const image = { type: 'image_url', image_url: { url: `data:image/png;base64,${data}` } };
    const audio = { type: 'input_audio', input_audio: { data, format: 'wav' } };
    const file = { type: 'file', file: { file_id: 'file_1' } };
    const input = chatInputOf('openai_chat', { messages: [{ role: 'user', content: [image, audio, file] }] });
    expect(input.messages[0]!.text).toBe('');
    expect(input.opaque.map(({ kind }) => kind)).toEqual(['image', 'file', 'file']);
    expect(input.opaque[1]!.inlineLength).toBeGreaterThan(10_000);
    expect(input.opaque[2]!.inlineLength).toBe(0);
    expect(input.audio).toBe(true);
    const claude = { type: 'image', source: { type: 'base64', media_type: 'image/png', data } };
    expect(
      chatInputOf('anthropic_messages', { messages: [{ role: 'user', content: [claude] }] }).opaque[0]!.kind,
    ).toBe('image');
    const gemini = { inlineData: { mimeType: 'audio/wav', data } };
    expect(chatInputOf('gemini_generate', { contents: [{ parts: [gemini] }] }).audio).toBe(true);
  });

  it.each([
    ['a stored conversation', { previous_response_id: 'resp_1' }],
    ['web search options', { web_search_options: {} }],
    ['a search tool', { tools: [{ type: 'web_search_20250305', name: 'web_search' }] }],
    ["Google's search", { tools: [{ googleSearch: {} }] }],
    ['cached content', { cachedContent: 'cachedContents/1' }],
  ])('knows that %s hides input', (_, body) =>
    expect(chatInputOf('openai_chat', { messages: [], ...body }).hiddenInput).toBe(true),
  );

  it('does not take own tools for hidden input', () => {
    const tools = [
      { type: 'function', function: { name: 'f' } },
      { name: 'g', input_schema: {} },
    ];
    expect(chatInputOf('openai_chat', { messages: [], tools })).toMatchObject({ hiddenInput: false });
  });

  it.each([
    [{ max_completion_tokens: 7, max_tokens: 9 }, 7],
    [{ max_tokens: 0 }, 0],
    [{ max_output_tokens: 5 }, 5],
    [{ generationConfig: { maxOutputTokens: 6 } }, 6],
    [{ max_tokens: '9' }, null],
    [{ max_tokens: -1 }, null],
    [{}, null],
  ])('reads the maximum out of %j', (body, max) =>
    expect(chatInputOf('openai_chat', body).maxOutputTokens).toBe(max),
  );

  it('takes any JSON without throwing', () => {
    for (const messages of [null, 1, 'text', {}, [null], [[]], [{ content: { a: 1 } }], [{ role: 3 }]])
      expect(() => chatInputOf('openai_chat', { messages, tools: 'x', system: 4 })).not.toThrow();
  });
});
