import { env } from 'cloudflare:workers';
import { ApiError, GoogleGenAI, Type } from '@google/genai';
import { describe, expect, it } from 'vitest';
import { ledger } from '../../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN, type Fetch } from '../../../tests/workers/fixtures.ts';
import { services } from '../../services.ts';

const contents = [{ role: 'user', parts: [{ text: 'How do we greet a lead from Zürich?' }] }];
const body = (more: object = {}) => ({ contents, generationConfig: { maxOutputTokens: 60 }, ...more });
type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;

/** The official client, with nothing changed but base URL and key; requests go to the real Worker. */
const client = (apiKey: string) =>
  new GoogleGenAI({
    apiKey,
    httpOptions: {
      baseUrl: ORIGIN,
      fetch: (url, init) => anonymous(String(url).replace(ORIGIN, ''), init as RequestInit),
    },
  });

async function team() {
  const { teamId } = await makeTeam();
  const { key, fetch } = await makeKey(teamId, 'runner');
  return { teamId, key, fetch, ai: client(key) };
}
const refusedWith = (promise: Promise<unknown>) =>
  promise.then(
    () => Promise.reject(new Error('it answered')),
    (error: unknown) => {
      expect(error).toBeInstanceOf(ApiError);
      const { status, message } = error as ApiError;
      return { status, error: (JSON.parse(message) as Answer).error };
    },
  );

describe('the gateway, spoken to by the official Gemini client', () => {
  it('generates, and books what the answer says', async () => {
    const { ai, teamId } = await team();
    const answer = await ai.models.generateContent({
      model: 'sandbox-small',
      contents: 'How do we greet a lead from Zürich?',
      config: { maxOutputTokens: 60, systemInstruction: 'Be brief.' },
    });
    expect(answer.text).toContain('You wrote');
    const { promptTokenCount, candidatesTokenCount } = answer.usageMetadata!;
    expect((await ledger(teamId, 1))[0]).toMatchObject({
      status: 'succeeded',
      source: 'reported',
      provider: 'sandbox',
      input_tokens: promptTokenCount,
      output_tokens: candidatesTokenCount,
      cost_nano_usd: promptTokenCount! * 300 + candidatesTokenCount! * 1500,
    });
  });

  it('streams', async () => {
    const { ai, teamId } = await team();
    const stream = await ai.models.generateContentStream({ model: 'sandbox-small', contents });
    let text = '';
    let chunks = 0;
    let finish: unknown;
    for await (const chunk of stream) {
      text += chunk.text ?? '';
      chunks++;
      finish = chunk.candidates?.[0]?.finishReason ?? finish;
    }
    expect(text).toContain('You wrote');
    expect(chunks).toBeGreaterThan(3);
    expect(finish).toBe('STOP');
    expect((await ledger(teamId, 1))[0]).toMatchObject({ source: 'reported', status: 'succeeded' });
  });

  it('fills a schema and calls a function', async () => {
    const { ai } = await team();
    const properties = { score: { type: Type.INTEGER, minimum: 0, maximum: 10 } };
    const parameters = { type: Type.OBJECT, required: ['score'], properties };
    const filled = await ai.models.generateContent({
      model: 'sandbox-small',
      contents,
      config: { responseMimeType: 'application/json', responseSchema: parameters },
    });
    expect(JSON.parse(filled.text!)).toEqual({ score: expect.any(Number) });
    const called = await ai.models.generateContent({
      model: 'sandbox-small',
      contents,
      config: {
        tools: [{ functionDeclarations: [{ name: 'rate', parameters }] }],
        toolConfig: { functionCallingConfig: { mode: 'ANY' as never } },
      },
    });
    expect(called.functionCalls).toMatchObject([{ name: 'rate', args: { score: expect.any(Number) } }]);
  });

  it('raises the client’s own errors, with Google’s status words', async () => {
    const { ai, teamId } = await team();
    const ask = (model: string, more: object = {}) =>
      refusedWith(ai.models.generateContent({ model, contents, ...more }));
    expect(await ask('no-such-model')).toMatchObject({
      status: 404,
      error: { code: 404, status: 'NOT_FOUND', reason: 'model_not_found' },
    });
    expect(await ask('sandbox-429')).toMatchObject({ status: 429, error: { status: 'RESOURCE_EXHAUSTED' } });
    expect(await ask('sandbox-500')).toMatchObject({ status: 500, error: { status: 'INTERNAL' } });
    expect(
      await refusedWith(
        client('pm_wrongwrong_0123456789abcdef0123').models.generateContent({
          model: 'sandbox-small',
          contents,
        }),
      ),
    ).toMatchObject({ status: 401, error: { code: 401, status: 'UNAUTHENTICATED' } });
    await services(env)
      .team(teamId)
      .createBudget({
        id: services(env).newId('budget'),
        scope: { type: 'team' },
        window: 'total',
        timeZone: 'UTC',
        anchor: {},
        limitNanoUsd: 1000,
        policy: 'block',
        thresholds: [],
        createdAt: new Date().toISOString(),
      });
    const overBudget = {
      status: 402,
      error: { code: 402, status: 'FAILED_PRECONDITION', reason: 'budget_exceeded', limitNanoUsd: 1000 },
    };
    expect(await ask('sandbox-small')).toMatchObject(overBudget);
    expect(
      await refusedWith(ai.models.generateContentStream({ model: 'sandbox-small', contents })),
    ).toMatchObject(overBudget);
  });

  it('lists and finds models', async () => {
    const { ai } = await team();
    const names: (string | undefined)[] = [];
    for await (const { name } of await ai.models.list()) names.push(name);
    expect(names).toContain('models/sandbox-small');
    expect(await ai.models.get({ model: 'sandbox-small' })).toMatchObject({ name: 'models/sandbox-small' });
    expect(await refusedWith(ai.models.get({ model: 'gemini-nothing' }))).toMatchObject({ status: 404 });
  });
});

