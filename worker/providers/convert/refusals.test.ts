/** What cannot be said in another format is refused by the caller's own name for it; what changes no answer is let go. */
import { describe, expect, it } from 'vitest';
import { conversionFor, DIALECTS } from './registry.ts';
import type { WireFormat } from '../../domain/contracts/provider.ts';

const hi = {
  openai: [{ role: 'user', content: 'hi' }],
  google: [{ role: 'user', parts: [{ text: 'hi' }] }],
};
const BODIES: Record<string, Record<string, unknown>> = {
  openai_chat: { messages: hi.openai },
  openai_responses: { input: 'hi' },
  anthropic_messages: { messages: hi.openai, max_tokens: 5_000 },
  gemini_generate: { contents: hi.google },
};
const MODELS: Record<string, string> = {
  openai_chat: 'gpt-4o',
  openai_responses: 'gpt-5',
  anthropic_messages: 'claude-sonnet-4-5',
  gemini_generate: 'gemini-2.5-flash',
};
const ask = (from: WireFormat, to: WireFormat, more: object, model = MODELS[to]!) =>
  conversionFor(from, [to])!.request(
    { model: 'named', ...BODIES[from], ...more },
    { model, maxOutputTokens: null, stream: false },
  );
const refused = (from: WireFormat, to: WireFormat, more: object) => {
  const asked = ask(from, to, more);
  return asked.ok ? [] : asked.error.map(({ path }) => path);
};
const sent = (from: WireFormat, to: WireFormat, more: object, model?: string): any => {
  const asked = ask(from, to, more, model);
  if (!asked.ok) throw new Error(JSON.stringify(asked.error));
  return asked.value;
};

