/** What of a run's time the engine took itself: while no node ran or waited. */
export interface Stretch {
  startedMs: number;
  /** null = it did not end */
  endedMs: number | null;
}

/** The time between `startMs` and `endMs` that none of the stretches covers. */
export function uncoveredMs(stretches: readonly Stretch[], startMs: number, endMs: number): number {
  let coveredTo = startMs;
  let uncovered = 0;
  for (const { startedMs, endedMs } of stretches.toSorted((a, b) => a.startedMs - b.startedMs)) {
    if (startedMs > coveredTo) uncovered += Math.min(startedMs, endMs) - coveredTo;
    coveredTo = Math.max(coveredTo, Math.min(endedMs ?? endMs, endMs));
    if (coveredTo >= endMs) break;
  }
  return uncovered + Math.max(0, endMs - coveredTo);
}
