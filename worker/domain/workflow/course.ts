/**
 * How frames and nodes go on within one event: what is ready begins, what failed is judged, what ended is passed up, maps fill their
 * places. progress.ts says which events there are; nothing here is called from outside it.
 */
import type { NodeFailure } from '../contracts/node.ts';
import { frameKey, type Plan, type PlanNode } from './plan.ts';
import { readiness, resultOf, SETTLED } from './readiness.ts';
import { held, mayGo, resumed } from './run-time.ts';
import {
  ENDED,
  type FrameState,
  type NodeState,
  keptNode,
  type ProgressState,
  type RunError,
  type RunState,
} from './state.ts';
import { errorOf, verdictOn } from './verdict.ts';

/** What the owner of the state does next, in this order. Losing one is harmless: recover() gives it again, or the sweeper sees to it. */
export type Command =
  | { do: 'run'; frame: string; node: string; token: string; attempt: number }
  | { do: 'abort'; token: string }
  /** all items of a map have ended: answer with finished(), in the same transaction or when its results are written */
  | { do: 'gather'; frame: string; node: string; token: string }
  /** a map has taken over as many items of an earlier run as one event may: answer with more() */
  | { do: 'more'; frame: string; node: string }
  /** another workflow's execution that this node waits for: has it ended? answer with settled() */
  | { do: 'look'; frame: string; node: string; executionId: string }
  /** that execution is wanted no more */
  | { do: 'cancel_child'; executionId: string }
  /** a slot is wanted: answer with granted() */
  | { do: 'acquire' }
  /** the slot is free for others */
  | { do: 'release' }
  | { do: 'end' };

export interface Chance {
  /** a new lease token */
  token(): string;
  /** evenly in [0, 1) */
  dice(): number;
}

