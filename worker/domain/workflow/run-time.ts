/** A run's own time: it passes while the run goes, and stands still while it is paused or in the queue, which has a deadline of its own. */
import type { RunState } from './state.ts';

/** So long after its end a run stands where it ran: looking at it is fastest there. Then it is archived. */
export const LIVING_DAYS = 7;

export const DEFAULT_RUN_MS = 24 * 3_600_000;
/** Nothing may wait for longer: no delay, no approval, no pause. */
export const LONGEST_WAIT_MS = 30 * 24 * 3_600_000;
/** A pause outlives the longest wait in it. */
export const PAUSE_MS = LONGEST_WAIT_MS + 24 * 3_600_000;

export const begun = (nowMs: number, timeoutMs: number): RunState => ({
  status: 'running',
  error: null,
  startedMs: nowMs,
  endedMs: null,
  deadlineMs: nowMs + timeoutMs,
  remainingMs: null,
  refusal: null,
  resumeAtMs: null,
});

type Pause =
  | { status: 'paused'; pausedFor: 'person' | 'wait' }
  | { status: 'queued' }
  | ({ status: 'paused_budget' } & Pick<RunState, 'refusal' | 'resumeAtMs'>);

/** Stopped, for whatever reason; from one pause into another, what was left of its time stays. */
export function held(run: RunState, pause: Pause, nowMs: number): RunState {
  const { pausedFor: _, ...rest } = run;
  return {
    ...rest,
    refusal: null,
    resumeAtMs: null,
    remainingMs: run.remainingMs ?? Math.max(0, run.deadlineMs - nowMs),
    deadlineMs: nowMs + PAUSE_MS,
    ...pause,
  };
}

export function resumed(run: RunState, nowMs: number): RunState {
  const { pausedFor: _, ...rest } = run;
  return {
    ...rest,
    status: 'running',
    endedMs: null,
    error: null,
    deadlineMs: nowMs + (run.remainingMs ?? DEFAULT_RUN_MS),
    remainingMs: null,
    refusal: null,
    resumeAtMs: null,
  };
}

/** May nodes begin? Where runs are limited, only under a slot whose lease has not run out. */
export const mayGo = (run: RunState, nowMs: number): boolean =>
  run.status === 'running' &&
  (run.slotUntilMs === undefined || (run.slotUntilMs !== null && run.slotUntilMs > nowMs));
