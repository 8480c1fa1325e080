import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { settlementOf } from '../../tests/workers/settlement.ts';
import { drainOutbox } from '../queues/ledger.ts';
import { services } from '../services.ts';
import { ledgerPage, type LedgerFilter } from './ledger-page.ts';
import { listRuns } from './runs.ts';

const record = services(env);
const START = Date.UTC(2026, 0, 1);

/** 280 rows, one an hour: every 7th of client "rare", every 2nd of model "b", every 50th failed. */
async function filled(teamId: string) {
  await record.team(teamId).settleMany(
    Array.from({ length: 280 }, (_, i) =>
      settlementOf({
        runId: `run_${i}`,
        source: 'external',
        model: i % 2 ? 'b' : 'a',
        provider: i % 2 ? 'beta' : 'alpha',
        status: i % 50 === 0 ? 'failed' : 'succeeded',
        subject: { teamId, tags: i % 7 === 0 ? ['rare'] : [], keyId: `key_${i % 3}` },
        occurredAt: new Date(START + i * 3_600_000 + 59 * 60_000).toISOString(),
      }),
    ),
  );
  await drainOutbox(record, teamId);
}

async function everything(teamId: string, filter: LedgerFilter, limit: number) {
  const seen: number[] = [];
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page = (await ledgerPage(record.db, teamId, { filter, limit, cursor }))!;
    seen.push(...page.data.map(({ runId }) => Number(runId.slice(4))));
    cursor = page.nextCursor ?? undefined;
    pages++;
  } while (cursor !== undefined);
  return { seen, pages };
}
const descending = (keep: (i: number) => boolean) =>
  Array.from({ length: 280 }, (_, i) => 279 - i).filter(keep);

describe('a page of the ledger', () => {
  it('has every row of its filter once, newest first, whichever way it is found', async () => {
    const teamId = 'team_pages';
    await filled(teamId);
    const at = (i: number) => new Date(START + i * 3_600_000 + 59 * 60_000).toISOString();
    const cases: [LedgerFilter, (i: number) => boolean][] = [
      [{}, () => true],
      [{ tag: 'rare' }, (i) => i % 7 === 0],
      [{ tag: 'rare', model: 'b' }, (i) => i % 14 === 7],
      [{ tag: 'rare', status: 'failed' }, (i) => i % 350 === 0],
      [{ provider: 'alpha' }, (i) => i % 2 === 0],
      [{ keyId: 'key_1', from: at(100), to: at(200) }, (i) => i % 3 === 1 && i >= 100 && i < 200],
      [{ status: 'failed' }, (i) => i % 50 === 0],
      [{ tag: 'nobody' }, () => false],
      [{ model: 'a', provider: 'beta' }, () => false],
    ];
    for (const [filter, keep] of cases)
      for (const limit of [50, 200])
        expect((await everything(teamId, filter, limit)).seen).toEqual(descending(keep));
  });

  it('B23: is found by an index whatever is asked, also for what is rare', async () => {
    const queries: string[] = [];
    const spied = new Proxy(env.DB, {
      get: (db, name) =>
        name === 'prepare'
          ? (sql: string) => {
              queries.push(sql);
              return db.prepare(sql);
            }
          : Reflect.get(db, name),
    });
    const { drizzle } = await import('drizzle-orm/d1');
    const schema = await import('./schema.ts');
    const db = drizzle(spied, { schema });
    const teamId = 'team_pages';
    for (const filter of [
      {},
      { tag: 'rare' },
      { model: 'b', status: 'failed' },
      { status: 'failed' },
      { executionId: 'x' },
      { runId: 'run_7' },
      { provider: 'alpha' },
    ])
      await ledgerPage(db, teamId, { filter, limit: 5 });
    for (const filter of [
      {},
      { model: 'a' },
      { status: 'failed' },
      { workflowId: 'w' },
      { executionId: 'x' },
      { promptId: 'p' },
    ])
      await listRuns(db, teamId, { ...filter, limit: 5 });
    expect(queries.length).toBeGreaterThan(14);
    for (const sql of queries) {
      const { results } = await env.DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
        .bind(...Array.from({ length: (sql.match(/\?/g) ?? []).length }, () => 1))
        .all<{ detail: string }>();
      const plan = results.map(({ detail }) => detail);
      expect(
        plan.filter((step) => /^SCAN (?!json_each)/.test(step)),
        sql,
      ).toEqual([]);
      const [, wanted] = /"?(status|execution_id|run_id|workflow_id|prompt_id)"? = \?/.exec(sql) ?? [];
      const rare = sql.includes('created_at" >=') || wanted === undefined ? '' : `${wanted}=?`;
      expect(plan.join('\n'), sql).toContain(rare);
    }
  });
});
