/**
 * The state machine of a run: one event in, the new state written, commands out. Every run ends; a node's result is taken once,
 * from whoever holds its current lease. It does no I/O and knows no clock: the time comes with each event, tokens and dice are handed in.
 */
import type { NodeFailure } from '../contracts/node.ts';
import type { Command } from './command.ts';
import { Course, type Chance } from './course.ts';
import { DEFAULT_CONCURRENCY, TOP, type Plan } from './plan.ts';
import { begun, DEFAULT_RUN_MS, held } from './run-time.ts';
import { queueUp, rest } from './standing.ts';
import { ENDED, type FrameState, type MapState, type NodeWait, type ProgressState } from './state.ts';

export type { Command } from './command.ts';
export type { Chance } from './course.ts';

/** Beyond its own attempts, a node is begun this often again after the server was lost under it. */
const LOST_ATTEMPTS = 3;
/** How often a run looks itself whether an execution it waits for has ended, should nobody tell it. */
const LOOK_MS = 60_000;

interface Place {
  frame: string;
  node: string;
}
type Held = Place & { token: string };

export class Progress {
  constructor(
    readonly plan: Plan,
    readonly state: ProgressState,
    readonly chance: Chance,
  ) {}

  /** The first event of a run; the run's row must not exist yet. `slotUntilMs` is absent where runs are not limited, null = it is to queue. */
  start(
    nowMs: number,
    {
      timeoutMs = DEFAULT_RUN_MS,
      slotUntilMs,
      kept,
    }: { timeoutMs?: number; slotUntilMs?: number | null; kept?: Iterable<[string, string | null]> } = {},
  ): Command[] {
    return this.#event(nowMs, (course) => {
      this.state.putRun({
        ...begun(nowMs, timeoutMs),
        ...(slotUntilMs === undefined ? {} : { slotUntilMs }),
      });
      if (slotUntilMs === null) queueUp(course);
      course.open({ scope: TOP, parent: null, path: [] }, { kept });
    });
  }

  /** A node's own result, or a map's after `gather`. null when the lease is not the current one: the result is late and changes nothing. */
  finished(nowMs: number, at: Held, handle: string | null): Command[] | null {
    const frame = this.#leased(at);
    return frame && this.#event(nowMs, (course) => course.succeed(frame, at.node, handle));
  }

  /** The node has nothing to do but to wait, without a lease. null when the lease is not the current one. */
  waits(nowMs: number, at: Held, wait: NodeWait, dueMs: number | null): Command[] | null {
    const frame = this.#leased(at);
    return (
      frame &&
      this.#event(nowMs, (course) => {
        const due = wait.for === 'workflow' ? nowMs + LOOK_MS : dueMs;
        const node = frame.nodes.get(at.node)!;
        course.put(frame, at.node, { ...node, status: 'waiting', token: null, dueMs: due, wait });
      })
    );
  }

  /** What a waiting node waited for has come, in time. null when it waits no more (or for something else): that changes nothing. */
  settled(
    nowMs: number,
    at: Place & { for: NodeWait['for'] },
    outcome: { handle: string | null } | { failure: NodeFailure },
  ): Command[] | null {
    const frame = this.state.frame(at.frame);
    const node = frame?.nodes.get(at.node);
    if (node?.status !== 'waiting' || node.wait?.for !== at.for) return null;
    return this.#event(nowMs, (course) => {
      course.stir();
      if ('handle' in outcome) course.succeed(frame, at.node, outcome.handle);
      else course.fail(frame, this.plan.nodes.get(at.node)!, outcome.failure, false);
    });
  }

  /** The items of a map are known: its body begins. null when the lease is not the current one. */
  expanded(
    nowMs: number,
    at: Held,
    items: Pick<MapState, 'total' | 'resumes'> & Partial<Pick<MapState, 'concurrency' | 'onItemError'>>,
  ): Command[] | null {
    const frame = this.#leased(at);
    if (!frame || this.state.map(at.frame, at.node)) return null;
    return this.#event(nowMs, (course) => {
      course.put(frame, at.node, { ...frame.nodes.get(at.node)!, dueMs: null });
      this.state.putMap(at.frame, at.node, {
        total: items.total,
        next: 0,
        active: 0,
        concurrency: this.plan.sequential ? 1 : (items.concurrency ?? DEFAULT_CONCURRENCY),
        onItemError: items.onItemError ?? 'stop',
        ...(items.resumes ? { resumes: true } : {}),
      });
      course.maps.fill(frame, at.node);
    });
  }

  /** A map goes on taking over items of an earlier run. Idempotent. */
  more(nowMs: number, { frame, node }: Place): Command[] {
    return this.#event(nowMs, (course) => course.maps.fill(this.state.frame(frame), node));
  }

  /** An attempt failed: tried again, settled by the node's onError, or - when a budget said no - the run pauses. null when late. */
  failed(nowMs: number, at: Held, failure: NodeFailure): Command[] | null {
    const frame = this.#leased(at);
    return (
      frame && this.#event(nowMs, (course) => course.fail(frame, this.plan.nodes.get(at.node)!, failure))
    );
  }

  /**
   * A person decides about a node of which nobody knows whether it happened: `done` takes it as succeeded, `retry` runs it once
   * more. The run goes on from there, also when it had ended. null when there is nothing to decide.
   */
  decided(nowMs: number, at: Place, decision: 'done' | 'retry'): Command[] | null {
    const frame = this.state.frame(at.frame);
    const node = frame?.nodes.get(at.node);
    const plan = this.plan.nodes.get(at.node);
    // a map is decided by its items
    if (node?.status !== 'needs_review' || plan!.isMap || !this.#mayReopen(frame!)) return null;
    return this.#event(nowMs, (course) => {
      // first the node: what is taken up again must find it decided
      course.put(frame, at.node, {
        ...node,
        status: decision === 'done' ? 'succeeded' : 'queued',
        endedMs: decision === 'done' ? nowMs : null,
        error: null,
      });
      course.reopen(frame);
      course.stir();
      course.advance(frame);
    });
  }

  /** Everything that is due by now: retries, waits, leases that ran out, a budget's new period, the end of the run's time. */
  tick(nowMs: number): Command[] {
    return this.#event(nowMs, (course) => {
      const run = this.state.run();
      if (ENDED.includes(run.status)) return;
      if (run.deadlineMs <= nowMs) {
        const top = this.state.frame(TOP);
        const message =
          run.remainingMs === null
            ? 'The run took longer than its time.'
            : 'The run was paused for too long.';
        course.stop(top, 'failed', { reason: 'timed_out', message });
        return course.ended(top);
      }
      if (run.status === 'paused_budget' && run.resumeAtMs !== null && run.resumeAtMs <= nowMs)
        course.resume(run);
      for (const place of this.state.nodesIn('running', 'waiting')) this.#due(course, place);
    });
  }

  #due(course: Course, { frame: key, node: id }: Place): void {
    const frame = this.state.frame(key);
    const state = frame.nodes.get(id);
    const plan = this.plan.nodes.get(id)!;
    if (!state || state.dueMs === null || state.dueMs > course.nowMs) return;
    if (state.status === 'running') {
      if (state.token) course.abort(state.token);
      const message = `It took longer than ${plan.timeoutMs} ms.`;
      return course.fail(frame, plan, { reason: 'unknown', message });
    }
    if (state.status !== 'waiting') return;
    const { wait } = state;
    if (wait?.for === 'workflow') {
      course.put(frame, id, { ...state, dueMs: course.nowMs + LOOK_MS });
      course.commands.push({ do: 'look', frame: key, node: id, executionId: wait.executionId });
      return;
    }
    course.stir();
    if (wait?.for === 'delay') course.succeed(frame, id, null);
    else if (wait?.for === 'approval') course.succeed(frame, id, 'expired');
    else course.begin(frame, plan, state);
  }

  /** After the owner was lost: nodes that run under a lease nobody holds any more are begun again, or put before a person. */
  recover(nowMs: number, isHeld: (token: string) => boolean): Command[] {
    return this.#event(nowMs, (course) => {
      for (const { frame: key, node: id } of this.state.nodesIn('running')) {
        const frame = this.state.frame(key);
        const state = frame.nodes.get(id);
        const plan = this.plan.nodes.get(id)!;
        if (state?.status !== 'running' || isHeld(state.token!)) continue;
        if (plan.isMap && this.state.map(key, id)) {
          course.maps.fill(frame, id);
          continue;
        }
        const message = 'The server was stopped during this attempt.';
        if (plan.idempotent && state.attempts < plan.retry.maxAttempts + LOST_ATTEMPTS)
          course.begin(frame, plan, { ...state, token: null });
        else course.fail(frame, plan, { reason: 'unknown', message }, false);
      }
      // a run that only retries holds no slot, and wants none yet
      if (this.state.run().slotUntilMs !== null) course.goOn();
    });
  }

  /** A slot until `untilMs`. Where none is wanted any more it is given back. Idempotent. */
  granted(nowMs: number, untilMs: number): Command[] {
    return this.#event(nowMs, (course) => {
      const run = this.state.run();
      if (run.slotUntilMs === undefined) return;
      if (run.status === 'queued') {
        this.state.putRun({ ...run, slotUntilMs: untilMs });
        course.resume(this.state.run());
      } else if (run.slotUntilMs === null) course.commands.push({ do: 'release' });
    });
  }

  /** The slot's lease now runs until then, or - null - was lost: nothing new begins without another. */
  renewed(nowMs: number, untilMs: number | null): Command[] {
    return this.#event(nowMs, (course) => {
      const run = this.state.run();
      if (typeof run.slotUntilMs !== 'number') return;
      this.state.putRun({ ...run, slotUntilMs: untilMs });
      if (untilMs === null && run.status === 'running') queueUp(course);
    });
  }

  /** Idempotent; an ended run stays as it is, but one that waits for a person's decision is given up. */
  cancel(nowMs: number): Command[] {
    return this.#event(nowMs, (course) => {
      const { status } = this.state.run();
      if (ENDED.includes(status) && status !== 'needs_review') return;
      const top = this.state.frame(TOP);
      course.stop(top, 'cancelled', null);
      course.ended(top);
    });
  }

  /** What runs is finished, nothing new begins. Idempotent. */
  pause(nowMs: number): Command[] {
    return this.#event(nowMs, () => {
      const run = this.state.run();
      if (!ENDED.includes(run.status))
        this.state.putRun(held(run, { status: 'paused', pausedFor: 'person' }, nowMs));
    });
  }

  /** Goes on from where it stopped. Idempotent. */
  resume(nowMs: number): Command[] {
    return this.#event(nowMs, (course) => {
      const run = this.state.run();
      const waits = run.status === 'paused' && run.pausedFor === 'wait';
      if (!waits && (run.status === 'paused' || run.status === 'paused_budget')) course.resume(run);
    });
  }

  /** When something is due next; null when nothing is. */
  nextDueMs(): number | null {
    const run = this.state.run();
    if (ENDED.includes(run.status)) return null;
    return Math.min(run.deadlineMs, run.resumeAtMs ?? Infinity, this.state.minDueMs() ?? Infinity);
  }

  #event(nowMs: number, change: (course: Course) => void): Command[] {
    const course = new Course(this.plan, this.state, this.chance, nowMs);
    change(course);
    rest(course);
    return course.commands;
  }

  #leased({ frame: key, node, token }: Held): FrameState | null {
    const frame = this.state.frame(key);
    const state = frame.nodes.get(node);
    if (state?.status !== 'running' || state.token !== token) return null;
    // the attempt that told a map's items has said all it had to say: what follows comes from the items
    const map = this.plan.nodes.get(node)!.isMap ? this.state.map(key, node) : null;
    return map && (map.next < map.total || map.active > 0) ? null : frame;
  }

  /** Only what ended for want of this decision may go on: nothing that failed or was cancelled around it. */
  #mayReopen(frame: FrameState): boolean {
    for (let at: FrameState | null = frame; at; at = at.parent === null ? null : this.state.frame(at.parent))
      if (at.status !== 'running' && at.status !== 'needs_review') return false;
    return true;
  }
}
