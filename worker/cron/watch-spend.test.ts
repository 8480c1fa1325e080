import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeTeam } from '../../tests/workers/fixtures.ts';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { drainOutbox } from '../queues/ledger.ts';
import { services, type Services } from '../services.ts';
import { watchTeam } from './watch-spend.ts';

const record = services(env);
const DAY = 86_400_000;
const DOLLAR = 1_000_000_000;
/** Monday noon, UTC */
const NOON = Date.parse('2026-11-16T12:00:00Z');
const at = (nowMs: number): Services => ({ ...record, now: () => nowMs });

/** Books spend at instants of the past, the way logged usage comes in. */
async function spend(
  teamId: string,
  rows: { atMs: number; dollars: number; keyId?: string; tag?: string }[],
) {
  await record.team(teamId).settleMany(
    rows.map(({ atMs, dollars, keyId, tag }) =>
      settlementOf({
        runId: record.newId('run'),
        source: 'external',
        occurredAt: new Date(atMs).toISOString(),
        costNanoUsd: dollars * DOLLAR,
        subject: { teamId, ...(keyId ? { keyId } : {}), tags: tag ? [tag] : [] },
      }),
    ),
  );
  await drainOutbox(record, teamId);
}
const days = (count: number) => Array.from({ length: count }, (_, ago) => NOON - (count - ago) * DAY);
type Listed = {
  kind: string;
  title: string;
  level: string;
  spentNanoUsd: number;
  usualNanoUsd: number;
  exhaustsAt: string;
  scope: unknown;
  budgetId: string | null;
}[];
const alertsOf = async (team: { fetch: (path: string) => Promise<Response> }) =>
  ((await (await team.fetch('/api/token-tracking/alerts')).json()) as { data: Listed }).data;

describe('the watch over spend', () => {
  it('tells unusual spend of a team and of a key once per day, from rollups, and again the day after', async () => {
    const team = await makeTeam();
    const { teamId, keyId } = team;
    // ten days of $10 in the morning; much more in the evening does not count before the evening
    await spend(
      teamId,
      days(10).flatMap((atMs) => [
        { atMs: atMs - 3_600_000, dollars: 10, keyId },
        { atMs: atMs + 6 * 3_600_000, dollars: 90, keyId: 'key_other' },
      ]),
    );
    await spend(teamId, [{ atMs: NOON - 60_000, dollars: 19, keyId }]);
    const asked = { id: teamId, timeZone: 'UTC' };
    expect(await watchTeam(at(NOON), asked)).toBe(0);
    await spend(teamId, [{ atMs: NOON, dollars: 30, keyId }]);
    expect(await watchTeam(at(NOON + 60_000), asked)).toBe(2);
    expect(await watchTeam(at(NOON + 120_000), asked)).toBe(0);
    await spend(teamId, [{ atMs: NOON + 120_000, dollars: 30, keyId }]);
    expect(await watchTeam(at(NOON + 180_000), asked)).toBe(0);
    const alerts = await alertsOf(team);
    expect(alerts).toHaveLength(2);
    expect(alerts.map(({ title }) => title).sort()).toEqual([
      'Unusual spend of API key test key',
      'Unusual spend of the team',
    ]);
    for (const alert of alerts)
      expect(alert).toMatchObject({
        kind: 'unusual_spend',
        level: 'warning',
        budgetId: null,
        spentNanoUsd: 49 * DOLLAR,
        usualNanoUsd: 10 * DOLLAR,
      });
    await spend(teamId, [{ atMs: NOON + DAY - 60_000, dollars: 49, keyId }]);
    expect(await watchTeam(at(NOON + DAY), asked)).toBe(2);
  });

  it('says nothing before there is a week of history', async () => {
    const { teamId } = await makeTeam();
    await spend(teamId, [...days(6).map((atMs) => ({ atMs, dollars: 1 })), { atMs: NOON, dollars: 500 }]);
    expect(await watchTeam(at(NOON + 60_000), { id: teamId, timeZone: 'UTC' })).toBe(0);
  });

  it('the projection stands on the budget, in the list and by itself', async () => {
    const team = await makeTeam();
    const { teamId } = team;
    const made = await team.fetch('/api/token-tracking/budget', {
      json: {
        scope: { type: 'tag', id: 'acme' },
        window: 'week',
        timeZone: 'UTC',
        limitNanoUsd: 60 * DOLLAR,
      },
    });
    const { id } = (await made.json()) as { id: string };
    const now = Date.now();
    const today = Math.floor(now / DAY) * DAY;
    await spend(
      teamId,
      [1, 2, 3, 4, 5].map((ago) => ({ atMs: today - ago * DAY + 3_600_000, dollars: 40, tag: 'acme' })),
    );
    await spend(teamId, [{ atMs: now - 1, dollars: 1, tag: 'acme' }]);
    const status = (await (await team.fetch(`/api/token-tracking/budget/${id}`)).json()) as {
      spentNanoUsd: number;
      projection: { expectedNanoUsd: number; exhaustsAt: string | null; basisDays: number };
    };
    expect(status.projection.basisDays).toBe(5);
    expect(status.projection.expectedNanoUsd).toBeGreaterThan(status.spentNanoUsd);
    const listed = (await (await team.fetch('/api/token-tracking/budget')).json()) as { data: object[] };
    expect(listed.data[0]).toMatchObject({ projection: { basisDays: 5 } });
  });

  it('BUD-5: a budget without three full days of spend has no projection', async () => {
    const team = await makeTeam();
    const made = await team.fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'month', limitNanoUsd: 60 * DOLLAR },
    });
    expect(await made.json()).toMatchObject({ projection: null });
  });

  it('tells an early end once per budget and period, and again in the next', async () => {
    const team = await makeTeam();
    const { teamId } = team;
    let nowMs = NOON;
    await runInDurableObject(env.TEAM_BUDGET.getByName(teamId), (object: { clock: () => number }) => {
      object.clock = () => nowMs;
    });
    await team.fetch('/api/token-tracking/budget', {
      json: {
        scope: { type: 'tag', id: 'acme' },
        window: 'week',
        timeZone: 'UTC',
        limitNanoUsd: 60 * DOLLAR,
      },
    });
    const history = [1, 2, 3, 4].map((ago) => ({ atMs: NOON - ago * DAY, dollars: 20, tag: 'acme' }));
    await spend(teamId, [...history, { atMs: NOON - 1, dollars: 10, tag: 'acme' }]);
    const asked = { id: teamId, timeZone: 'UTC' };
    // $10 on Monday noon, $20 a day: $60 on Wednesday at midnight
    expect(await watchTeam(at(nowMs), asked)).toBe(1);
    expect(await watchTeam(at(nowMs + 60_000), asked)).toBe(0);
    expect((await alertsOf(team)).find(({ kind }) => kind === 'projected_exhaustion')).toMatchObject({
      title: 'The budget of tag acme is expected to run out early',
      exhaustsAt: '2026-11-19T00:00:00.000Z',
      spentNanoUsd: 10 * DOLLAR,
    });
    nowMs += 7 * DAY;
    await spend(
      teamId,
      [0, 1, 2, 3, 4].map((ago) => ({ atMs: nowMs - ago * DAY - 1, dollars: 20, tag: 'acme' })),
    );
    expect(await watchTeam(at(nowMs), asked)).toBe(1);
  });
});
