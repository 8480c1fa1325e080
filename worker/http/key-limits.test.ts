import { env } from 'cloudflare:workers';
import { runInDurableObject } from 'cloudflare:test';
import OpenAI from 'openai';
import { describe, expect, it } from 'vitest';
import { budget } from '../../tests/workers/books.ts';
import { anonymous, makeKey, makeTeam, ORIGIN } from '../../tests/workers/fixtures.ts';

const chat = (more: object = {}) => ({
  model: 'sandbox-small',
  messages: [{ role: 'user', content: 'How do we greet a lead from Zürich?' }],
  max_tokens: 40,
  ...more,
});
const COMPLETIONS = '/v1/chat/completions';
const noBudgetLeft = (teamId: string) => budget(teamId, 0);

describe("a key's requests per minute (G5)", () => {
  it('hold for paid calls that come at once, streams among them, and every answer says where the key stands', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'runner', { requestsPerMinute: 3 });
    const answers = await Promise.all(
      Array.from({ length: 9 }, (_, i) => fetch(COMPLETIONS, { json: chat({ stream: i % 2 === 0 }) })),
    );
    const admitted = answers.filter(({ status }) => status === 200);
    const refused = answers.filter(({ status }) => status === 429);
    expect([admitted.length, refused.length]).toEqual([3, 6]);
    expect(admitted.map(({ headers }) => headers.get('ratelimit-remaining')).sort()).toEqual(['0', '1', '2']);
    for (const { headers } of answers) {
      expect(headers.get('ratelimit-limit')).toBe('3');
      expect(headers.get('x-ratelimit-limit-requests')).toBe('3');
      expect(Number(headers.get('ratelimit-reset'))).toBeGreaterThan(0);
      expect(headers.get('x-ratelimit-reset-requests')).toMatch(/^\d+s$/);
      expect(headers.get('x-ratelimit-limit-tokens')).toBeNull();
    }
    for (const { headers } of refused) expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
    await Promise.all(answers.map((answer) => answer.text()));
    expect((await team.fetch(COMPLETIONS, { json: chat() })).headers.get('ratelimit-limit')).toBeNull();
  });

  it('raise the official client’s own error, with its headers', async () => {
    const team = await makeTeam();
    const { key } = await makeKey(team.teamId, 'runner', { requestsPerMinute: 1, tokensPerMinute: 1000 });
    const openai = new OpenAI({
      apiKey: key,
      baseURL: `${ORIGIN}/v1`,
      maxRetries: 0,
      dangerouslyAllowBrowser: true,
      fetch: (url, init) => anonymous(String(url).replace(ORIGIN, ''), init as RequestInit),
    });
    const ask = () =>
      openai.chat.completions.create(chat() as OpenAI.ChatCompletionCreateParamsNonStreaming).withResponse();
    const { response } = await ask();
    expect(Number(response.headers.get('x-ratelimit-remaining-tokens'))).toBeLessThan(1000 - 40);
    const error = await ask().then(
      () => null,
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(OpenAI.RateLimitError);
    const { code, headers } = error as InstanceType<typeof OpenAI.RateLimitError>;
    expect(code).toBe('rate_limited');
    expect(headers.get('x-ratelimit-remaining-requests')).toBe('0');
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
  });

  it('count calls that never come to a reservation, in the shape of their endpoint', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'runner', { requestsPerMinute: 3 });
    const messages = (json: object) => fetch('/v1/messages', { json });
    expect((await fetch(COMPLETIONS, { method: 'POST', body: '{' })).status).toBe(400);
    const unknown = await messages({
      model: 'no-such',
      max_tokens: 5,
      messages: [{ role: 'user', content: 'x' }],
    });
    expect([unknown.status, unknown.headers.get('ratelimit-remaining')]).toEqual([404, '1']);
    expect((await fetch('/v1/models')).headers.get('ratelimit-remaining')).toBe('0');
    const refused = await messages({});
    expect(refused.status).toBe(429);
    expect(await refused.json()).toMatchObject({ type: 'error', error: { type: 'rate_limit_error' } });
  });

  it('hold for runs of prompts, and for answers that were kept under an Idempotency-Key', async () => {
    const team = await makeTeam();
    const made = (await (
      await team.fetch('/api/prompts', {
        json: {
          name: 'Greeting',
          content: {
            model: 'sandbox-small',
            messages: [{ role: 'user', content: 'Greet {{ name }}' }],
            maxTokens: 20,
          },
        },
      })
    ).json()) as { id: string };
    const { fetch } = await makeKey(team.teamId, 'runner', { requestsPerMinute: 3 });
    const run = (variables: object, headers = {}) =>
      fetch(`/api/prompts/${made.id}/run`, { json: { variables }, headers });
    const once = { 'idempotency-key': 'once' };
    const answers = [
      await run({ name: 'Ada' }, once),
      await run({ name: 'Ada' }, once),
      await run({}),
      await run({ name: 'Ada' }),
    ];
    expect(answers.map(({ headers }) => headers.get('ratelimit-remaining'))).toEqual(['2', '1', '0', '0']);
    expect(answers[1]!.headers.get('idempotent-replayed')).toBe('true');
    expect([answers[0]!.status, answers[1]!.status, answers[3]!.status]).toEqual([200, 200, 429]);
  });

  it('begin anew when the team’s object starts again', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'viewer', { requestsPerMinute: 1 });
    expect((await fetch('/api/me')).status).toBe(200);
    expect((await fetch('/api/me')).status).toBe(429);
    const stub = env.TEAM_BUDGET.getByName(team.teamId);
    await runInDurableObject(stub, (_, state) => state.abort()).catch(() => undefined);
    expect((await fetch('/api/me')).status).toBe(200);
  });
});

