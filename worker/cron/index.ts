/** What happens every minute. Each job is tried by itself: one that fails does not keep the others. */
import type { Services } from '../services.ts';
import { activeTeams } from '../store/executions.ts';
import { sweepDeliveries } from './deliveries.ts';
import { proveLedgers } from './prove-ledgers.ts';
import { sweepExecutions } from './sweeper.ts';
import { watchSpend } from './watch-spend.ts';

const ACTIVE_MS = 3_600_000;

export async function everyMinute(services: Services): Promise<void> {
  const jobs = { sweepExecutions, tickTeams, sweepDeliveries, watchSpend, proveLedgers };
  for (const [name, job] of Object.entries(jobs))
    await job(services).catch((error: unknown) =>
      console.error(JSON.stringify({ level: 'error', at: `cron ${name}`, message: String(error) })),
    );
}

/** Budget objects of teams that were active lately: holds that ran out end, a forgotten outbox is carried. */
async function tickTeams({ db, now, team }: Services): Promise<void> {
  const teams = await activeTeams(db, new Date(now() - ACTIVE_MS).toISOString());
  const answers = await Promise.allSettled(teams.map((id) => team(id).tick()));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed) throw failed.reason;
}
