/** What a team is told of a workflow's runs: that one failed, takes long, or cost more than usual. Each of a run once; the same run gives the same notice. */
import { median } from '../budget/unusual.ts';
import { formatCost } from '../money-text.ts';
import type { Notice, NoticeKind } from '../notify/notice.ts';
import type { ExecutionStatus, RunError } from './state.ts';

export interface RunAlertSettings {
  onFailure: boolean;
  /** null = never slow */
  slowMs: number | null;
  /** percent of the usual cost; null = never too dear */
  costPercent: number | null;
}
export const NO_RUN_ALERTS: RunAlertSettings = { onFailure: false, slowMs: null, costPercent: null };

/** What is usual is the median of so many of the last completed runs, and nothing is known before there are so few. */
export const USUAL_RUNS = 50;
export const LEAST_RUNS = 10;
/** Less above the usual than this is never worth a word: one cent. */
export const FLOOR_NANO_USD = 10_000_000;

export interface RunFacts {
  executionId: string;
  workflowId: string;
  workflowName: string;
  status: ExecutionStatus;
  error: RunError | null;
  startedMs: number | null;
  /** null = it still goes */
  endedMs: number | null;
  costNanoUsd: number;
  /** what the completed runs before it cost */
  costsBefore: readonly number[];
}

/** "1 h 5 min", "12 s": how long, as people say it. */
function spanText(ms: number): string {
  if (ms < 1000) return `${ms} ms`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60
    ? `${minutes} min${seconds % 60 ? ` ${seconds % 60} s` : ''}`
    : `${Math.floor(minutes / 60)} h${minutes % 60 ? ` ${minutes % 60} min` : ''}`;
}

/** The id of what is told of a run: what has it once is not told again. A run that a person sent on may fail a second time. */
export const noticeIdOf = (executionId: string, about: 'slow' | 'cost' | `failed_${number}`): string =>
  `${executionId.replace(/^exec_/, 'ntc_')}_${about}`;

export function noticesOfRun(run: RunFacts, settings: RunAlertSettings, nowMs: number): Notice[] {
  const { executionId, workflowId, workflowName, status, error, startedMs, endedMs, costNanoUsd } = run;
  const notice = (
    about: Parameters<typeof noticeIdOf>[1],
    kind: NoticeKind,
    words: { title: string; text: string },
    data: object,
  ): Notice => ({
    id: noticeIdOf(executionId, about),
    kind,
    level: 'warning',
    ...words,
    link: `/dashboard/executions/${executionId}`,
    data: { workflowId, workflowName, executionId, status, ...data },
    at: new Date(endedMs ?? nowMs).toISOString(),
  });
  const notices: Notice[] = [];
  if (settings.onFailure && endedMs !== null && (status === 'failed' || status === 'needs_review'))
    notices.push(
      notice(
        `failed_${endedMs}`,
        'workflow.failed',
        {
          title:
            status === 'failed'
              ? `A run of "${workflowName}" failed`
              : `A run of "${workflowName}" needs a person's decision`,
          text: error
            ? `${error.nodeId ? `At the step "${error.nodeId}": ` : ''}${error.message}`
            : 'It gave no reason.',
        },
        { reason: error?.reason ?? null, nodeId: error?.nodeId ?? null },
      ),
    );
  const tookMs = startedMs === null ? 0 : (endedMs ?? nowMs) - startedMs;
  if (settings.slowMs !== null && status !== 'cancelled' && tookMs > settings.slowMs)
    notices.push(
      notice(
        'slow',
        'workflow.slow',
        {
          title: `A run of "${workflowName}" is slow`,
          text: `It ${endedMs === null ? 'has been going for' : 'took'} ${spanText(tookMs)}; up to ${spanText(settings.slowMs)} is expected.`,
        },
        { tookMs, slowMs: settings.slowMs },
      ),
    );
  if (settings.costPercent !== null && endedMs !== null && run.costsBefore.length >= LEAST_RUNS) {
    const usualNanoUsd = Math.round(median(run.costsBefore));
    const bar = Math.max(usualNanoUsd * (settings.costPercent / 100), usualNanoUsd + FLOOR_NANO_USD);
    if (costNanoUsd > bar)
      notices.push(
        notice(
          'cost',
          'workflow.costly',
          {
            title: `A run of "${workflowName}" cost more than usual`,
            text: `It cost ${formatCost(costNanoUsd)}, where ${formatCost(usualNanoUsd)} is usual.`,
          },
          { costNanoUsd, usualNanoUsd, costPercent: settings.costPercent },
        ),
      );
  }
  return notices;
}
