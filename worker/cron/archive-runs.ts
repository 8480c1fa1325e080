/** Runs that ended a while ago leave their objects (engine.md rule 20): they go to R2, and the object is emptied. The index row and the outputs stay. */
import { LIVING_DAYS } from '../domain/workflow/run-time.ts';
import type { Services } from '../services.ts';
import { markArchived, runsToArchive } from '../store/archive.ts';
import { runObject } from '../store/run-object.ts';

const AT_ONCE = 100;
const DAY_MS = 86_400_000;

export async function archiveRuns({ env, db, now }: Services): Promise<number> {
  const before = new Date(now() - LIVING_DAYS * DAY_MS).toISOString();
  const ids = await runsToArchive(db, before, AT_ONCE);
  let archived = 0;
  for (const id of ids) {
    const run = runObject(env, id);
    if ((await run.archive()) === 'not_ended') continue;
    // from here on it is read from R2; only then may the object forget it
    await markArchived(db, id, new Date(now()).toISOString());
    await run.empty();
    archived++;
  }
  return archived;
}
