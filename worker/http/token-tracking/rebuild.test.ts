import { runInDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { makeKey, makeTeam, type Fetch } from '../../../tests/workers/fixtures.ts';
import { settlementOf } from '../../../tests/workers/settlement.ts';
import { drainOutbox } from '../../queues/ledger.ts';
import { services } from '../../services.ts';

const record = services(env);
const REBUILD = '/api/token-tracking/rebuild';

async function rebuilt(fetch: Fetch, json: object = {}): Promise<any> {
  const response = await fetch(REBUILD, { json });
  expect(response.status, await response.clone().text()).toBe(200);
  return await response.json();
}

/** Every scope and dimension that a call can have, over several days, with an unbilled attempt and an adjustment. */
async function filled(teamId: string, count = 40) {
  const team = record.team(teamId);
  for (let i = 0; i < count; i++)
    await team.settle(
      settlementOf({
        runId: `run_${i}`,
        costNanoUsd: 1_000 + 37 * i,
        source: 'external',
        model: `model-${i % 3}`,
        billed: i % 11 !== 5,
        subject: {
          teamId,
          keyId: `key_${i % 2}`,
          memberId: i % 4 ? `mem_${i % 3}` : undefined,
          promptId: i % 3 ? `prm_${i % 2}` : undefined,
          promptVersion: i % 3 === 1 ? 4 : undefined,
          workflowId: i % 5 ? undefined : 'wf_1',
          executionId: i % 5 ? undefined : `exec_${i}`,
          tags: i % 2 ? ['acme', 'Zürich "quoted"'] : [],
        },
        occurredAt: new Date(Date.UTC(2026, 9, 24, 21, 59, 59, 999) + i * 3_700_000).toISOString(),
      }),
    );
  await team.settle(
    settlementOf({
      runId: 'adj_x',
      executionType: 'adjustment',
      costNanoUsd: -777,
      subject: { teamId, keyId: 'key_0', tags: ['acme'] },
      occurredAt: '2026-10-25T01:00:00.000Z',
    }),
  );
  await drainOutbox(record, teamId);
}

const inObject = <T>(teamId: string, work: (sql: SqlStorage) => T): Promise<T> =>
  runInDurableObject(env.TEAM_BUDGET.getByName(teamId), (_object, state) => work(state.storage.sql));
const spendOf = (teamId: string) =>
  inObject(teamId, (sql) =>
    sql
      .exec('SELECT scope, bucket, cost_nano_usd FROM spend WHERE cost_nano_usd <> 0 ORDER BY 1, 2')
      .toArray(),
  );
const rollupsOf = async (teamId: string, table = 'rollup') =>
  (
    await env.DB.prepare(
      `SELECT dimension, key, start, runs, input_tokens, output_tokens, cost_nano_usd FROM ${table} WHERE team_id = ? ORDER BY 1, 2, 3`,
    )
      .bind(teamId)
      .all()
  ).results;

describe('rebuilding counters from the ledger', () => {
  it('B21: finds nothing to put right in sound books: every scope and every rollup can be computed anew from the rows', async () => {
    const { fetch, teamId } = await makeTeam();
    await filled(teamId);
    const before = [await spendOf(teamId), await rollupsOf(teamId)];
    const found = await rebuilt(fetch, { dryRun: true });
    expect(found).toMatchObject({
      status: 'done',
      dryRun: true,
      counters: { differingScopes: 0, scopes: [] },
      rollups: { differingKeys: 0, keys: [] },
    });
    expect(found.counters.totalBeforeNanoUsd).toBe(found.counters.totalAfterNanoUsd);
    expect(await rebuilt(fetch)).toMatchObject({ counters: { differingScopes: 0 } });
    expect([await spendOf(teamId), await rollupsOf(teamId)]).toEqual(before);
  });

  it('B21: puts right what was damaged, tells what differed, and changes nothing when it is repeated', async () => {
    const { fetch, teamId } = await makeTeam();
    await filled(teamId);
    const before = [
      await spendOf(teamId),
      await rollupsOf(teamId),
      await rollupsOf(teamId, 'rollup_hour'),
      await rollupsOf(teamId, 'rollup_six_hours'),
      await rollupsOf(teamId, 'rollup_day'),
    ];
    await inObject(teamId, (sql) => {
      sql.exec("UPDATE spend SET cost_nano_usd = cost_nano_usd + 500 WHERE scope = 'key:key_1'");
      sql.exec("DELETE FROM spend WHERE scope = 'tag:acme'");
      sql.exec("INSERT INTO spend VALUES ('member:nobody', 1792800000, 99)");
      sql.exec('UPDATE totals SET total_nano_usd = total_nano_usd - 12345');
    });
    await env.DB.batch([
      env.DB.prepare("DELETE FROM rollup WHERE team_id = ? AND dimension = 'model' AND key = 'model-1'").bind(
        teamId,
      ),
      env.DB.prepare(
        "UPDATE rollup SET cost_nano_usd = cost_nano_usd + 3, runs = runs + 1 WHERE team_id = ? AND dimension = 'team'",
      ).bind(teamId),
      env.DB.prepare("INSERT INTO rollup VALUES (?, 'tag', 'ghost', 1792800000, 1, 1, 1, 1)").bind(teamId),
    ]);
    const compared = await rebuilt(fetch, { dryRun: true });
    expect(compared.counters).toMatchObject({ differingScopes: 3 });
    const done = await rebuilt(fetch);
    expect({ ...done, dryRun: true }).toEqual(compared);
    expect(done.counters.scopes.map(({ scope }: { scope: string }) => scope).sort()).toEqual([
      'key:key_1',
      'member:nobody',
      'tag:acme',
    ]);
    expect(done.counters.scopes.find(({ scope }: { scope: string }) => scope === 'member:nobody')).toEqual({
      scope: 'member:nobody',
      beforeNanoUsd: 99,
      afterNanoUsd: 0,
      differenceNanoUsd: -99,
      quarters: 1,
    });
    expect(
      done.rollups.keys.map(({ dimension, key }: Record<string, string>) => `${dimension}:${key}`).sort(),
    ).toEqual(['model:model-1', 'tag:ghost', 'team:']);
    expect([
      await spendOf(teamId),
      await rollupsOf(teamId),
      await rollupsOf(teamId, 'rollup_hour'),
      await rollupsOf(teamId, 'rollup_six_hours'),
      await rollupsOf(teamId, 'rollup_day'),
    ]).toEqual(before);
    expect(await (await fetch('/api/token-tracking/reconcile')).json()).toMatchObject({ driftNanoUsd: 0 });
    expect(await rebuilt(fetch)).toMatchObject({
      counters: { differingScopes: 0 },
      rollups: { differingKeys: 0 },
    });
    const log = (await (await fetch(`/api/teams/${teamId}/audit-log`)).json()) as {
      data: { action: string }[];
    };
    expect(log.data.map(({ action }) => action)).toEqual([
      'counters.rebuilt',
      'counters.rebuild',
      'counters.rebuilt',
      'counters.rebuild',
    ]);
  });

  it('B21: while calls settle and rows are on their way: nothing is lost, nothing counted twice', async () => {
    const { fetch, teamId } = await makeTeam();
    await filled(teamId, 20);
    const team = record.team(teamId);
    const made = await fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'tag', id: 'live' }, window: 'total', limitNanoUsd: null },
    });
    const { id } = (await made.json()) as { id: string };
    await inObject(teamId, (sql) => {
      sql.exec('UPDATE spend SET cost_nano_usd = cost_nano_usd + 1');
      sql.exec("INSERT INTO spend VALUES ('tag:live', 1792800000, 5000)");
    });
    let settled = 0;
    let going = true;
    const calls = (async () => {
      for (let i = 0; going || i < 60; i++) {
        const subject = { teamId, keyId: 'key_0', tags: ['live'] };
        await team.settle(settlementOf({ runId: `live_${i}`, costNanoUsd: 11, subject }));
        settled++;
      }
    })();
    const drains = (async () => {
      while (going) await drainOutbox(record, teamId);
    })();
    for (let i = 0; i < 4; i++) expect((await rebuilt(fetch)).status).toBe('done');
    going = false;
    await Promise.all([calls, drains]);
    await drainOutbox(record, teamId);
    expect(await rebuilt(fetch, { dryRun: true })).toMatchObject({
      counters: { differingScopes: 0 },
      rollups: { differingKeys: 0 },
    });
    expect(await team.getBudget(id)).toMatchObject({ spentNanoUsd: 11 * settled });
    expect(await (await fetch('/api/token-tracking/reconcile')).json()).toMatchObject({ driftNanoUsd: 0 });
  });

  it('puts the running period of a budget right at once, and its holds stay', async () => {
    const { fetch, teamId } = await makeTeam();
    const made = await fetch('/api/token-tracking/budget', {
      json: { scope: { type: 'team' }, window: 'day', limitNanoUsd: 1e9 },
    });
    const { id } = (await made.json()) as { id: string };
    const team = record.team(teamId);
    const subject = { teamId, tags: [] };
    await team.settle(settlementOf({ runId: 'r1', costNanoUsd: 4_000, subject }));
    await team.reserve({
      ...{
        runId: 'r2',
        attempt: 1,
        subject,
        provider: 'sandbox',
        model: 'sandbox-small',
        executionType: 'gateway' as const,
      },
      ...{ ceilingNanoUsd: 700, inputNanoUsd: 0, clampable: false, dispatching: true, ttlMs: 60_000 },
    });
    await inObject(teamId, (sql) => sql.exec('UPDATE spend SET cost_nano_usd = 1'));
    await rebuilt(fetch);
    expect(await team.getBudget(id)).toMatchObject({ spentNanoUsd: 4_000, heldNanoUsd: 700 });
    expect(await team.settle(settlementOf({ runId: 'r2', costNanoUsd: 600, subject }))).toMatchObject({
      costNanoUsd: 600,
    });
    expect(await team.getBudget(id)).toMatchObject({ spentNanoUsd: 4_600, heldNanoUsd: 0 });
  });

  it('B24: leaves alone the time whose rows retention removed', async () => {
    const { fetch, teamId } = await makeTeam();
    await filled(teamId);
    const before = [await spendOf(teamId), await rollupsOf(teamId)];
    const horizon = '2026-10-25T12:00:00.000Z';
    await fetch('/api/token-tracking/reconcile?full=true');
    await env.DB.batch([
      env.DB.prepare(
        `UPDATE ledger_checkpoint SET carried_before = ?2, (carried_rows, carried_cost_nano_usd) =
           (SELECT count(*), sum(cost_nano_usd) FROM ledger WHERE team_id = ?1 AND created_at < ?2) WHERE team_id = ?1`,
      ).bind(teamId, horizon),
      env.DB.prepare('DELETE FROM ledger WHERE team_id = ? AND created_at < ?').bind(teamId, horizon),
    ]);
    expect(await rebuilt(fetch)).toMatchObject({
      counters: { differingScopes: 0 },
      rollups: { differingKeys: 0 },
    });
    expect([await spendOf(teamId), await rollupsOf(teamId)]).toEqual(before);
    expect(await (await fetch('/api/token-tracking/reconcile?full=true')).json()).toMatchObject({
      driftNanoUsd: 0,
    });
  });

  it('is the business of admins', async () => {
    const { teamId } = await makeTeam();
    const editor = await makeKey(teamId, 'editor');
    expect((await editor.fetch(REBUILD, { json: {} })).status).toBe(403);
    const admin = await makeKey(teamId, 'admin');
    expect((await admin.fetch(REBUILD, { json: { everything: true } })).status).toBe(422);
    expect((await admin.fetch(REBUILD, { method: 'POST' })).status).toBe(200);
  });
});
