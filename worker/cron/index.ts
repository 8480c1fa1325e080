/** What happens every minute. Each job is tried by itself: one that fails, or hangs, does not keep the others. */
import type { Services } from '../services.ts';
import { sweepCachedAnswers } from '../store/cached-answers.ts';
import { archiveRuns } from './archive-runs.ts';
import { activeTeams } from '../store/executions.ts';
import { sweepDeliveries } from './deliveries.ts';
import { sweepKeptAnswers } from '../store/idempotency.ts';
import { fireSchedules } from './fire-schedules.ts';
import { proveLedgers } from './prove-ledgers.ts';
import { retainLedgers } from './retain-ledgers.ts';
import { retainRuns } from './retain-runs.ts';
import { sweepEvents } from '../store/webhooks.ts';
import { bookUnbooked } from '../store/unbooked.ts';
import { sweepExecutions, sweepLines, sweepOrphans } from './sweeper.ts';
import { tellOfRuns } from './tell-of-runs.ts';
import { watchSpend } from './watch-spend.ts';
import { logLine } from '../domain/log-line.ts';

const ACTIVE_MS = 3_600_000;
/** The others do not wait longer for a job; it goes on beside them. An invocation has fifteen minutes. */
const PATIENCE_MS = 30_000;

/** The name under which the local server ticks once when it has started (scripts/server.mjs): no cron of Cloudflare's is called so. */
export const AFTER_START = '@start';

/** `afterStart`: whatever was under way is without an owner, and no queue holds a message. */
export async function everyMinute(services: Services, { afterStart = false } = {}): Promise<void> {
  const jobs: Record<string, (services: Services) => Promise<unknown>> = {
    // first: people look at the clock
    fireSchedules,
    sweepExecutions: () => sweepExecutions(services, { afterStart }),
    sweepLines,
    sweepOrphans,
    archiveRuns,
    tickTeams,
    bookUnbooked,
    tellOfRuns,
    sweepDeliveries,
    watchSpend,
    proveLedgers,
    retainLedgers,
    retainRuns,
    sweepCachedAnswers,
    sweepKeptAnswers,
    sweepEvents,
  };
  for (const [name, job] of Object.entries(jobs))
    await patiently(job(services)).catch((error: unknown) =>
      console.error(logLine({ level: 'error', at: `cron ${name}`, message: String(error) })),
    );
}

async function patiently(job: Promise<unknown>): Promise<void> {
  const done = new AbortController();
  const late = scheduler.wait(PATIENCE_MS, { signal: done.signal }).then(() => {
    throw new Error(`still goes on after ${PATIENCE_MS} ms; the others go on beside it`);
  });
  try {
    await Promise.race([job, late]);
  } finally {
    done.abort();
    late.catch(() => {});
  }
}

/** Budget objects of teams that were active lately: holds that ran out end, a forgotten outbox is carried. */
async function tickTeams({ db, now, team }: Services): Promise<void> {
  const teams = await activeTeams(db, new Date(now() - ACTIVE_MS).toISOString());
  const answers = await Promise.allSettled(teams.map((id) => team(id).tick()));
  const failed = answers.find((answer) => answer.status === 'rejected');
  if (failed) throw failed.reason;
}
