/** Runs that ended, counted per piece of time: what a chart of how they go shows. */
import type { ExecutionStatus } from '../workflow/state.ts';
import { quantile } from './openmetrics.ts';

export interface EndedRun {
  status: ExecutionStatus;
  endedMs: number;
  /** null = it never began */
  durationMs: number | null;
  costNanoUsd: number;
}

export interface RunPiece {
  startMs: number;
  ended: Partial<Record<ExecutionStatus, number>>;
  costNanoUsd: number;
  p50Ms: number | null;
  p95Ms: number | null;
}

/** One row per piece, empty ones too; pieces follow each other without a gap. What ended before the first one is left out. */
export function seriesOf(
  runs: readonly EndedRun[],
  pieces: readonly { startMs: number; endMs: number }[],
): RunPiece[] {
  const byPiece: EndedRun[][] = pieces.map(() => []);
  const oldestFirst = runs.toSorted((a, b) => a.endedMs - b.endedMs);
  let at = 0;
  for (const run of oldestFirst) {
    while (at < pieces.length && run.endedMs >= pieces[at]!.endMs) at++;
    if (at === pieces.length) break;
    if (run.endedMs >= pieces[at]!.startMs) byPiece[at]!.push(run);
  }
  return pieces.map(({ startMs }, index) => {
    const own = byPiece[index]!;
    const ended: RunPiece['ended'] = {};
    for (const { status } of own) ended[status] = (ended[status] ?? 0) + 1;
    const durations = own.flatMap(({ durationMs }) => (durationMs === null ? [] : [durationMs]));
    return {
      startMs,
      ended,
      costNanoUsd: own.reduce((sum, { costNanoUsd }) => sum + costNanoUsd, 0),
      p50Ms: quantile(durations, 0.5),
      p95Ms: quantile(durations, 0.95),
    };
  });
}
