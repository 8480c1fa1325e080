import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../tests/workers/fixtures.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const body = (more: object = {}) => ({ name: 'fast', targets: [{ model: 'sandbox-small' }], ...more });
const make = (fetch: Fetch, more: object = {}) => fetch('/api/routes', { json: body(more) });
const issues = async (response: Response) => {
  expect(response.status).toBe(422);
  return (await json(response)).error.issues.map(({ path }: Answer) => path);
};
const ask = { messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 };

describe('routes of a team', () => {
  it('are made, listed, changed and deleted, each with its audit row', async () => {
    const { fetch, teamId } = await makeTeam();
    const made = await make(fetch, {
      strategy: 'weighted',
      targets: [{ model: 'sandbox-small', weight: 3 }],
    });
    expect(made.status).toBe(201);
    const route = await json(made);
    expect(route).toEqual({
      id: expect.stringMatching(/^rt_/),
      name: 'fast',
      strategy: 'weighted',
      targets: [{ model: 'sandbox-small', weight: 3, breaker: 'closed' }],
      retry: { maxAttempts: 2, baseMs: 250, maxMs: 4_000 },
      createdAt: expect.any(String),
      updatedAt: expect.any(String),
    });
    expect(await json(await fetch('/api/routes'))).toEqual({ data: [route], nextCursor: null });
    const changed = await fetch(`/api/routes/${route.id}`, {
      method: 'PATCH',
      json: { name: 'faster', targets: [{ model: 'sandbox-large' }] },
      body: JSON.stringify({ name: 'faster', targets: [{ model: 'sandbox-large' }] }),
    });
    expect(await json(changed)).toMatchObject({
      id: route.id,
      name: 'faster',
      strategy: 'weighted',
      targets: [{ model: 'sandbox-large' }],
    });
    expect((await fetch(`/api/routes/${route.id}`, { method: 'DELETE' })).status).toBe(204);
    expect((await json(await fetch('/api/routes'))).data).toEqual([]);
    const { data } = await json(await fetch(`/api/teams/${teamId}/audit-log`));
    expect(data.map(({ action, target }: Answer) => [action, target])).toEqual([
      ['route.delete', route.id],
      ['route.update', route.id],
      ['route.create', route.id],
    ]);
    expect(data[1]).toMatchObject({ before: { name: 'fast' }, after: { name: 'faster' } });
  });

  it('are refused with the place that is wrong', async () => {
    const { fetch } = await makeTeam();
    expect(await issues(await make(fetch, { name: 'two words' }))).toEqual(['name']);
    expect(await issues(await make(fetch, { targets: [] }))).toEqual(['targets']);
    expect(
      await issues(await make(fetch, { targets: [{ model: 'sandbox-small' }, { model: 'nope' }] })),
    ).toEqual(['targets.1.model']);
    expect(
      await issues(await make(fetch, { targets: [{ model: 'sandbox-small', connection: 'conn_x' }] })),
    ).toEqual(['targets.0.connection']);
    expect(await issues(await make(fetch, { targets: [{ model: 'sandbox-small', wieght: 1 }] }))).toEqual([
      'targets.0.wieght',
    ]);
    expect((await make(fetch)).status).toBe(201);
    expect(await issues(await make(fetch))).toEqual(['name']);
    // a route is no target of another
    expect(await issues(await make(fetch, { name: 'other', targets: [{ model: 'fast' }] }))).toEqual([
      'targets.0.model',
    ]);
    const second = await json(await make(fetch, { name: 'second' }));
    const patch = (change: object) =>
      fetch(`/api/routes/${second.id}`, { method: 'PATCH', json: {}, body: JSON.stringify(change) });
    expect(await issues(await patch({ name: 'fast' }))).toEqual(['name']);
    expect(await issues(await patch({ retry: { baseMs: 10, maxMs: 5 } }))).toEqual(['retry.maxMs']);
  });

  it("may stand before a provider's model of the same name, and are among the models that callers can name", async () => {
    const { fetch, teamId } = await makeTeam();
    const runner = await makeKey(teamId, 'runner');
    expect((await make(fetch, { name: 'sandbox-large' })).status).toBe(201);
    const called = await runner.fetch('/v1/chat/completions', { json: { model: 'sandbox-large', ...ask } });
    expect(called.headers.get('x-pm-model')).toBe('sandbox/sandbox-small');
    await make(fetch, {
      name: 'house',
      targets: [{ model: 'sandbox-500', maxAttempts: 1 }, { model: 'sandbox-small' }],
    });
    const routed = await runner.fetch('/v1/messages', { json: { model: 'house', ...ask } });
    expect([routed.status, routed.headers.get('x-pm-attempts')]).toEqual([200, '2']);
    const models = await json(await runner.fetch('/v1/models'));
    expect(models.data).toContainEqual({ id: 'house', object: 'model', created: 0, owned_by: 'route' });
    expect((await runner.fetch('/v1/models/house')).status).toBe(200);
    const counted = await runner.fetch('/v1/messages/count_tokens', {
      json: { model: 'house', messages: ask.messages },
    });
    expect(await json(counted)).toEqual({ input_tokens: expect.any(Number) });
    const estimated = await runner.fetch('/api/token-tracking/estimate', {
      json: { model: 'sandbox-large', text: 'hi' },
    });
    expect(await json(estimated)).toMatchObject({ model: 'sandbox-small' });
  });

  it('belong to one team only', async () => {
    const [a, b] = [await makeTeam(), await makeTeam()];
    await make(a.fetch, { name: 'ours' });
    const called = await b.fetch('/v1/chat/completions', { json: { model: 'ours', ...ask } });
    expect(called.status).toBe(404);
  });
});
