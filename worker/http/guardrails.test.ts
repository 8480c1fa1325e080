import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { anonymous, makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const chat = (more: object = {}) => ({
  model: 'sandbox-small',
  messages: [{ role: 'user', content: 'Tell me about Project Falcon.' }],
  max_tokens: 20,
  ...more,
});
const NONE = { allowedModels: null, deniedModels: [], maxInputTokens: null, blockedPatterns: [] };
const put = (fetch: Fetch, body: object) =>
  fetch('/api/guardrails', { method: 'PUT', json: body, body: JSON.stringify(body) });
const patch = (fetch: Fetch, keyId: string, body: object) =>
  fetch(`/api/keys/${keyId}`, { method: 'PATCH', json: body, body: JSON.stringify(body) });

async function guardedTeam(rules: object) {
  const team = await makeTeam();
  expect((await put(team.fetch, { ...NONE, ...rules })).status).toBe(200);
  return { ...team, runner: await makeKey(team.teamId, 'runner') };
}

describe("a team's guardrails (G7)", () => {
  it('are set by admins, read back and audited', async () => {
    const team = await makeTeam();
    expect(await json(await team.fetch('/api/guardrails'))).toEqual(NONE);
    const rules = {
      ...NONE,
      deniedModels: ['gpt-*'],
      blockedPatterns: [{ name: 'names', pattern: 'falcon' }],
    };
    expect(await json(await put(team.fetch, rules))).toEqual(rules);
    expect(await json(await team.fetch('/api/guardrails'))).toEqual(rules);
    const { data } = await json(await team.fetch(`/api/teams/${team.teamId}/audit-log`));
    expect(data[0]).toMatchObject({ action: 'guardrails.set', before: NONE, after: rules });
    const editor = await makeKey(team.teamId, 'editor');
    expect((await put(editor.fetch, NONE)).status).toBe(403);
    expect((await editor.fetch('/api/guardrails')).status).toBe(403);
    expect((await put(anonymous, NONE)).status).toBe(401);
    expect((await put(team.fetch, { ...NONE, blockedPatterns: [{ name: 'x', pattern: '*' }] })).status).toBe(
      422,
    );
    expect((await put(team.fetch, { deniedModels: [] })).status).toBe(422);
    const other = await makeTeam();
    expect(await json(await other.fetch('/api/guardrails'))).toEqual(NONE);
  });

  it('refuse in the shape of each endpoint, name rule and field, and tell nothing of the text', async () => {
    const { runner } = await guardedTeam({
      blockedPatterns: [{ name: 'projects', pattern: 'project falcon' }],
    });
    const openai = await runner.fetch('/v1/chat/completions', { json: chat() });
    expect(openai.status).toBe(403);
    const text = await openai.text();
    expect(text.toLowerCase()).not.toContain('falcon');
    expect(JSON.parse(text)).toMatchObject({
      error: {
        type: 'permission_error',
        code: 'guardrail_blocked',
        param: 'messages[0].content',
        rule: 'blocked_pattern',
        of: 'team',
        pattern: 'projects',
      },
    });
    const anthropic = await runner.fetch('/v1/messages', { json: chat({ stream: true }) });
    expect([anthropic.status, await json(anthropic)]).toMatchObject([
      403,
      { type: 'error', error: { type: 'permission_error', code: 'guardrail_blocked' } },
    ]);
    const counted = await runner.fetch('/v1/messages/count_tokens', { json: chat() });
    expect(counted.status).toBe(403);
    const gemini = await runner.fetch('/v1beta/models/sandbox-small:generateContent', {
      json: { contents: [{ parts: [{ text: 'project FALCON' }] }] },
    });
    expect([gemini.status, await json(gemini)]).toMatchObject([
      403,
      { error: { code: 403, status: 'PERMISSION_DENIED', reason: 'guardrail_blocked' } },
    ]);
    expect(
      (
        await runner.fetch('/v1/chat/completions', {
          json: chat({ messages: [{ role: 'user', content: 'hi' }] }),
        })
      ).status,
    ).toBe(200);
  });

  it('stop models that are not wanted and prompts that are too long, before anything is held or sent', async () => {
    const { runner, teamId, fetch } = await guardedTeam({
      deniedModels: ['sandbox/*-large'],
      maxInputTokens: 50,
    });
    const refused = async (body: object) =>
      (await json(await runner.fetch('/v1/chat/completions', { json: body }))).error?.rule;
    expect(await refused(chat({ model: 'sandbox-large' }))).toBe('denied_models');
    expect(await refused(chat({ messages: [{ role: 'user', content: 'word '.repeat(60) }] }))).toBe(
      'max_input_tokens',
    );
    const { data } = await json(await fetch('/api/runs'));
    expect(data).toEqual([]);
    const { heldNanoUsd } = await env.TEAM_BUDGET.getByName(teamId).cutAt(0);
    expect(heldNanoUsd).toBe(0);
  });

  it('hold for runs of prompts and for the steps of workflows alike', async () => {
    const { fetch } = await guardedTeam({ allowedModels: ['sandbox-large'] });
    const prompt = await json(
      await fetch('/api/prompts', {
        json: { name: 'Greeting', content: { prompt: 'Hello', model: 'sandbox-small', maxTokens: 20 } },
      }),
    );
    const run = await fetch(`/api/prompts/${prompt.id}/run`, { json: { variables: {} } });
    expect([run.status, (await json(run)).error.code]).toEqual([403, 'guardrail_blocked']);

    const workflow = await json(
      await fetch('/api/workflows', {
        json: {
          name: 'Guarded',
          nodes: [
            { id: 'start', kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'api' } },
            {
              id: 'ask',
              kind: 'prompt',
              position: { x: 1, y: 0 },
              config: { model: 'sandbox-small', prompt: 'hi' },
            },
          ],
          edges: [{ id: 'e', source: 'start', target: 'ask' }],
          settings: {},
        },
      }),
    );
    const started = await json(
      await fetch(`/api/workflows/${workflow.id}/trigger`, { json: { input: {}, version: 'draft' } }),
    );
    const ended = await vi.waitFor(
      async () => {
        const now = await json(await fetch(`/api/executions/${started.executionId}`));
        expect(now.endedAt).not.toBeNull();
        return now;
      },
      { timeout: 20_000, interval: 100 },
    );
    expect(ended.status).toBe('failed');
    expect(JSON.stringify(ended)).toContain('guardrails allow other models only');
  });
});