describe("a key's tokens per minute (G5)", () => {
  it('count a call in flight at its worst case, and give back what it did not take', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'runner', { tokensPerMinute: 200 });
    const at = await Promise.all(
      Array.from({ length: 3 }, () => fetch(COMPLETIONS, { json: chat({ max_tokens: 150 }) })),
    );
    expect(at.map(({ status }) => status).sort()).toEqual([200, 429, 429]);
    const { usage } = (await at.find(({ status }) => status === 200)!.json()) as {
      usage: { total_tokens: number };
    };
    const next = await fetch(COMPLETIONS, { json: chat({ max_tokens: 1 }) });
    expect(next.status).toBe(200);
    const second = ((await next.json()) as { usage: { total_tokens: number } }).usage.total_tokens;
    const left = Number((await fetch('/v1/models')).headers.get('x-ratelimit-remaining-tokens'));
    expect(left).toBe(200 - usage.total_tokens - second);
  });

  it('are not eaten by a call that the budget refuses, whose answer says so', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'runner', { tokensPerMinute: 200, requestsPerMinute: 5 });
    await noBudgetLeft(team.teamId);
    for (const remaining of ['4', '3']) {
      const refused = await fetch(COMPLETIONS, { json: chat({ max_tokens: 150 }) });
      expect(refused.status).toBe(402);
      expect(refused.headers.get('ratelimit-remaining')).toBe(remaining);
      expect(refused.headers.get('x-ratelimit-remaining-tokens')).toBe('200');
      expect(((await refused.json()) as { error: object }).error).not.toHaveProperty('rate');
    }
  });

  it('refuse a call that no minute can hold, once and for all, or lower it where the caller allows', async () => {
    const team = await makeTeam();
    const { fetch } = await makeKey(team.teamId, 'runner', { tokensPerMinute: 100 });
    const refused = await fetch(COMPLETIONS, { json: chat({ max_tokens: 500 }) });
    expect([refused.status, refused.headers.get('x-should-retry')]).toEqual([429, 'false']);
    const lowered = await fetch(COMPLETIONS, {
      json: chat({ max_tokens: 500 }),
      headers: { 'x-pm-clamp': 'true' },
    });
    expect(lowered.status).toBe(200);
    const max = Number(lowered.headers.get('x-pm-max-tokens-clamped'));
    expect(max).toBeGreaterThan(0);
    expect(max).toBeLessThan(100);
  });
});
