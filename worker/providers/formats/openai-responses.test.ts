import { describe, expect, it } from 'vitest';
import { openaiResponses, SEARCHES_HELD } from './openai-responses.ts';

const usage = {
  input_tokens: 429,
  input_tokens_details: { cached_tokens: 128, cache_write_tokens: 64 },
  output_tokens: 26,
  output_tokens_details: { reasoning_tokens: 20 },
  total_tokens: 455,
};
const message = { type: 'message', content: [{ type: 'output_text', text: 'Hi you' }] };
const response = (more: object = {}) => ({
  id: 'resp_1',
  status: 'completed',
  error: null,
  service_tier: 'default',
  output: [message],
  usage,
  ...more,
});
const ended = (type: string, more: object = {}) => JSON.stringify({ type, response: response(more) });
const said = (delta: string, type = 'response.output_text.delta') => JSON.stringify({ type, delta });
const created = JSON.stringify({
  type: 'response.created',
  response: response({ status: 'in_progress', output: [], usage: null }),
});
const read = (...events: string[]) => {
  const reader = openaiResponses.streamReader({ usageInjected: false, choices: 1 });
  for (const event of events) expect(reader.event(event)).toBeUndefined();
  return reader;
};

describe('usage of a response', () => {
  it('keeps totals and their parts, and the raw object', () => {
    expect(openaiResponses.usageOf(response())).toMatchObject({
      usage: {
        inputTokens: 429,
        cacheReadTokens: 128,
        cacheWriteTokens: 64,
        outputTokens: 26,
        reasoningTokens: 20,
        webSearches: 0,
      },
      raw: JSON.stringify(usage),
      flags: [],
    });
  });

  it('counts the searches that were made, not the pages that were opened', () => {
    const call = (action: object | undefined) => ({ type: 'web_search_call', status: 'completed', action });
    const output = [
      call({ type: 'search', query: 'a' }),
      call({ type: 'open_page' }),
      call({ type: 'find_in_page' }),
      call(undefined),
      message,
    ];
    expect(openaiResponses.usageOf(response({ output }))?.usage.webSearches).toBe(2);
    const tool_usage = { web_search: { num_requests: 3 } };
    expect(openaiResponses.usageOf(response({ output, tool_usage }))?.usage.webSearches).toBe(3);
  });

  it('says which service tier it was served on when that has a price of its own', () => {
    expect(openaiResponses.usageOf(response({ service_tier: 'priority' }))?.flags).toEqual([
      'service_tier:priority',
    ]);
  });

  it('is quarantined at the larger reading when its parts exceed its total', () => {
    const odd = { ...usage, input_tokens: 100 };
    expect(openaiResponses.usageOf(response({ usage: odd }))).toMatchObject({
      usage: { inputTokens: 192, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 355 },
      flags: ['quarantined'],
    });
  });

  it.each([
    null,
    'x',
    [],
    {},
    { usage: null },
    { usage: { input_tokens: 1 } },
    { usage: { input_tokens: -1 } },
  ])('is none when malformed: %j', (body) => expect(openaiResponses.usageOf(body)).toBeNull());
});

