/** Everything that one team's budget object is asked over RPC, beside judging. Thrown errors mean "could not ask". */
import type { Carried, RebuildRefusal, RebuildSlice, RebuildState, RebuiltCounters } from './rebuild.ts';
import type { Alert, NewAlert } from './alerts.ts';
import type { RateLimited, RateLimits, RateStanding } from '../refusal.ts';
import type { Result } from '../result.ts';
import type { Budget, BudgetStatus, Judge, OutboxRow, Settled, Settlement } from './budget.ts';

/** What watchers of a team hear on GET /api/live. Money is in nano-USD, times are ISO. */
export type LiveMessage =
  | {
      type: 'spend';
      totalNanoUsd: number;
      heldNanoUsd: number;
      /** budgets whose standing changed since the last message; all of them in the first message after connecting */
      budgets: BudgetStatus[];
      /** budgets that are gone */
      deletedBudgetIds: string[];
      /** the newest settled attempt, null when only holds moved */
      run: LiveRun | null;
      /** all attempts settled since the last message, newest last, at most 50 */
      runs: LiveRun[];
    }
  | { type: 'alert'; alert: Alert }
  /** every alert was marked as read */
  | { type: 'alerts_read' }
  | ({ type: 'execution'; executionId: string } & Record<string, unknown>);

export interface LiveRun {
  runId: string;
  attempt: number;
  status: Settlement['status'];
  provider: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  flags: string[];
  promptId?: string;
  workflowId?: string;
  executionId?: string;
  nodeId?: string;
  at: string;
}

/** The object's side of a reconciliation, taken at one instant. */
export interface Cut {
  counterNanoUsd: number;
  /** settled with a seq above the watermark: on the way to D1 */
  pendingNanoUsd: number;
  heldNanoUsd: number;
}

export interface TeamJudge extends Judge {
  /** several settlements in one transaction, answered in order */
  settleMany(settlements: Settlement[]): Promise<Settled[]>;
  /** counts one request of a key that makes no paid call (those are counted by reserve), or refuses it */
  useKey(keyId: string, limits: RateLimits): Promise<Result<RateStanding, RateLimited>>;

  listBudgets(): Promise<BudgetStatus[]>;
  getBudget(id: string): Promise<BudgetStatus | null>;
  /** the id comes with it; an existing id answers the budget as it stands */
  createBudget(budget: Budget): Promise<BudgetStatus>;
  /** null = no such budget */
  updateBudget(id: string, change: BudgetChange): Promise<BudgetStatus | null>;
  deleteBudget(id: string): Promise<boolean>;
  /** newest first, at most `limit`, ids below `before` */
  listAlerts(page: { limit: number; before?: string; budgetId?: string }): Promise<Alert[]>;
  /** tells each of them that was not told before; answers how many are new */
  raiseAlerts(alerts: NewAlert[]): Promise<number>;
  /** null = there is no such alert; reading twice changes nothing */
  readAlert(id: string): Promise<Alert | null>;
  /** answers how many were unread */
  readAllAlerts(): Promise<number>;
  unreadAlerts(): Promise<number>;
  /** the oldest alerts whose notices are not written yet */
  unannouncedAlerts(limit: number): Promise<Alert[]>;
  /** the notices of these alerts stand in D1 */
  alertsAnnounced(ids: string[]): Promise<void>;

  /** the oldest rows that are not acknowledged yet */
  outbox(limit: number): Promise<OutboxRow[]>;
  /** rows up to and with `seq` stand in D1; answers how many are left in the outbox */
  acknowledge(seq: number): Promise<number>;
  cutAt(watermarkSeq: number): Promise<Cut>;

  /** begins a rebuild of the counters, or answers the one of the same kind that is under way */
  rebuildOpen(carried: Carried, apply: boolean): Promise<RebuildState>;
  /** takes the next slice of the ledger; answers how far the rebuild is, null when none is under way */
  rebuildAdd(slice: RebuildSlice): Promise<number | null>;
  /** keeps how far the rollups are */
  rebuildSave(rollups: unknown): Promise<void>;
  /** compares, puts right when it is to be applied, and ends the rebuild */
  rebuildFinish(): Promise<Result<RebuiltCounters, RebuildRefusal>>;

  /** tells everybody who watches, nothing is stored; false when nobody does */
  publish(message: LiveMessage): Promise<boolean>;
  /** the minute's poke: ends holds that ran out, asks again for the outbox to be carried */
  tick(): Promise<void>;
}

export type BudgetChange = Partial<
  Pick<
    Budget,
    | 'limitNanoUsd'
    | 'maxTokensPerRun'
    | 'maxCostPerRunNanoUsd'
    | 'policy'
    | 'thresholds'
    | 'window'
    | 'timeZone'
    | 'anchor'
  >
>;
