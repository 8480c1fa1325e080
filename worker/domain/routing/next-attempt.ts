/** The router's one decision: after what happened so far, which attempt comes next, or is it over? No clock, no dice, no I/O. */
import { waitMs, type Backoff } from './backoff.ts';
import type { Verdict } from './verdict.ts';

/** Attempts of one call in all, whatever its route says; far below ATTEMPTS_PER_CALL. */
export const MAX_ATTEMPTS = 20;

/** One model to try. */
export interface Candidate {
  /** attempts on it, the first included */
  maxAttempts: number;
  /** for its answer (a stream: its first event); null = all the time there is */
  timeoutMs: number | null;
  backoff: Backoff;
  /** may an attempt that perhaps was billed be repeated on the same target? */
  retryUnknown: boolean;
}

/** An attempt that failed. */
export interface Failed {
  target: number;
  verdict: Verdict;
  /** true = the provider cannot have worked on it */
  notSent: boolean;
  retryAfterMs: number | null;
}

export interface Situation {
  targets: readonly Candidate[];
  /** oldest first */
  failed: readonly Failed[];
  /** is its circuit breaker open? */
  isOpen(target: number): boolean;
  nowMs: number;
  /** no attempt begins at or after it */
  deadlineMs: number;
  /** in [0, 1) */
  random: number;
}

export type Next =
  | { do: 'attempt'; target: number; waitMs: number; timeoutMs: number }
  | { do: 'give_up'; because: 'pointless' | 'exhausted' | 'deadline' };

export function nextAttempt(situation: Situation): Next {
  const { targets, failed, nowMs, deadlineMs, random } = situation;
  const last = failed.at(-1);
  if (last?.verdict === 'stop') return { do: 'give_up', because: 'pointless' };
  if (failed.length >= MAX_ATTEMPTS) return { do: 'give_up', because: 'exhausted' };
  if (nowMs >= deadlineMs) return { do: 'give_up', because: 'deadline' };

  const other = untried(situation);
  if (last && maySame(last, situation, other !== null)) {
    const { target, retryAfterMs } = last;
    const failures = triesOf(failed, target);
    const wait = waitMs(targets[target]!.backoff, { failures, retryAfterMs, random });
    if (wait !== null && nowMs + wait < deadlineMs) return attempt(situation, target, wait);
  }
  return other === null ? { do: 'give_up', because: 'exhausted' } : attempt(situation, other, 0);
}

function attempt({ targets, nowMs, deadlineMs }: Situation, target: number, wait: number): Next {
  const left = deadlineMs - nowMs - wait;
  return {
    do: 'attempt',
    target,
    waitMs: wait,
    timeoutMs: Math.min(targets[target]!.timeoutMs ?? left, left),
  };
}

const triesOf = (failed: readonly Failed[], target: number) =>
  failed.filter((one) => one.target === target).length;

/** Patience with the same target: while it may answer later, has attempts left, and is not known to be down when another could be asked. */
function maySame(last: Failed, { targets, failed, isOpen }: Situation, another: boolean): boolean {
  const { maxAttempts, retryUnknown } = targets[last.target]!;
  return (
    last.verdict === 'retry' &&
    (last.notSent || retryUnknown) &&
    triesOf(failed, last.target) < maxAttempts &&
    !(another && isOpen(last.target))
  );
}

/** The first target in order that was not tried; one whose breaker is open only when no other is left, since a breaker is a hint. */
function untried({ targets, failed, isOpen }: Situation): number | null {
  const waiting = targets.map((_, index) => index).filter((index) => triesOf(failed, index) === 0);
  return waiting.find((index) => !isOpen(index)) ?? waiting[0] ?? null;
}