describe('/v1beta', () => {
  const post = (fetch: Fetch, path: string, sent: unknown, headers: Record<string, string> = {}) =>
    fetch(`/v1beta/models/${path}`, { json: sent, headers });

  it('streams events with alt=sse, and one JSON array without', async () => {
    const { fetch } = await team();
    const events = await post(fetch, 'sandbox-small:streamGenerateContent?alt=sse', body());
    expect(events.headers.get('content-type')).toContain('text/event-stream');
    const chunks = (await events.text())
      .split(/\r?\n\r?\n/)
      .filter(Boolean)
      .map((event) => JSON.parse(event.replace(/^data: /, '')) as unknown);
    const array = await post(fetch, 'sandbox-small:streamGenerateContent', body());
    expect(array.headers.get('content-type')).toContain('application/json');
    expect(await array.json()).toEqual(chunks);
  });

  it('takes the key in the address', async () => {
    const { key } = await team();
    const response = await post(anonymous, `sandbox-small:generateContent?key=${key}`, body());
    expect(response.status).toBe(200);
    expect(response.headers.get('x-pm-run-id')).toMatch(/^run_/);
  });

  it('lets no spelling and no model in the body get around the ceiling', async () => {
    const { fetch } = await team();
    const response = await post(
      fetch,
      'sandbox-small:generateContent',
      { contents, model: 'models/sandbox-large', generation_config: { max_output_tokens: 60 } },
      { 'x-pm-max-cost-nano-usd': '60000', 'x-pm-clamp': 'true' },
    );
    expect(response.status).toBe(200);
    const maximum = Number(response.headers.get('x-pm-max-tokens-clamped'));
    expect(maximum).toBeGreaterThan(0);
    const { usageMetadata, modelVersion } = await json(response);
    expect(usageMetadata.candidatesTokenCount).toBeLessThanOrEqual(maximum);
    expect(modelVersion).toBe('sandbox-small');
  });

  it('refuses nonsense in Google’s shape, naming the place', async () => {
    const { fetch } = await team();
    const broken = await fetch('/v1beta/models/sandbox-small:generateContent', {
      method: 'POST',
      body: '{"contents": ',
    });
    expect([broken.status, (await json(broken)).error.status]).toEqual([400, 'INVALID_ARGUMENT']);
    for (const [sent, place] of [
      [{}, 'contents'],
      [{ contents: [] }, 'contents'],
      [body({ generationConfig: { maxOutputTokens: '5' } }), 'generationConfig.maxOutputTokens'],
      [body({ generation_config: { candidate_count: 0 } }), 'generation_config.candidate_count'],
    ] as const) {
      const response = await post(fetch, 'sandbox-small:generateContent', sent);
      const { error } = await json(response);
      expect([response.status, error.status, error.issues[0].path]).toEqual([422, 'INVALID_ARGUMENT', place]);
    }
    for (const path of ['sandbox-small', 'sandbox-small:countTokens', ':generateContent']) {
      const response = await post(fetch, path, body());
      expect([response.status, (await json(response)).error.status]).toEqual([404, 'NOT_FOUND']);
    }
  });
});
