import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { sweepCachedAnswers } from '../../store/cached-answers.ts';
import { services } from '../../services.ts';

type Answer = Record<string, any>;
const json = async (response: Response) => (await response.json()) as Answer;
const chat = (more: object = {}) => ({
  model: 'sandbox-small',
  messages: [{ role: 'user', content: 'How do we greet a lead from Zürich?' }],
  max_tokens: 40,
  ...more,
});
const ask = (fetch: Fetch, body: object = chat(), headers: Record<string, string> = {}) =>
  fetch('/v1/chat/completions', { json: body, headers });
const cached = (response: Response) => response.headers.get('x-pm-cache');
const patch = (fetch: Fetch, keyId: string, body: object) =>
  fetch(`/api/keys/${keyId}`, { method: 'PATCH', json: body, body: JSON.stringify(body) });

async function cachingTeam(more: Parameters<typeof makeKey>[2] = {}) {
  const team = await makeTeam();
  return { ...team, caller: await makeKey(team.teamId, 'runner', { cacheTtlSeconds: 600, ...more }) };
}
/** Answers are kept after they are given. */
const kept = (teamId: string, count: number) =>
  vi.waitFor(
    async () => {
      const row = await env.DB.prepare('SELECT count(*) AS n FROM cached_answer WHERE team_id = ?')
        .bind(teamId)
        .first<{ n: number }>();
      expect(row!.n).toBe(count);
    },
    { timeout: 5_000, interval: 30 },
  );
async function booked(fetch: Fetch, runs: number) {
  await vi.waitFor(async () => expect((await json(await fetch('/api/runs'))).data).toHaveLength(runs), {
    timeout: 10_000,
    interval: 50,
  });
  const [stats, reconcile, list] = await Promise.all([
    fetch('/api/token-tracking/stats?groupBy=key').then(json),
    fetch('/api/token-tracking/reconcile').then(json),
    fetch('/api/runs').then(json),
  ]);
  return { stats, reconcile, runs: list.data as Answer[] };
}

