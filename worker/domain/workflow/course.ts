/**
 * How frames and nodes go on within one event: what is ready begins, what failed is judged, what ended is passed up - to its map
 * (map-course.ts) or to the run (standing.ts). progress.ts says which events there are; nothing here is called from outside it.
 */
import type { NodeFailure } from '../contracts/node.ts';
import type { Command } from './command.ts';
import { MapCourse } from './map-course.ts';
import { frameKey, type Plan, type PlanNode } from './plan.ts';
import { readiness, resultOf, SETTLED } from './readiness.ts';
import { resumed } from './run-time.ts';
import { end, mayBegin, waitForMoney } from './standing.ts';
import {
  type FrameState,
  type NodeState,
  keptNode,
  type ProgressState,
  type RunError,
  type RunState,
} from './state.ts';
import { errorOf, verdictOn } from './verdict.ts';

export interface Chance {
  /** a new lease token */
  token(): string;
  /** evenly in [0, 1) */
  dice(): number;
}

const ACTIVE: ReadonlySet<string> = new Set(['running', 'waiting']);

const UNBEGUN: NodeState = {
  status: 'queued',
  attempts: 0,
  token: null,
  dueMs: null,
  handle: null,
  startedMs: null,
  endedMs: null,
  error: null,
};

export class Course {
  readonly commands: Command[] = [];
  #maps: MapCourse | undefined;

  constructor(
    readonly plan: Plan,
    readonly state: ProgressState,
    readonly chance: Chance,
    readonly nowMs: number,
  ) {}
  get maps(): MapCourse {
    return (this.#maps ??= new MapCourse(this));
  }

  // ---- nodes ----
  put(frame: FrameState, nodeId: string, node: NodeState): void {
    frame.nodes.set(nodeId, node);
    this.state.putNode(frame, nodeId, node);
  }

  /** Runs the node under a new lease, or queues it while the run stands still or another node goes first. */
  begin(frame: FrameState, node: PlanNode, before: NodeState): void {
    const othersFirst =
      this.plan.sequential &&
      [...frame.nodes].some(([id, other]) => id !== node.id && ACTIVE.has(other.status));
    if (othersFirst || !mayBegin(this)) {
      if (before.status !== 'queued' || !frame.nodes.has(node.id))
        this.put(frame, node.id, { ...before, status: 'queued', token: null, dueMs: null, wait: null });
      return;
    }
    const token = this.chance.token();
    const attempt = before.attempts + 1;
    this.put(frame, node.id, {
      ...before,
      status: 'running',
      attempts: attempt,
      token,
      dueMs: node.isInline ? null : this.nowMs + node.timeoutMs,
      startedMs: before.startedMs ?? this.nowMs,
      error: null,
      wait: null,
    });
    this.commands.push({ do: 'run', frame: frame.key, node: node.id, token, attempt });
  }

  succeed(frame: FrameState, nodeId: string, handle: string | null): void {
    this.put(frame, nodeId, {
      ...frame.nodes.get(nodeId)!,
      status: 'succeeded',
      token: null,
      dueMs: null,
      endedMs: this.nowMs,
      error: null,
      wait: null,
      handle,
    });
    this.advance(frame);
  }

  fail(frame: FrameState, node: PlanNode, failure: NodeFailure, mayRetry = true): void {
    const state = frame.nodes.get(node.id)!;
    if (failure.reason === 'over_budget') {
      this.#refused(frame, node);
      return waitForMoney(this, failure.refusal);
    }
    const error = errorOf(node.id, frame.path, failure);
    const { attempts } = state;
    const verdict = verdictOn(node, { failure, attempts, mayRetry }, () => this.chance.dice());
    if (verdict.then === 'retry') {
      const dueMs = this.nowMs + verdict.waitMs;
      const wait = { for: 'retry' as const };
      return this.put(frame, node.id, { ...state, status: 'waiting', token: null, dueMs, error, wait });
    }
    const settled = { ...state, token: null, dueMs: null, endedMs: this.nowMs, error, wait: null };
    if (verdict.then === 'review') {
      this.put(frame, node.id, { ...settled, status: 'needs_review' });
      return this.advance(frame);
    }
    this.failed(frame, node, { state: settled, error });
  }

  /** The attempt does not count. */
  #refused(frame: FrameState, node: PlanNode): void {
    const state = frame.nodes.get(node.id)!;
    this.put(frame, node.id, {
      ...state,
      status: 'waiting',
      attempts: state.attempts - 1,
      token: null,
      dueMs: null,
      wait: { for: 'budget' },
    });
  }

  failed(
    frame: FrameState,
    node: PlanNode,
    { state, error }: { state: NodeState; error: RunError | null },
  ): void {
    this.put(frame, node.id, {
      ...state,
      status: 'failed',
      token: null,
      dueMs: null,
      endedMs: this.nowMs,
      error,
      handle: node.onError === 'error' ? 'error' : null,
    });
    if (node.onError !== 'stop') return this.advance(frame);
    this.stop(frame, 'failed', error);
    this.ended(frame);
  }

