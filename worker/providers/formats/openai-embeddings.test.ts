import { describe, expect, it } from 'vitest';
import { openaiEmbeddings } from './openai-embeddings.ts';

const body = (usage: unknown) => ({ object: 'list', data: [{ embedding: [0.1], index: 0 }], usage });

describe('embeddings', () => {
  it('are input only', () => {
    expect(openaiEmbeddings.usageOf(body({ prompt_tokens: 8, total_tokens: 8 }))).toMatchObject({
      usage: { inputTokens: 8, outputTokens: 0 },
      raw: '{"prompt_tokens":8,"total_tokens":8}',
      flags: [],
    });
    expect(openaiEmbeddings.usageOf(body({ total_tokens: 5 }))?.usage.inputTokens).toBe(5);
    expect(openaiEmbeddings.askOf({ input: 'x' })).toMatchObject({ maxOutputTokens: 0, choices: 1 });
  });

  it.each([null, 'x', {}, body(null), body([]), body({ prompt_tokens: -1 }), body({ prompt_tokens: '8' })])(
    'have no usage when it is malformed: %j',
    (answer) => expect(openaiEmbeddings.usageOf(answer)).toBeNull(),
  );

  it('go out as they came but for the model', () => {
    const request = { model: 'openai/e', input: ['a'], dimensions: 8 };
    expect(openaiEmbeddings.withMaxOutput(request, 3)).toBe(request);
    expect(openaiEmbeddings.outgoing(request, { model: 'e', stream: false }).body).toEqual({
      ...request,
      model: 'e',
    });
  });

  it('are told from an error in a 200', () => {
    expect(openaiEmbeddings.errorOf({ error: { message: 'no' } })).toBe('no');
    expect(openaiEmbeddings.errorOf(body({}))).toBeNull();
  });
});
