import { describe, expect, it } from 'vitest';
import { env } from 'cloudflare:workers';
import { anonymous, makeKey, makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { settlementOf } from '../../../tests/workers/settlement.ts';
import { services } from '../../services.ts';
import { teamStub } from '../../store/judge.ts';

const PATH = '/api/token-tracking/budget';
const month = { scope: { type: 'team' }, window: 'month', limitNanoUsd: 5_000_000 };

async function answer<T = Record<string, unknown>>(response: Promise<Response>): Promise<[number, T]> {
  const { status } = await response;
  return [status, status === 204 ? (null as T) : ((await (await response).json()) as T)];
}
const patch = (fetch: Fetch, id: string, json: unknown) => fetch(`${PATH}/${id}`, { method: 'PATCH', json });
const log = (fetch: Fetch, inputTokens: number, more: object = {}, headers: HeadersInit = {}) =>
  fetch('/api/token-tracking/log', {
    json: { model: 'sandbox-large', inputTokens, outputTokens: 0, ...more },
    headers,
  });

describe('budgets over HTTP', () => {
  it('are made, listed, changed and deleted, each time with an audit row', async () => {
    const { fetch, teamId } = await makeTeam();
    const [made, budget] = await answer<{ id: string }>(
      fetch(PATH, { json: { ...month, timeZone: 'Europe/Berlin', anchor: { dayOfMonth: 15 } } }),
    );
    expect(made).toBe(201);
    expect(budget).toMatchObject({
      ...month,
      timeZone: 'Europe/Berlin',
      policy: 'block',
      thresholds: [75, 90, 100],
      spentNanoUsd: 0,
      heldNanoUsd: 0,
    });
    expect(await answer(fetch(PATH))).toEqual([200, { data: [budget], nextCursor: null }]);
    expect(await answer(patch(fetch, budget.id, { limitNanoUsd: 0, policy: 'warn' }))).toEqual([
      200,
      { ...budget, limitNanoUsd: 0, policy: 'warn' },
    ]);
    expect(await answer(fetch(`${PATH}/${budget.id}`, { method: 'DELETE' }))).toEqual([204, null]);
    expect((await patch(fetch, budget.id, {})).status).toBe(404);
    expect(await answer(fetch(PATH))).toEqual([200, { data: [], nextCursor: null }]);
    const [, log] = await answer<{ data: { action: string }[] }>(fetch(`/api/teams/${teamId}/audit-log`));
    expect(log.data.filter(({ action }) => action.startsWith('budget.'))).toMatchObject([
      { action: 'budget.delete', target: budget.id, before: { limitNanoUsd: 0 } },
      {
        action: 'budget.update',
        before: { limitNanoUsd: 5_000_000 },
        after: { limitNanoUsd: 0, policy: 'warn' },
      },
      { action: 'budget.create', after: { scope: { type: 'team' } } },
    ]);
  });

  it.each([
    ['scope.type', { ...month, scope: { type: 'planet', id: 'x' } }],
    ['scope.id', { ...month, scope: { type: 'workflow', id: 'wf_nowhere' } }],
    ['scope.id', { ...month, scope: { type: 'key' } }],
    ['scope.id', { ...month, scope: { type: 'prompt_version', id: "prm_1@1' OR 1=1" } }],
    ['scope.id', { ...month, scope: { type: 'team', id: 'team_other' } }],
    ['window', { ...month, window: 'century' }],
    ['timeZone', { ...month, timeZone: 'Mars/Olympus' }],
    ['limitNanoUsd', { ...month, limitNanoUsd: -1 }],
    ['limitNanoUsd', { ...month, limitNanoUsd: 0.5 }],
    ['limitNanoUsd', { ...month, limitNanoUsd: 1e17 }],
    ['limitNanoUsd', { scope: month.scope, window: 'month' }],
    ['thresholds.0', { ...month, thresholds: [0] }],
    ['anchor.dayOfMonth', { ...month, anchor: { dayOfMonth: 31 } }],
    ['anchor.month', { ...month, window: 'year', anchor: { month: 13 } }],
    ['maxTokensPerRun', { ...month, maxTokensPerRun: 0 }],
    ['maxCostPerRunNanoUsd', { ...month, maxCostPerRunNanoUsd: -1 }],
    ['extra', { ...month, extra: 1 }],
    ['each', { ...month, each: true }],
  ])('refuse a bad %s by its name', async (path, json) => {
    const { fetch } = await makeTeam();
    const [status, body] = await answer<{ error: { issues: { path: string }[] } }>(fetch(PATH, { json }));
    expect(status).toBe(422);
    expect(body.error.issues.map((issue) => issue.path)).toContain(path);
  });

  it('are made once under an Idempotency-Key, as usage is logged once', async () => {
    const { fetch, teamId } = await makeTeam();
    const headers = { 'idempotency-key': 'once' };
    for (let i = 0; i < 2; i++) {
      expect((await fetch(PATH, { json: month, headers })).status).toBe(201);
      expect((await log(fetch, 10, {}, headers)).status).toBe(201);
    }
    expect((await fetch(PATH, { json: { ...month, window: 'day' }, headers })).status).toBe(409);
    const statuses = await services(env).team(teamId).listBudgets();
    expect(statuses).toMatchObject([{ window: 'month', spentNanoUsd: 30_000 }]);
  });

  it('are the business of admins, and of their own team', async () => {
    const team = await makeTeam();
    const editor = await makeKey(team.teamId, 'editor');
    const other = await makeTeam();
    const [, { id }] = await answer<{ id: string }>(team.fetch(PATH, { json: month }));
    expect((await anonymous(PATH, { json: month })).status).toBe(401);
    expect((await editor.fetch(PATH, { json: month })).status).toBe(403);
    expect((await editor.fetch(PATH)).status).toBe(200);
    expect((await patch(other.fetch, id, { limitNanoUsd: 1 })).status).toBe(404);
    expect((await other.fetch(`${PATH}/${id}`, { method: 'DELETE' })).status).toBe(404);
  });

  it('B18: count what the period already spent, when they are made and when their limit moves, with the alerts that follow', async () => {
    const { fetch, keyId } = await makeTeam();
    // sandbox-large: 3,000 nano-USD per input token
    await log(fetch, 1000, { tags: ['acme'] });
    const [, made] = await answer<{ id: string }>(
      fetch(PATH, { json: { ...month, scope: { type: 'key', id: keyId } } }),
    );
    expect(made).toMatchObject({ spentNanoUsd: 3_000_000 });
    const tag = await answer(fetch(PATH, { json: { ...month, scope: { type: 'tag', id: 'acme' } } }));
    expect(tag[1]).toMatchObject({ spentNanoUsd: 3_000_000 });
    await patch(fetch, made.id, { limitNanoUsd: 3_000_000 });
    await patch(fetch, made.id, { limitNanoUsd: 9_000_000 });
    await patch(fetch, made.id, { limitNanoUsd: 3_000_000 });
    await fetch(`${PATH}/${made.id}`, { method: 'DELETE' });
    const [, alerts] = await answer<{ data: { threshold: number; level: string }[] }>(
      fetch(`/api/token-tracking/alerts?budgetId=${made.id}`),
    );
    expect(alerts.data.map(({ threshold, level }) => [threshold, level]).sort()).toEqual([
      [100, 'urgent'],
      [75, 'info'],
      [90, 'warning'],
    ]);
  });

  it('B28: a caller cannot choose whose budget pays', async () => {
    const [mine, theirs] = [await makeTeam(), await makeTeam()];
    const [, { id }] = await answer<{ id: string }>(theirs.fetch(PATH, { json: month }));
    const asked = { 'x-team-id': theirs.teamId };
    const body = {
      model: 'sandbox-large',
      inputTokens: 10,
      outputTokens: 0,
      tags: [`team:${theirs.teamId}`, theirs.keyId],
    };
    expect((await mine.fetch('/api/token-tracking/log', { json: body, headers: asked })).status).toBe(404);
    expect(
      (await mine.fetch('/api/token-tracking/log', { json: { ...body, teamId: theirs.teamId } })).status,
    ).toBe(422);
    expect((await mine.fetch('/api/token-tracking/log', { json: body })).status).toBe(201);
    expect(await services(env).team(theirs.teamId).getBudget(id)).toMatchObject({ spentNanoUsd: 0 });
    expect((await services(env).team(mine.teamId).cutAt(0)).counterNanoUsd).toBe(30_000);
  });

  it('B30: what a deleted key spent is still recorded', async () => {
    const team = await makeTeam();
    const { judge } = services(env);
    const subject = { teamId: team.teamId, keyId: team.keyId, tags: [] };
    const call = {
      runId: 'run_b30',
      attempt: 1,
      subject,
      provider: 'sandbox',
      model: 'sandbox-large',
      executionType: 'gateway' as const,
    };
    await judge(team.teamId).reserve({
      ...call,
      ceilingNanoUsd: 900,
      inputNanoUsd: 1,
      clampable: false,
      dispatching: true,
      ttlMs: 60_000,
    });
    await env.DB.prepare('DELETE FROM api_key WHERE id = ?').bind(team.keyId).run();
    await judge(team.teamId).settle(settlementOf({ ...call, costNanoUsd: 700 }));
    const rows = () =>
      env.DB.prepare('SELECT key_id, cost_nano_usd, flags FROM ledger WHERE team_id = ?')
        .bind(team.teamId)
        .all();
    await expect
      .poll(async () => (await rows()).results, { timeout: 5000 })
      .toEqual([{ key_id: team.keyId, cost_nano_usd: 700, flags: '[]' }]);
  });

  it('B22: a budget object that does not answer is 503, never 402', async () => {
    const team = await makeTeam();
    // its object belongs to another team: every question throws there
    const foreign = { teamId: 'team_elsewhere', tags: [] };
    await teamStub(env, team.teamId).settle(settlementOf({ runId: 'run_x', subject: foreign }));
    const [status, body] = await answer<{ error: { code: string } }>(log(team.fetch, 1));
    expect([status, body.error.code]).toEqual([503, 'budget_unavailable']);
  });
});
