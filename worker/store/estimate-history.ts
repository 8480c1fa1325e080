/** What runs of a model wrote before: the basis of estimates. Read only. */
import { and, desc, eq, ne } from 'drizzle-orm';
import { recent } from '../domain/recent.ts';
import type { CoreServices, Db } from '../services.ts';
import { ledger } from './schema.ts';

export interface HistoryOf {
  teamId: string;
  provider: string;
  model: string;
  /** only this prompt's runs, when given */
  promptId?: string;
  /** only this node of this workflow, when given */
  workflowId?: string;
  nodeId?: string;
}

const LAST = 200;
/** Newest rows of the team that are looked at: bounds the read where a model is rarely used. */
const WINDOW = 2_000;

/** While a person types, the same question comes with every pause: what runs wrote does not change with it. */
const known = recent<number[]>({ forMs: 5_000, size: 1_000 });

/** As `outputTokensOfLastRuns`, some seconds old. */
export const recentOutputTokens = (
  { db, now }: Pick<CoreServices, 'db' | 'now'>,
  of: HistoryOf,
): Promise<number[]> =>
  known.get(JSON.stringify([of.teamId, of.provider, of.model, of.promptId, of.workflowId]), now, () =>
    outputTokensOfLastRuns(db, of),
  );

/** Output tokens of the last 200 runs that ended well, newest first. */
export async function outputTokensOfLastRuns(db: Db, of: HistoryOf): Promise<number[]> {
  const newest = db
    .select()
    .from(ledger)
    .where(eq(ledger.teamId, of.teamId))
    .orderBy(desc(ledger.createdAt))
    .limit(WINDOW)
    .as('newest');
  const rows = await db
    .select({ outputTokens: newest.outputTokens })
    .from(newest)
    .where(
      and(
        eq(newest.provider, of.provider),
        eq(newest.model, of.model),
        eq(newest.status, 'succeeded'),
        eq(newest.source, 'reported'),
        ne(newest.executionType, 'adjustment'),
        of.workflowId === undefined ? undefined : eq(newest.workflowId, of.workflowId),
        of.nodeId === undefined ? undefined : eq(newest.nodeId, of.nodeId),
        of.promptId === undefined ? undefined : eq(newest.promptId, of.promptId),
      ),
    )
    .orderBy(desc(newest.createdAt))
    .limit(LAST);
  return rows.map((row) => row.outputTokens);
}