/** Items that one event takes over from an earlier run, so that a hundred thousand of them are never one transaction. */
const TAKEN_AT_ONCE = 200;

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
  /** maps whose places are being filled: an item that ends at once fills no place by itself */
  readonly #filling = new Set<string>();
  #taken = 0;

  constructor(
    readonly plan: Plan,
    readonly state: ProgressState,
    readonly chance: Chance,
    readonly nowMs: number,
  ) {}

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
    if (othersFirst || !this.#mayBegin()) {
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
    if (failure.reason === 'over_budget') return this.#overBudget(frame, node, failure);
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
    this.#failed(frame, node, settled, error);
  }

  /** The attempt does not count; the run waits for money, unless a person had paused it already. */
  #overBudget(
    frame: FrameState,
    node: PlanNode,
    { refusal }: Extract<NodeFailure, { reason: 'over_budget' }>,
  ): void {
    const state = frame.nodes.get(node.id)!;
    this.put(frame, node.id, {
      ...state,
      status: 'waiting',
      attempts: state.attempts - 1,
      token: null,
      dueMs: null,
      wait: { for: 'budget' },
    });
    const run = this.state.run();
    if (run.status === 'paused' && run.pausedFor !== 'wait') return;
    const resetsAt = 'resetsAt' in refusal ? refusal.resetsAt : null;
    const resumeAtMs = resetsAt ? Math.max(Date.parse(resetsAt), this.nowMs + 1000) : null;
    this.state.putRun(held(run, { status: 'paused_budget', refusal, resumeAtMs }, this.nowMs));
  }

  #failed(frame: FrameState, node: PlanNode, state: NodeState, error: RunError | null): void {
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
      if (this.plan.nodes.get(id)!.isMap) this.#stopItems(frame, id);
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

  #stopItems(frame: FrameState, mapId: string): void {
    for (const key of this.state.openFrames(frame.key, mapId))
      this.stop(this.state.frame(key), 'cancelled', null);
    const map = this.state.map(frame.key, mapId);
    if (map) this.state.putMap(frame.key, mapId, { ...map, active: 0, next: map.total });
  }

  /** A frame has ended: the run with it when it is the top, else its map learns of it. */
  ended(frame: FrameState): void {
    if (frame.parent === null) return this.#runEnded(frame);
    const parent = this.state.frame(frame.parent);
    const map = this.state.map(parent.key, frame.scope)!;
    this.state.putMap(parent.key, frame.scope, { ...map, active: map.active - 1 });
    if (frame.status !== 'failed' || map.onItemError !== 'stop') return this.fill(parent, frame.scope);
    // the map fails with its item's error; nothing of it is tried again
    this.#stopItems(parent, frame.scope);
    const node = parent.nodes.get(frame.scope)!;
    this.#failed(parent, this.plan.nodes.get(frame.scope)!, node, frame.error);
  }

  #runEnded(top: FrameState): void {
    if (top.status === 'running') return;
    const { pausedFor: _, ...run } = this.state.run();
    this.state.putRun({
      ...run,
      status: top.status === 'succeeded' ? 'completed' : top.status,
      error: top.error,
      endedMs: this.nowMs,
      // what is left of its time, should a person's decision make it go on
      remainingMs: run.remainingMs ?? Math.max(0, run.deadlineMs - this.nowMs),
      refusal: null,
      resumeAtMs: null,
      ...(run.slotUntilMs === undefined ? {} : { slotUntilMs: null }),
    });
    this.commands.push({ do: 'end' });
  }

  /** Takes up a frame again that had ended before a person's decision, and the maps around it. */
  reopen(frame: FrameState): void {
    if (frame.status === 'running') return;
    frame.status = 'running';
    this.state.putFrame(frame);
    if (frame.parent === null) return this.resume(this.state.run());
    const parent = this.state.frame(frame.parent);
    const map = this.state.map(parent.key, frame.scope)!;
    this.state.putMap(parent.key, frame.scope, { ...map, active: map.active + 1 });
    const node = parent.nodes.get(frame.scope)!;
    if (node.status === 'needs_review')
      this.put(parent, frame.scope, {
        ...node,
        status: 'running',
        token: this.chance.token(),
        endedMs: null,
        error: null,
      });
    this.reopen(parent);
  }

  /** Begins items up to the map's concurrency; gathers when the last has ended. */
  fill(frame: FrameState, nodeId: string): void {
    const key = `${frame.key}|${nodeId}`;
    if (this.#filling.has(key)) return;
    this.#filling.add(key);
    this.#fill(frame, nodeId);
    this.#filling.delete(key);
  }

  #fill(frame: FrameState, nodeId: string): void {
    for (;;) {
      const node = frame.nodes.get(nodeId);
      const map = this.state.map(frame.key, nodeId);
      if (!map || node?.status !== 'running') return;
      if (map.next >= map.total) {
        if (map.active > 0) return;
        if (!this.state.isInDoubt(frame.key, nodeId)) {
          this.commands.push({ do: 'gather', frame: frame.key, node: nodeId, token: node.token! });
          return;
        }
        const endedMs = this.nowMs;
        this.put(frame, nodeId, { ...node, status: 'needs_review', token: null, dueMs: null, endedMs });
        return this.advance(frame);
      }
      if (map.active >= map.concurrency || !this.#mayBegin()) return;
      const takesOver = map.resumes === true;
      if (takesOver && this.#taken++ >= TAKEN_AT_ONCE) {
        this.commands.push({ do: 'more', frame: frame.key, node: nodeId });
        return;
      }
      this.state.putMap(frame.key, nodeId, { ...map, next: map.next + 1, active: map.active + 1 });
      this.open({ scope: nodeId, parent: frame.key, path: [...frame.path, map.next] }, { takesOver });
    }
  }

  // ---- the run ----
  resume(run: RunState): void {
    this.state.putRun(resumed(run, this.nowMs));
    this.goOn();
  }

  /** A run that could go but has no slot, or whose slot ran out, queues for one. */
  #mayBegin(): boolean {
    const run = this.state.run();
    if (mayGo(run, this.nowMs)) return true;
    if (run.status === 'running') this.queueUp();
    return false;
  }

  /** All that was left only waited, and now something goes on. */
  stir(): void {
    const run = this.state.run();
    if (run.status === 'paused' && run.pausedFor === 'wait') this.resume(run);
  }

  queueUp(): void {
    const run = held(this.state.run(), { status: 'queued' }, this.nowMs);
    this.state.putRun({ ...run, slotUntilMs: null });
    this.commands.push({ do: 'acquire' });
  }

  /** Begins what stood still: queued nodes, nodes the budget refused, items not yet begun. */
  goOn(): void {
    if (!this.#mayBegin()) return;
    for (const { frame: key, node } of this.state.nodesIn('queued', 'waiting')) {
      const frame = this.state.frame(key);
      const state = frame.nodes.get(node);
      const standsStill =
        state?.status === 'queued' ||
        (state?.status === 'waiting' && state.dueMs === null && (state.wait?.for ?? 'budget') === 'budget');
      if (standsStill) this.begin(frame, this.plan.nodes.get(node)!, state);
    }
    for (const { frame, node } of this.state.openMaps()) this.fill(this.state.frame(frame), node);
  }

  /** After each event: a run in which nothing is under way gives its slot back, and is paused when all it does is wait. */
  rest(): void {
    let run = this.state.run();
    if (ENDED.includes(run.status)) return;
    const { running, handling, waits } = this.state.motion();
    if (running || (handling && run.status === 'running')) return;
    if (run.status === 'running') {
      if (waits.length === 0) return;
      if (waits.some((wait) => wait !== 'retry')) {
        run = held(run, { status: 'paused', pausedFor: 'wait' }, this.nowMs);
        this.state.putRun(run);
      }
    }
    if (typeof run.slotUntilMs !== 'number') return;
    this.state.putRun({ ...run, slotUntilMs: null });
    this.commands.push({ do: 'release' });
  }
}