describe('a field that has no place', () => {
  it.each<[WireFormat, WireFormat, object, string]>([
    ['openai_chat', 'anthropic_messages', { n: 2 }, 'n'],
    ['openai_chat', 'anthropic_messages', { seed: 1 }, 'seed'],
    ['openai_chat', 'anthropic_messages', { logprobs: true }, 'logprobs'],
    ['openai_chat', 'anthropic_messages', { logit_bias: { 5: 1 } }, 'logit_bias'],
    ['openai_chat', 'anthropic_messages', { presence_penalty: 1 }, 'presence_penalty'],
    ['openai_chat', 'anthropic_messages', { temperature: 1.5 }, 'temperature'],
    ['openai_chat', 'anthropic_messages', { response_format: { type: 'json_object' } }, 'response_format'],
    ['openai_chat', 'anthropic_messages', { web_search_options: {} }, 'web_search_options'],
    ['openai_chat', 'anthropic_messages', { audio: { voice: 'x' } }, 'audio'],
    ['openai_chat', 'anthropic_messages', { something_new: 1 }, 'something_new'],
    ['openai_chat', 'anthropic_messages', { reasoning_effort: 'low', max_tokens: 500 }, 'reasoning_effort'],
    [
      'openai_chat',
      'gemini_generate',
      {
        parallel_tool_calls: false,
        tools: [{ type: 'function', function: { name: 'a' } }],
      },
      'parallel_tool_calls',
    ],
    ['openai_chat', 'gemini_generate', { tools: [{ type: 'custom', custom: { name: 'a' } }] }, 'tools.0'],
    [
      'openai_chat',
      'gemini_generate',
      {
        messages: [{ role: 'user', content: [{ type: 'input_audio', input_audio: {} }] }],
      },
      'messages.0.content.0',
    ],
    [
      'openai_chat',
      'gemini_generate',
      { messages: [{ role: 'tool', tool_call_id: 'x', content: 'y' }] },
      'messages',
    ],
    ['openai_responses', 'anthropic_messages', { previous_response_id: 'resp_1' }, 'previous_response_id'],
    ['openai_responses', 'anthropic_messages', { tools: [{ type: 'web_search' }] }, 'tools.0'],
    ['openai_responses', 'gemini_generate', { input: [{ type: 'item_reference', id: 'x' }] }, 'input.0'],
    ['anthropic_messages', 'openai_chat', { top_k: 5 }, 'top_k'],
    [
      'anthropic_messages',
      'openai_chat',
      { tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      'tools.0',
    ],
    ['anthropic_messages', 'openai_chat', { context_management: {} }, 'context_management'],
    ['anthropic_messages', 'openai_responses', { stop_sequences: ['x'] }, 'stop_sequences'],
    ['gemini_generate', 'openai_chat', { tools: [{ googleSearch: {} }] }, 'tools.0.googleSearch'],
    ['gemini_generate', 'openai_chat', { cached_content: 'cachedContents/1' }, 'cachedContent'],
    [
      'gemini_generate',
      'anthropic_messages',
      { generationConfig: { candidateCount: 2 } },
      'generationConfig.candidateCount',
    ],
    [
      'gemini_generate',
      'anthropic_messages',
      { generation_config: { response_modalities: ['AUDIO'] } },
      'generationConfig.responseModalities',
    ],
  ])('of %s is named when %s is asked: %j', (from, to, more, path) => {
    expect(refused(from, to, more)).toEqual([path]);
  });

  it.each<[WireFormat, object]>([
    [
      'openai_chat',
      {
        store: true,
        metadata: { a: 'b' },
        service_tier: 'auto',
        logprobs: false,
        n: 1,
        parallel_tool_calls: true,
        logit_bias: null,
      },
    ],
    [
      'openai_responses',
      {
        store: true,
        metadata: { a: 'b' },
        include: ['reasoning.encrypted_content'],
        truncation: 'disabled',
        background: false,
      },
    ],
    [
      'anthropic_messages',
      {
        service_tier: 'auto',
        cache_control: { type: 'ephemeral' },
        metadata: {},
      },
    ],
    [
      'gemini_generate',
      {
        safetySettings: [{}],
        labels: { a: 'b' },
        generationConfig: { responseModalities: ['TEXT'] },
      },
    ],
  ])('is no matter where it is a hint or means nothing: %s', (from, more) => {
    for (const { format: to } of DIALECTS) if (to !== from) expect(refused(from, to, more)).toEqual([]);
  });
});

describe('what means the same', () => {
  it('is a maximum that Anthropic must be given', () => {
    expect(sent('openai_chat', 'anthropic_messages', {}).max_tokens).toBe(8_192);
    expect(sent('openai_chat', 'anthropic_messages', {}, 'claude-3-haiku-20240307').max_tokens).toBe(4_096);
    expect(sent('openai_chat', 'anthropic_messages', { max_completion_tokens: 77 }).max_tokens).toBe(77);
  });

  it('is an effort in words, in tokens or in levels, as the model takes it', () => {
    const effort = { reasoning_effort: 'medium' };
    expect(sent('openai_chat', 'anthropic_messages', effort)).toMatchObject({
      thinking: { type: 'enabled', budget_tokens: 8_192 },
      max_tokens: 8_192 + 8_192,
    });
    expect(sent('openai_chat', 'anthropic_messages', effort, 'claude-opus-4-8')).toMatchObject({
      thinking: { type: 'adaptive', display: 'summarized' },
      output_config: { effort: 'medium' },
      max_tokens: 8_192,
    });
    expect(sent('openai_chat', 'gemini_generate', effort).generationConfig).toEqual({
      thinkingConfig: { thinkingBudget: 8_192, includeThoughts: true },
    });
    expect(sent('openai_chat', 'gemini_generate', effort, 'gemini-3-pro-preview').generationConfig).toEqual({
      thinkingConfig: { thinkingLevel: 'medium', includeThoughts: true },
    });
    const thinking = { thinking: { type: 'enabled', budget_tokens: 2_000 } };
    expect(sent('anthropic_messages', 'openai_chat', thinking, 'gpt-5').reasoning_effort).toBe('medium');
    const off = { generationConfig: { thinkingConfig: { thinkingBudget: 0 } } };
    expect(sent('gemini_generate', 'openai_chat', off, 'gpt-5.1').reasoning_effort).toBe('none');
    expect(sent('gemini_generate', 'openai_chat', off, 'gpt-4o')).not.toHaveProperty('reasoning_effort');
  });

  it('is a schema, closed for Anthropic, in JSON schema for everybody', () => {
    const schema = {
      type: 'object',
      properties: { score: { type: 'integer', minimum: 0 } },
    };
    const format = {
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'a', schema },
      },
    };
    expect(sent('openai_chat', 'anthropic_messages', format).output_config.format).toEqual({
      type: 'json_schema',
      schema: {
        type: 'object',
        properties: { score: { type: 'integer', description: '{minimum: 0}' } },
        additionalProperties: false,
      },
    });
    expect(sent('openai_chat', 'gemini_generate', format).generationConfig).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: schema,
    });
    const google = {
      generationConfig: {
        responseMimeType: 'application/json',
        responseSchema: {
          type: 'OBJECT',
          properties: { type: { type: 'STRING', nullable: true } },
        },
      },
    };
    expect(sent('gemini_generate', 'openai_chat', google).response_format).toEqual({
      type: 'json_schema',
      json_schema: {
        name: 'answer',
        schema: {
          type: 'object',
          properties: { type: { type: ['string', 'null'] } },
        },
        strict: false,
      },
    });
  });

  it('is a round of tools: parallel calls, their results in one turn, a picture beside', () => {
    const messages = [
      { role: 'system', content: 'Be brief.' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Look' },
          {
            type: 'image_url',
            image_url: { url: 'data:image/png;base64,AA==' },
          },
        ],
      },
      {
        role: 'assistant',
        content: null,
        tool_calls: [
          {
            id: 'call_a',
            type: 'function',
            function: { name: 'rate', arguments: '{"n":1}' },
          },
          {
            id: 'functions.rate:1',
            type: 'function',
            function: { name: 'rate', arguments: '{"n":2}' },
          },
        ],
      },
      { role: 'tool', tool_call_id: 'call_a', content: '{"ok":true}' },
      { role: 'tool', tool_call_id: 'functions.rate:1', content: 'seven' },
      { role: 'user', content: 'And?' },
    ];
    expect(sent('openai_chat', 'anthropic_messages', { messages })).toMatchObject({
      system: 'Be brief.',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: 'Look' },
            {
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data: 'AA==' },
            },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'tool_use', id: 'call_a', name: 'rate', input: { n: 1 } },
            {
              type: 'tool_use',
              id: 'functions_rate_1',
              name: 'rate',
              input: { n: 2 },
            },
          ],
        },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: 'call_a',
              content: '{"ok":true}',
            },
            {
              type: 'tool_result',
              tool_use_id: 'functions_rate_1',
              content: 'seven',
            },
            { type: 'text', text: 'And?' },
          ],
        },
      ],
    });
    expect(sent('openai_chat', 'gemini_generate', { messages }).contents).toMatchObject([
      {
        role: 'user',
        parts: [{ text: 'Look' }, { inlineData: { mimeType: 'image/png', data: 'AA==' } }],
      },
      {
        role: 'model',
        parts: [
          { functionCall: { name: 'rate', args: { n: 1 } } },
          { functionCall: { name: 'rate', args: { n: 2 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'rate', response: { ok: true } } },
          { functionResponse: { name: 'rate', response: { output: 'seven' } } },
          { text: 'And?' },
        ],
      },
    ]);
    // Gemini 3 refuses calls that it did not sign: they carry Google's word for "another model made this".
    const third = sent('openai_chat', 'gemini_generate', { messages }, 'gemini-3-pro-preview').contents[1];
    expect(third.parts.map((part: any) => part.thoughtSignature)).toEqual([
      'skip_thought_signature_validator',
      undefined,
    ]);
  });
});
