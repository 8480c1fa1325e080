import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { drainOutbox } from '../queues/ledger.ts';
import { services } from '../services.ts';
import { CELLS_SQL, ROLLUP_TABLES } from './stats.ts';

const record = services(env);

/** Cells of a coarser table that are not the sum of their quarters of an hour. */
async function differences(teamId: string, table: string, seconds: number) {
  const sums = (from: string, start: string) =>
    `SELECT dimension, key, ${start} AS start, sum(runs), sum(input_tokens), sum(output_tokens), sum(cost_nano_usd) FROM ${from} WHERE team_id = ?1 GROUP BY 1, 2, 3`;
  const fine = sums('rollup', `start / ${seconds} * ${seconds}`);
  const coarse = sums(table, 'start');
  const { results } = await env.DB.prepare(
    `SELECT * FROM (${fine} EXCEPT ${coarse}) UNION ALL SELECT * FROM (${coarse} EXCEPT ${fine})`,
  )
    .bind(teamId)
    .all();
  return results;
}
const tiersAgree = async (teamId: string) => {
  expect(await differences(teamId, 'rollup_hour', 3_600)).toEqual([]);
  expect(await differences(teamId, 'rollup_six_hours', 21_600)).toEqual([]);
  expect(await differences(teamId, 'rollup_day', 86_400)).toEqual([]);
};

describe('rollups per hour, six hours and day', () => {
  it('are the sums of their quarters of an hour, whatever is written, corrected or removed there', async () => {
    const teamId = 'team_tiers';
    for (let i = 0; i < 40; i++)
      await record.team(teamId).settle(
        settlementOf({
          runId: `run_${i}`,
          costNanoUsd: 101 * i,
          source: 'external',
          subject: { teamId, memberId: `mem_${i % 3}`, tags: [`t${i % 4}`] },
          occurredAt: new Date(Date.UTC(2026, 10, 1 + (i % 3), 5, i * 7)).toISOString(),
        }),
      );
    await drainOutbox(record, teamId);
    await tiersAgree(teamId);
    const count = await env.DB.prepare('SELECT count(*) AS n FROM rollup_day WHERE team_id = ?')
      .bind(teamId)
      .first<{ n: number }>();
    expect(count!.n).toBe(3 * (1 + 1 + 1) + 3 + 12);
    for (const change of [
      'UPDATE rollup SET cost_nano_usd = cost_nano_usd + 5, runs = runs + 1 WHERE team_id = ?',
      "DELETE FROM rollup WHERE team_id = ? AND dimension = 'member' AND key = 'mem_1'",
      'DELETE FROM rollup WHERE team_id = ? AND start % 3600 = 900',
      'DELETE FROM rollup WHERE team_id = ?',
    ]) {
      await env.DB.prepare(change).bind(teamId).run();
      await tiersAgree(teamId);
    }
  });

  it('B23: are entered by their primary key, one range per piece, and the ledger is not looked at', async () => {
    const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${CELLS_SQL}`)
      .bind('team_x', 'model', '[]')
      .all<{ detail: string }>();
    const searches = results
      .map(({ detail }) => detail)
      .filter((detail) => /^(SCAN|SEARCH) (?!p\b|json_each)/.test(detail));
    expect(searches.filter((detail) => detail.startsWith('SEARCH'))).toEqual(
      Object.values(ROLLUP_TABLES).map(
        () => 'SEARCH r USING PRIMARY KEY (team_id=? AND dimension=? AND start>? AND start<?)',
      ),
    );
    expect(searches.filter((detail) => /SCAN (r|ledger)/.test(detail))).toEqual([]);
  });
});