  /** An attempt that this same event has only just begun does not begin at all. */
  abort(token: string): void {
    const at = this.commands.findIndex((command) => command.do === 'run' && command.token === token);
    if (at >= 0) this.commands.splice(at, 1);
    else this.commands.push({ do: 'abort', token });
  }

  // ---- frames ----
  /** `kept`: nodes whose results an earlier run already has, with the handles they left by; or they are taken over from where they stand. */
  open(
    at: { scope: string; parent: string | null; path: number[] },
    { kept = [], takesOver = false }: { kept?: Iterable<[string, string | null]>; takesOver?: boolean } = {},
  ) {
    const frame: FrameState = {
      ...at,
      key: frameKey(at.scope, at.path),
      status: 'running',
      resultNode: null,
      error: null,
      nodes: new Map(),
    };
    this.state.putFrame(frame);
    for (const [id, handle] of kept) this.put(frame, id, keptNode(handle, this.nowMs));
    if (takesOver) this.state.takeOver(frame, this.nowMs);
    this.advance(frame);
  }

  /** Makes ready what can be made ready, passes on what is skipped, and ends the frame when nothing is left. */
  advance(frame: FrameState): void {
    if (frame.status !== 'running') return;
    let left = 0;
    let going = 0;
    for (const id of this.plan.order(frame.scope)) {
      const node = this.plan.nodes.get(id)!;
      let state = frame.nodes.get(id);
      if (!state) {
        const ready = readiness(frame, node, this.plan);
        if (ready === 'not_yet') {
          left++;
          continue;
        }
        if (ready === 'skip') this.put(frame, id, { ...UNBEGUN, status: 'skipped' });
        else this.begin(frame, node, UNBEGUN);
        state = frame.nodes.get(id)!;
      } else if (state.status === 'queued') {
        this.begin(frame, node, state);
        state = frame.nodes.get(id)!;
      }
      if (!SETTLED.has(state.status)) {
        left++;
        if (state.status !== 'needs_review') going++;
      }
    }
    if (going > 0) return;
    frame.status = left === 0 ? 'succeeded' : 'needs_review';
    if (left === 0) frame.resultNode = resultOf(frame, this.plan);
    this.state.putFrame(frame);
    this.ended(frame);
  }

  /** Ends a frame before its time: what runs is aborted, what waits is given up, what never began stays without a state. */
  stop(frame: FrameState, status: 'failed' | 'cancelled', error: RunError | null): void {
    for (const [id, node] of frame.nodes) {
      if (SETTLED.has(node.status) || (node.status === 'needs_review' && status === 'failed')) continue;
      if (node.token) this.abort(node.token);
      if (node.wait?.for === 'workflow')
        this.commands.push({ do: 'cancel_child', executionId: node.wait.executionId });
      if (this.plan.nodes.get(id)!.isMap) this.maps.stopItems(frame, id);
      this.put(frame, id, {
        ...node,
        status: node.startedMs === null ? 'skipped' : 'cancelled',
        token: null,
        dueMs: null,
        endedMs: this.nowMs,
        wait: null,
      });
    }
    frame.status = status;
    frame.error = error;
    this.state.putFrame(frame);
  }

  /** A frame has ended: the run with it when it is the top, else its map learns of it. */
  ended(frame: FrameState): void {
    if (frame.parent === null) end(this, frame);
    else this.maps.itemEnded(frame);
  }

  /** Takes up a frame again that had ended before a person's decision, and the maps around it. */
  reopen(frame: FrameState): void {
    if (frame.status === 'running') return;
    frame.status = 'running';
    this.state.putFrame(frame);
    if (frame.parent === null) this.resume(this.state.run());
    else this.maps.itemReopened(frame);
  }

  // ---- the run ----
  resume(run: RunState): void {
    this.state.putRun(resumed(run, this.nowMs));
    this.goOn();
  }

  /** All that was left only waited, and now something goes on. */
  stir(): void {
    const run = this.state.run();
    if (run.status === 'paused' && run.pausedFor === 'wait') this.resume(run);
  }

  /** Begins what stood still: queued nodes, nodes the budget refused, items not yet begun. */
  goOn(): void {
    if (!mayBegin(this)) return;
    for (const { frame: key, node } of this.state.nodesIn('queued', 'waiting')) {
      const frame = this.state.frame(key);
      const state = frame.nodes.get(node);
      const standsStill =
        state?.status === 'queued' ||
        (state?.status === 'waiting' && state.dueMs === null && (state.wait?.for ?? 'budget') === 'budget');
      if (standsStill) this.begin(frame, this.plan.nodes.get(node)!, state);
    }
    for (const { frame, node } of this.state.openMaps()) this.maps.fill(this.state.frame(frame), node);
  }
}
