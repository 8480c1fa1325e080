/** Who pays is not the caller's to say, and what is paid is recorded whatever becomes of him. */
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { services } from '../../worker/services.ts';
import { saveConnection } from '../../worker/store/connections.ts';
import { makeKey, makeTeam, type Fetch } from './fixtures.ts';
import { json } from './running.ts';

afterEach(() => vi.restoreAllMocks());

const BUDGETS = '/api/token-tracking/budget';
const hello = { max_tokens: 5, messages: [{ role: 'user', content: 'Hello' }] };
const chat = (fetch: Fetch, more: object = {}, headers: HeadersInit = {}) =>
  fetch('/v1/chat/completions', { json: { model: 'sandbox-small', ...hello, ...more }, headers });
const budget = async (fetch: Fetch, limitNanoUsd: number, scope: object = { type: 'team' }) => {
  const made = await fetch(BUDGETS, { json: { scope, window: 'month', limitNanoUsd } });
  expect(made.status).toBe(201);
  return (await json(made)).id as string;
};
const spentOf = async (fetch: Fetch) =>
  (await json(await fetch(BUDGETS))).data.map((one: { spentNanoUsd: number }) => one.spentNanoUsd);

describe('a call at the gateway', () => {
  it('B28: is paid by the team of its key, whatever its body, its tags and its headers name', async () => {
    const [mine, theirs] = [await makeTeam(), await makeTeam()];
    const theirBudget = await budget(theirs.fetch, 1_000_000_000);
    await budget(theirs.fetch, 1_000_000_000, { type: 'key', id: theirs.keyId });
    const full = await budget(mine.fetch, 0);
    const named = {
      user: theirs.ownerId,
      metadata: { team_id: theirs.teamId, budget_id: theirBudget, key_id: theirs.keyId },
    };
    const tags = { 'x-pm-tags': `team:${theirs.teamId},key:${theirs.keyId},${theirBudget}` };
    // a full budget of one's own is not escaped from ...
    const refused = await chat(mine.fetch, named, tags);
    expect([refused.status, (await json(refused)).error.budgetId]).toEqual([402, full]);
    expect((await chat(mine.fetch, named, { ...tags, 'x-team-id': theirs.teamId })).status).toBe(404);
    // ... and what is admitted is paid by oneself
    await mine.fetch(`${BUDGETS}/${full}`, { method: 'PATCH', json: { limitNanoUsd: 1_000_000_000 } });
    expect((await chat(mine.fetch, named, tags)).status).toBe(200);
    await vi.waitFor(async () => expect((await spentOf(mine.fetch))[0]).toBeGreaterThan(0));
    expect(await spentOf(theirs.fetch)).toEqual([0, 0]);
    expect(await services(env).team(theirs.teamId).cutAt(0)).toMatchObject({
      counterNanoUsd: 0,
      heldNanoUsd: 0,
    });
  });

  it('B30: is recorded and paid when its key is deleted while the provider answers', async () => {
    const team = await makeTeam();
    const { keyId, fetch } = await makeKey(team.teamId, 'runner');
    await saveConnection(services(env), {
      teamId: team.teamId,
      provider: 'openai',
      name: 'default',
      apiKey: 'key-0123456789',
      baseUrl: 'https://provider.example.com',
      models: ['gpt-4o'],
    });
    await budget(team.fetch, 1_000_000_000, { type: 'key', id: keyId });
    let heldDuring = 0;
    vi.spyOn(globalThis, 'fetch').mockImplementation(async () => {
      heldDuring = (await services(env).team(team.teamId).cutAt(0)).heldNanoUsd;
      expect((await team.fetch(`/api/keys/${keyId}`, { method: 'DELETE' })).status).toBe(204);
      return Response.json({
        id: 'chatcmpl-1',
        object: 'chat.completion',
        model: 'gpt-4o',
        choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' }, finish_reason: 'stop' }],
        usage: { prompt_tokens: 1000, completion_tokens: 3, total_tokens: 1003 },
      });
    });
    const answer = await chat(fetch, { model: 'gpt-4o' });
    expect(answer.status, await answer.clone().text()).toBe(200);
    expect(heldDuring).toBeGreaterThan(0);
    // 1,000 x 2.50 and 3 x 10 dollars per million
    const costNanoUsd = 2_500_000 + 30_000;
    const runId = answer.headers.get('x-pm-run-id');
    await vi.waitFor(
      async () => {
        const { data } = await json(await team.fetch(`/api/token-tracking/ledger?runId=${runId}`));
        expect(data).toMatchObject([{ keyId, costNanoUsd, source: 'reported' }]);
      },
      { timeout: 10_000 },
    );
    expect(await services(env).team(team.teamId).cutAt(0)).toMatchObject({
      counterNanoUsd: costNanoUsd,
      heldNanoUsd: 0,
    });
    expect((await chat(fetch)).status).toBe(401);
  });
});