describe("a key's own guardrails", () => {
  it('hold beside the team’s, for this key only, as soon as they are changed', async () => {
    const team = await makeTeam();
    const made = await json(
      await team.fetch('/api/keys', {
        json: { name: 'narrow', role: 'runner', allowedModels: ['sandbox-*'], maxInputTokens: 1000 },
      }),
    );
    expect(made).toMatchObject({ allowedModels: ['sandbox-*'], deniedModels: [], maxInputTokens: 1000 });
    const ask = (key: string) =>
      anonymous('/v1/chat/completions', { json: chat(), headers: { authorization: `Bearer ${key}` } });
    expect((await ask(made.key)).status).toBe(200);
    expect((await patch(team.fetch, made.id, { deniedModels: ['*-small'] })).status).toBe(200);
    const refused = await ask(made.key);
    expect([refused.status, (await json(refused)).error]).toMatchObject([
      403,
      { rule: 'denied_models', of: 'key' },
    ]);
    expect((await ask(team.key)).status).toBe(200);
    await patch(team.fetch, made.id, { deniedModels: [] });
    expect((await ask(made.key)).status).toBe(200);
  });
});

describe('PATCH /api/keys/:id', () => {
  it('changes what is named and nothing else, audited before and after', async () => {
    const team = await makeTeam();
    const { keyId } = await makeKey(team.teamId, 'runner', { tags: ['a'], requestsPerMinute: 5 });
    const expiresAt = '2036-01-01T00:00:00.000Z';
    const after = await json(
      await patch(team.fetch, keyId, {
        name: 'renamed',
        tags: ['b', 'b'],
        tokensPerMinute: 900,
        cacheTtlSeconds: 60,
        expiresAt,
      }),
    );
    expect(after).toMatchObject({
      id: keyId,
      name: 'renamed',
      role: 'runner',
      tags: ['b'],
      requestsPerMinute: 5,
      tokensPerMinute: 900,
      cacheTtlSeconds: 60,
      expiresAt,
    });
    const { data } = await json(await team.fetch('/api/keys'));
    expect(data.find(({ id }: Answer) => id === keyId)).toEqual(after);
    const log = await json(await team.fetch(`/api/teams/${team.teamId}/audit-log`));
    expect(log.data[0]).toMatchObject({
      action: 'key.update',
      target: keyId,
      before: { name: 'test key', tokensPerMinute: null },
      after: { name: 'renamed', tokensPerMinute: 900 },
    });
  });

  it('refuses what makes no sense, other teams and lower roles', async () => {
    const team = await makeTeam();
    const { keyId, fetch } = await makeKey(team.teamId, 'editor');
    for (const body of [
      { role: 'owner' },
      { expiresAt: '2020-01-01T00:00:00Z' },
      { requestsPerMinute: 0 },
      { cacheTtlSeconds: 0 },
      { allowedModels: [''] },
    ])
      expect((await patch(team.fetch, keyId, body)).status).toBe(422);
    expect((await patch((await makeTeam()).fetch, keyId, { name: 'x' })).status).toBe(404);
    expect((await patch(fetch, keyId, { name: 'x' })).status).toBe(403);
    expect((await patch(anonymous, keyId, { name: 'x' })).status).toBe(401);
  });
});