describe('a stream of a response', () => {
  it('has its text, its usage and its end from response.completed', () => {
    const reader = read(created, said('Hi '), said('you'));
    expect([reader.text(), reader.usage(), reader.ended(), reader.finishing()]).toEqual([
      'Hi you',
      null,
      false,
      false,
    ]);
    reader.event(ended('response.completed'));
    expect([reader.text(), reader.ended(), reader.finishing(), reader.error()]).toEqual([
      'Hi you',
      true,
      true,
      null,
    ]);
    expect(reader.usage()?.usage).toMatchObject({ inputTokens: 429, outputTokens: 26 });
  });

  it('counts a repeated end once, and lets no null overwrite it (B12)', () => {
    const reader = read(ended('response.completed'), ended('response.completed', { usage: null }));
    expect(reader.usage()?.usage).toMatchObject({ inputTokens: 429, outputTokens: 26 });
  });

  it('ends well when it was cut at its maximum', () => {
    const reader = read(created, ended('response.incomplete', { status: 'incomplete' }));
    expect([reader.ended(), reader.error(), reader.usage()?.usage.outputTokens]).toEqual([true, null, 26]);
  });

  it('ends badly, with or without usage, when it failed', () => {
    const failed = { status: 'failed', error: { code: 'server_error', message: 'gone' } };
    const without = read(created, said('Hi'), ended('response.failed', { ...failed, usage: null }));
    expect([without.ended(), without.error(), without.usage(), without.generated()]).toEqual([
      true,
      'gone',
      null,
      'Hi you',
    ]);
    expect(read(ended('response.failed', failed)).usage()?.usage.inputTokens).toBe(429);
  });

  it('reports an error event in either shape, and survives nonsense', () => {
    expect(read('{broken', '[]', 'null', '3', '{"type":"error","message":"no"}').error()).toBe('no');
    expect(read('{"type":"error","error":{"message":"nope"}}').error()).toBe('nope');
    expect(read('{"error":"flat"}', '{"type":7,"delta":8,"response":[],"item":3}').error()).toBe('flat');
  });

  it('has for the estimate everything that was generated, calls and reasoning too', () => {
    const item = { type: 'function_call', name: 'find', arguments: '{"a":1}' };
    const reader = read(
      said('hm', 'response.reasoning_summary_text.delta'),
      said('{"a":1}', 'response.function_call_arguments.delta'),
      JSON.stringify({ type: 'response.output_item.done', item }),
    );
    expect([reader.text(), reader.generated()]).toEqual(['', 'hm{"a":1}find']);
  });

  it('counts the searches of a stream that was cut', () => {
    const item = { id: 'ws_1', type: 'web_search_call', action: { type: 'search' } };
    const done = JSON.stringify({ type: 'response.output_item.done', item });
    const reader = read(created, done, done);
    reader.event(JSON.stringify({ type: 'response.in_progress', response: { usage } }));
    expect(reader.usage()?.usage.webSearches).toBe(1);
  });

  it('tells an error of ours so that OpenAI’s clients see one', () => {
    const event = openaiResponses.errorEvent({ code: 'provider_failed', message: 'cut' });
    expect(event).toMatch(/^event: error\ndata: .*\n\n$/);
    expect(read(event.split('data: ')[1]!).error()).toBe('cut');
  });
});

describe('a request for a response', () => {
  it('is bound by its maximum and by the searches it may make', () => {
    expect(openaiResponses.askOf({ input: 'hi' })).toMatchObject({
      maxOutputTokens: null,
      choices: 1,
      audio: false,
      webSearches: 0,
    });
    const tools = [{ type: 'function' }, { type: 'web_search' }];
    expect(openaiResponses.askOf({ tools, max_output_tokens: 9 })).toMatchObject({
      maxOutputTokens: 9,
      webSearches: SEARCHES_HELD,
    });
    expect(openaiResponses.askOf({ tools, max_tool_calls: 2 }).webSearches).toBe(2);
    expect(openaiResponses.askOf({ input: [{ content: [{ type: 'input_audio' }] }] }).audio).toBe(true);
  });

  it('goes out as it came but for its model and its maximum', () => {
    const body = { model: 'openai/x', input: 'hi', unknown: { a: 1 }, max_output_tokens: 50 };
    expect(openaiResponses.withMaxOutput(body, 7)).toEqual({ ...body, max_output_tokens: 7 });
    expect(openaiResponses.outgoing(body, { model: 'x', stream: true })).toEqual({
      body: { ...body, model: 'x' },
      usageInjected: false,
    });
  });
});

describe('a whole response', () => {
  it('gives its text', () => {
    expect(openaiResponses.textOf(response({ output: [{ type: 'reasoning' }, message, message] }))).toBe(
      'Hi youHi you',
    );
    for (const nonsense of [
      null,
      'x',
      {},
      { output: 'x' },
      { output: [null, { type: 'message', content: 4 }] },
    ])
      expect(openaiResponses.textOf(nonsense)).toBe('');
  });

  it('is told from a failed one', () => {
    expect(openaiResponses.errorOf(response())).toBeNull();
    expect(openaiResponses.errorOf(response({ status: 'incomplete' }))).toBeNull();
    expect(openaiResponses.errorOf(response({ status: 'failed', error: { message: 'no' } }))).toBe('no');
    expect(openaiResponses.errorOf(response({ status: 'failed' }))).toBe('The response is failed.');
  });
});
