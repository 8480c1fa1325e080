/** How the run as a whole stands within one event: may anything begin, is it held, is all at rest, has it ended? Its nodes are course.ts. */
import type { Refusal } from '../refusal.ts';
import type { Command } from './command.ts';
import { held, mayGo } from './run-time.ts';
import { ENDED, type FrameState, type ProgressState } from './state.ts';

/** One event, as far as the run as a whole has to do with it. */
interface Happening {
  readonly state: ProgressState;
  readonly commands: Command[];
  readonly nowMs: number;
}

/** A run that could go but has no slot, or whose slot ran out, queues for one. */
export function mayBegin(event: Happening): boolean {
  const run = event.state.run();
  if (mayGo(run, event.nowMs)) return true;
  if (run.status === 'running') queueUp(event);
  return false;
}

export function queueUp({ state, commands, nowMs }: Happening): void {
  const run = held(state.run(), { status: 'queued' }, nowMs);
  state.putRun({ ...run, slotUntilMs: null });
  commands.push({ do: 'acquire' });
}

/** It waits for money, until the budget's next period at most; unless a person had paused it already. */
export function waitForMoney({ state, nowMs }: Happening, refusal: Refusal): void {
  const run = state.run();
  if (run.status === 'paused' && run.pausedFor !== 'wait') return;
  const resetsAt = 'resetsAt' in refusal ? refusal.resetsAt : null;
  const resumeAtMs = resetsAt ? Math.max(Date.parse(resetsAt), nowMs + 1000) : null;
  state.putRun(held(run, { status: 'paused_budget', refusal, resumeAtMs }, nowMs));
}

/** After each event: a run in which nothing is under way gives its slot back, and is paused when all it does is wait. */
export function rest({ state, commands, nowMs }: Happening): void {
  let run = state.run();
  if (ENDED.includes(run.status)) return;
  const { running, handling, waits } = state.motion();
  if (running || (handling && run.status === 'running')) return;
  if (run.status === 'running') {
    if (waits.length === 0) return;
    if (waits.some((wait) => wait !== 'retry')) {
      run = held(run, { status: 'paused', pausedFor: 'wait' }, nowMs);
      state.putRun(run);
    }
  }
  if (typeof run.slotUntilMs !== 'number') return;
  state.putRun({ ...run, slotUntilMs: null });
  commands.push({ do: 'release' });
}

/** With its top. */
export function end({ state, commands, nowMs }: Happening, top: FrameState): void {
  if (top.status === 'running') return;
  const { pausedFor: _, ...run } = state.run();
  state.putRun({
    ...run,
    status: top.status === 'succeeded' ? 'completed' : top.status,
    error: top.error,
    endedMs: nowMs,
    // what is left of its time, should a person's decision make it go on
    remainingMs: run.remainingMs ?? Math.max(0, run.deadlineMs - nowMs),
    refusal: null,
    resumeAtMs: null,
    ...(run.slotUntilMs === undefined ? {} : { slotUntilMs: null }),
  });
  commands.push({ do: 'end' });
}