describe('the response cache (G6)', () => {
  it('gives an equal call the same bytes for nothing, and tells what that saved to the nano-dollar', async () => {
    const { fetch, teamId, caller } = await cachingTeam();
    const first = await ask(caller.fetch);
    const bytes = await first.text();
    const cost = Number(first.headers.get('x-pm-cost-nano-usd'));
    expect([first.status, cached(first)]).toEqual([200, 'miss']);
    expect(cost).toBeGreaterThan(0);
    await kept(teamId, 1);

    const hit = await ask(caller.fetch);
    expect(await hit.text()).toBe(bytes);
    expect(Object.fromEntries(hit.headers)).toMatchObject({
      'x-pm-cache': 'hit',
      'x-pm-cost-nano-usd': '0',
      'x-pm-cost-saved-nano-usd': String(cost),
      'content-type': 'application/json',
    });
    expect(hit.headers.get('age')).toMatch(/^\d+$/);
    expect(hit.headers.get('x-pm-run-id')).not.toBe(first.headers.get('x-pm-run-id'));

    const { stats, reconcile, runs } = await booked(fetch, 2);
    expect(stats.totals).toMatchObject({ runs: 1, costNanoUsd: cost, cacheHits: 1, savedNanoUsd: cost });
    expect(stats.groups).toMatchObject([{ key: caller.keyId, cacheHits: 1, savedNanoUsd: cost }]);
    expect(reconcile).toMatchObject({
      ledgerNanoUsd: cost,
      rollupNanoUsd: cost,
      counterNanoUsd: cost,
      heldNanoUsd: 0,
      driftNanoUsd: 0,
    });
    expect(runs[0]).toMatchObject({
      id: hit.headers.get('x-pm-run-id'),
      status: 'succeeded',
      costNanoUsd: 0,
      savedNanoUsd: cost,
      keyId: caller.keyId,
    });
    expect(runs[1]).toMatchObject({ costNanoUsd: cost, savedNanoUsd: null });
  });

  it('counts every hit once, however often and at once they come', async () => {
    const { fetch, teamId, caller } = await cachingTeam();
    const cost = Number((await ask(caller.fetch)).headers.get('x-pm-cost-nano-usd'));
    await kept(teamId, 1);
    const hits = await Promise.all(Array.from({ length: 12 }, () => ask(caller.fetch)));
    expect(hits.map(cached)).toEqual(Array(12).fill('hit'));
    const { stats } = await booked(fetch, 13);
    expect(stats.totals).toMatchObject({
      runs: 1,
      costNanoUsd: cost,
      cacheHits: 12,
      savedNanoUsd: 12 * cost,
    });
  });

  it('replays a stream byte for byte, apart from JSON answers', async () => {
    const { teamId, caller } = await cachingTeam();
    const first = await ask(caller.fetch, chat({ stream: true }));
    const bytes = await first.text();
    expect(bytes).toContain('[DONE]');
    await kept(teamId, 1);
    const hit = await ask(caller.fetch, chat({ stream: true }));
    expect([cached(hit), hit.headers.get('content-type')]).toEqual([
      'hit',
      'text/event-stream; charset=utf-8',
    ]);
    expect(await hit.text()).toBe(bytes);
    expect(cached(await ask(caller.fetch))).toBe('miss');
  });

  it('is a miss when one thing of the call is another', async () => {
    const { teamId, caller } = await cachingTeam();
    await ask(caller.fetch);
    await kept(teamId, 1);
    for (const other of [{ temperature: 0.1 }, { model: 'sandbox-large' }, { max_tokens: 41 }])
      expect(cached(await ask(caller.fetch, chat(other)))).toBe('miss');
    const exact = (seed: string) =>
      caller.fetch('/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify(chat({ seed: 1 })).replace('"seed":1', `"seed":${seed}`),
      });
    await exact('9007199254740992');
    await kept(teamId, 5);
    expect(cached(await exact('9007199254740993'))).toBe('miss');
    expect(cached(await exact('9007199254740992'))).toBe('hit');
  });

  it('never crosses teams, and is for keys that opted in only', async () => {
    const mine = await cachingTeam();
    await ask(mine.caller.fetch);
    await kept(mine.teamId, 1);
    const theirs = await cachingTeam();
    expect(cached(await ask(theirs.caller.fetch))).toBe('miss');
    const without = await ask(mine.fetch);
    expect([without.status, cached(without)]).toEqual([200, null]);
    // Not even a row put under another team's name can be opened: it is sealed with the team's own key.
    const third = await cachingTeam();
    await env.DB.prepare(
      'INSERT INTO cached_answer SELECT ?, hash, sealed, file_key, created_at, expires_at FROM cached_answer WHERE team_id = ?',
    )
      .bind(third.teamId, mine.teamId)
      .run();
    expect(cached(await ask(third.caller.fetch))).toBe('miss');
  });

  it('can be left out or renewed by a call', async () => {
    const { teamId, caller } = await cachingTeam();
    await ask(caller.fetch);
    await kept(teamId, 1);
    expect(cached(await ask(caller.fetch, chat(), { 'x-pm-cache': 'off' }))).toBeNull();
    expect(cached(await ask(caller.fetch, chat(), { 'x-pm-cache': 'refresh' }))).toBe('miss');
    expect(cached(await ask(caller.fetch))).toBe('hit');
    expect((await ask(caller.fetch, chat(), { 'x-pm-cache': 'maybe' })).status).toBe(422);
  });

  it('keeps no failures, no answers a budget cut short, and nothing that belongs to a conversation', async () => {
    const { teamId, caller } = await cachingTeam();
    expect((await ask(caller.fetch, chat({ model: 'sandbox-500' }))).status).toBe(500);
    await services(env)
      .team(teamId)
      .createBudget({
        id: services(env).newId('budget'),
        scope: { type: 'team' },
        window: 'total',
        timeZone: 'UTC',
        anchor: {},
        limitNanoUsd: 1_000_000,
        policy: 'block',
        thresholds: [],
        createdAt: new Date().toISOString(),
      });
    const clamped = await ask(caller.fetch, chat({ max_tokens: 4000 }), { 'x-pm-clamp': 'true' });
    expect(clamped.headers.get('x-pm-max-tokens-clamped')).not.toBeNull();
    const state = await caller.fetch('/v1/responses', {
      json: { model: 'sandbox-small', input: 'hi', previous_response_id: 'resp_1', max_output_tokens: 16 },
    });
    expect(cached(state)).toBeNull();
    await ask(caller.fetch);
    await kept(teamId, 1);
  });

  it('obeys guardrails and limits like any other call', async () => {
    const { fetch, teamId, caller } = await cachingTeam({ requestsPerMinute: 3 });
    await ask(caller.fetch);
    await kept(teamId, 1);
    expect(cached(await ask(caller.fetch))).toBe('hit');
    await patch(fetch, caller.keyId, { deniedModels: ['*-small'] });
    expect((await ask(caller.fetch)).status).toBe(403);
    await patch(fetch, caller.keyId, { deniedModels: [] });
    const refused = await ask(caller.fetch);
    expect([refused.status, cached(refused)]).toEqual([429, null]);
  });

  it('keeps large answers in the bucket, sealed, and forgets what ran out', async () => {
    const { teamId, caller } = await cachingTeam({ cacheTtlSeconds: 60 });
    const large = chat({
      messages: [{ role: 'user', content: 'secret-word '.repeat(20) }],
      stream: true,
      n: 60,
      max_tokens: 300,
    });
    const bytes = await (await ask(caller.fetch, large)).text();
    await kept(teamId, 1);
    const row = await env.DB.prepare('SELECT * FROM cached_answer WHERE team_id = ?')
      .bind(teamId)
      .first<Answer>();
    expect(row!.sealed).toBeNull();
    const file = await (await env.FILES.get(row!.file_key))!.text();
    expect(file).not.toContain('secret-word');
    const hit = await ask(caller.fetch, large);
    expect([cached(hit), await hit.text()]).toEqual(['hit', bytes]);

    const later = { ...services(env), now: () => Date.now() + 61_000 };
    expect(await sweepCachedAnswers(later)).toBeGreaterThan(0);
    expect(await env.FILES.get(row!.file_key)).toBeNull();
    expect(cached(await ask(caller.fetch, large))).toBe('miss');
  });
});
