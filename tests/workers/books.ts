/** Budgets and ledgers of teams, for the tests of what calls cost. */
import { env } from 'cloudflare:workers';
import { expect, vi } from 'vitest';
import { services } from '../../worker/services.ts';

/** A budget in total for the whole team, that blocks. */
export const budget = (teamId: string, limitNanoUsd: number) =>
  services(env)
    .team(teamId)
    .createBudget({
      id: services(env).newId('budget'),
      scope: { type: 'team' },
      window: 'total',
      timeZone: 'UTC',
      anchor: {},
      limitNanoUsd,
      policy: 'block',
      thresholds: [],
      createdAt: new Date().toISOString(),
    });

/** The team's ledger in D1, oldest first, once it holds `rows`. */
export const ledger = (teamId: string, rows: number): Promise<Record<string, any>[]> =>
  vi.waitFor(
    async () => {
      const { results } = await env.DB.prepare('select * from ledger where team_id = ? order by seq')
        .bind(teamId)
        .all();
      expect(results).toHaveLength(rows);
      return results;
    },
    { timeout: 10_000, interval: 50 },
  );
