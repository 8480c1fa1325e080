/**
 * The state machine of a run: one event in, the new state written, commands out. Every run ends; a node's result is taken once,
 * from whoever holds its current lease. It does no I/O and knows no clock: the time comes with each event, tokens and dice are handed in.
 */
import type { NodeFailure } from '../contracts/node.ts';
import { DEFAULT_CONCURRENCY, TOP, type Plan, type PlanNode } from './plan.ts';
import {
  ENDED,
  type FrameState,
  type MapState,
  type NodeState,
  type ProgressState,
  type RunError,
  type RunState,
} from './state.ts';

/** What the owner of the state does next, in this order. Losing one is harmless: recover() gives it again. */
export type Command =
  | { do: 'run'; frame: string; node: string; token: string; attempt: number }
  | { do: 'abort'; token: string }
  /** all items of a map have ended: answer with finished(), at once and in the same transaction */
  | { do: 'gather'; frame: string; node: string; token: string }
  | { do: 'end' };

export interface Chance {
  /** a new lease token */
  token(): string;
  /** evenly in [0, 1) */
  dice(): number;
}

export const DEFAULT_RUN_MS = 24 * 3_600_000;
export const PAUSE_MS = 30 * 24 * 3_600_000;
/** Beyond its own attempts, a node is begun this often again after the server was lost under it. */
const LOST_ATTEMPTS = 3;

const SETTLED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);
const ACTIVE: ReadonlySet<string> = new Set(['running', 'waiting']);

export class Progress {
  #commands: Command[] = [];
  #nowMs = 0;

  constructor(
    readonly plan: Plan,
    readonly state: ProgressState,
    readonly chance: Chance,
  ) {}

  /** The first event of a run; the run's row must not exist yet. */
  start(nowMs: number, timeoutMs = DEFAULT_RUN_MS): Command[] {
    return this.#event(nowMs, () => {
      this.state.putRun({
        status: 'running',
        error: null,
        startedMs: nowMs,
        endedMs: null,
        deadlineMs: nowMs + timeoutMs,
        remainingMs: null,
        refusal: null,
        resumeAtMs: null,
      });
      this.#open(TOP, null, []);
    });
  }

  /** A node's own result, or a map's after `gather`. null when the lease is not the current one: the result is late and changes nothing. */
  finished(
    nowMs: number,
    at: { frame: string; node: string; token: string },
    handle: string | null,
  ): Command[] | null {
    const held = this.#held(at);
    if (!held) return null;
    return this.#event(nowMs, () => {
      this.#put(held.frame, at.node, {
        ...held.node,
        status: 'succeeded',
        token: null,
        dueMs: null,
        handle,
        endedMs: nowMs,
      });
      this.#advance(held.frame);
    });
  }

  /** The items of a map are known: its body begins. null when the lease is not the current one. */
  expanded(
    nowMs: number,
    at: { frame: string; node: string; token: string },
    items: { total: number; concurrency?: number; onItemError?: MapState['onItemError'] },
  ): Command[] | null {
    const held = this.#held(at);
    if (!held || this.state.map(at.frame, at.node)) return null;
    return this.#event(nowMs, () => {
      this.#put(held.frame, at.node, { ...held.node, dueMs: null });
      const map: MapState = {
        total: items.total,
        next: 0,
        active: 0,
        concurrency: this.plan.sequential ? 1 : (items.concurrency ?? DEFAULT_CONCURRENCY),
        onItemError: items.onItemError ?? 'stop',
        inDoubt: false,
      };
      this.state.putMap(at.frame, at.node, map);
      this.#fill(held.frame, at.node);
    });
  }

  /** An attempt failed: tried again, settled by the node's onError, or - when a budget said no - the run pauses. null when late. */
  failed(
    nowMs: number,
    at: { frame: string; node: string; token: string },
    failure: NodeFailure,
  ): Command[] | null {
    const held = this.#held(at);
    if (!held) return null;
    return this.#event(nowMs, () =>
      this.#fail(held.frame, this.plan.nodes.get(at.node)!, held.node, failure),
    );
  }

  /** Everything that is due by now: retries, leases that ran out, a budget's new period, the end of the run's time. */
  tick(nowMs: number): Command[] {
    return this.#event(nowMs, () => {
      const run = this.state.run();
      if (ENDED.includes(run.status)) return;
      if (run.deadlineMs <= nowMs) {
        const paused = run.remainingMs !== null;
        const top = this.state.frame(TOP);
        this.#stop(top, 'failed', {
          reason: 'timed_out',
          message: paused ? 'The run was paused for too long.' : 'The run took longer than its time.',
        });
        return this.#ended(top);
      }
      if (run.status === 'paused_budget' && run.resumeAtMs !== null && run.resumeAtMs <= nowMs)
        this.#resume(run);
      for (const { frame: key, node } of this.state.nodesIn('running', 'waiting')) {
        const frame = this.state.frame(key);
        const state = frame.nodes.get(node);
        if (!state || state.dueMs === null || state.dueMs > nowMs) continue;
        if (state.status === 'waiting') this.#begin(frame, this.plan.nodes.get(node)!, state);
        else if (state.status === 'running') {
          if (state.token) this.#commands.push({ do: 'abort', token: state.token });
          this.#fail(frame, this.plan.nodes.get(node)!, state, {
            reason: 'unknown',
            message: `It took longer than ${this.plan.nodes.get(node)!.timeoutMs} ms.`,
          });
        }
      }
    });
  }

  /** After the owner was lost: nodes that run under a lease nobody holds any more are begun again, or put before a person. */
  recover(nowMs: number, isHeld: (token: string) => boolean): Command[] {
    return this.#event(nowMs, () => {
      for (const { frame: key, node } of this.state.nodesIn('running')) {
        const frame = this.state.frame(key);
        const state = frame.nodes.get(node);
        const plan = this.plan.nodes.get(node)!;
        if (state?.status !== 'running' || isHeld(state.token!)) continue;
        if (plan.isMap && this.state.map(key, node)) {
          this.#fill(frame, node);
          continue;
        }
        const lost = { reason: 'unknown' as const, message: 'The server was stopped during this attempt.' };
        if (plan.idempotent && state.attempts < plan.retry.maxAttempts + LOST_ATTEMPTS)
          this.#begin(frame, plan, { ...state, token: null });
        else this.#fail(frame, plan, state, lost, false);
      }
      this.#goOn();
    });
  }

  /** Idempotent; an ended run stays as it is. */
  cancel(nowMs: number): Command[] {
    return this.#event(nowMs, () => {
      if (ENDED.includes(this.state.run().status)) return;
      const top = this.state.frame(TOP);
      this.#stop(top, 'cancelled', null);
      this.#ended(top);
    });
  }

  /** What runs is finished, nothing new begins. Idempotent. */
  pause(nowMs: number): Command[] {
    return this.#event(nowMs, () => {
      const run = this.state.run();
      if (run.status === 'running') this.#hold(run, { status: 'paused', refusal: null, resumeAtMs: null });
      else if (run.status === 'paused_budget')
        this.state.putRun({ ...run, status: 'paused', resumeAtMs: null });
    });
  }

  /** Goes on from where it stopped. Idempotent. */
  resume(nowMs: number): Command[] {
    return this.#event(nowMs, () => {
      const run = this.state.run();
      if (run.status === 'paused' || run.status === 'paused_budget') this.#resume(run);
    });
  }

  /** When something is due next; null when nothing is. */
  nextDueMs(): number | null {
    const run = this.state.run();
    if (ENDED.includes(run.status)) return null;
    return Math.min(run.deadlineMs, run.resumeAtMs ?? Infinity, this.state.minDueMs() ?? Infinity);
  }

  #event(nowMs: number, change: () => void): Command[] {
    this.#nowMs = nowMs;
    this.#commands = [];
    change();
    return this.#commands;
  }

  #held({ frame: key, node, token }: { frame: string; node: string; token: string }) {
    const frame = this.state.frame(key);
    const state = frame.nodes.get(node);
    return state?.status === 'running' && state.token === token ? { frame, node: state } : null;
  }

  #put(frame: FrameState, nodeId: string, node: NodeState): void {
    frame.nodes.set(nodeId, node);
    this.state.putNode(frame, nodeId, node);
  }

  #open(scope: string, parent: string | null, path: number[]): void {
    const frame: FrameState = {
      key: scope === TOP ? TOP : `${scope}@${path.join('.')}`,
      scope,
      parent,
      path,
      status: 'running',
      resultNode: null,
      error: null,
      nodes: new Map(),
    };
    this.state.putFrame(frame);
    this.#advance(frame);
  }

  /** Makes ready what can be made ready, passes on what is skipped, and ends the frame when nothing is left. */
  #advance(frame: FrameState): void {
    if (frame.status !== 'running') return;
    const order = this.plan.order(frame.scope);
    let left = 0;
    let going = 0;
    for (const id of order) {
      const node = this.plan.nodes.get(id)!;
      let state = frame.nodes.get(id);
      if (!state) {
        const ready = this.#readiness(frame, node);
        if (ready === 'not_yet') {
          left++;
          continue;
        }
        if (ready === 'skip') this.#put(frame, id, { ...UNBEGUN, status: 'skipped' });
        else this.#begin(frame, node, UNBEGUN);
        state = frame.nodes.get(id)!;
        if (frame.status !== 'running') return;
      } else if (state.status === 'queued') {
        this.#begin(frame, node, state);
        state = frame.nodes.get(id)!;
      }
      if (!SETTLED.has(state.status)) {
        left++;
        if (state.status !== 'needs_review') going++;
      }
    }
    if (left === 0) {
      frame.status = 'succeeded';
      frame.resultNode = this.#resultOf(frame);
      this.state.putFrame(frame);
      this.#ended(frame);
    } else if (going === 0) {
      frame.status = 'needs_review';
      this.state.putFrame(frame);
      this.#ended(frame);
    }
  }

  #readiness(frame: FrameState, node: PlanNode): 'ready' | 'skip' | 'not_yet' {
    if (node.incoming.length === 0) return frame.scope !== TOP || node.isTrigger ? 'ready' : 'skip';
    let live = false;
    for (const edge of node.incoming) {
      const source = frame.nodes.get(edge.source);
      if (!source || !SETTLED.has(source.status)) return 'not_yet';
      const handle = edge.sourceHandle ?? '';
      if (source.status === 'succeeded') live ||= handle === (source.handle ?? '');
      else if (source.status === 'failed') {
        const { onError } = this.plan.nodes.get(edge.source)!;
        live ||= onError === 'error' ? handle === 'error' : onError === 'continue';
      }
    }
    return live ? 'ready' : 'skip';
  }

  /** The last node of the frame that ends a way and was gone through; null when none was. */
  #resultOf(frame: FrameState): string | null {
    return (
      this.plan
        .order(frame.scope)
        .findLast(
          (id) =>
            this.plan.nodes.get(id)!.outgoing.length === 0 && frame.nodes.get(id)?.status === 'succeeded',
        ) ?? null
    );
  }

  /** Runs the node under a new lease, or queues it while the run is paused or another one goes first. */
  #begin(frame: FrameState, node: PlanNode, before: NodeState): void {
    const mayRun =
      this.state.run().status === 'running' &&
      !(
        this.plan.sequential &&
        [...frame.nodes].some(([id, other]) => id !== node.id && ACTIVE.has(other.status))
      );
    if (!mayRun) {
      if (before.status !== 'queued' || !frame.nodes.has(node.id))
        this.#put(frame, node.id, { ...before, status: 'queued', token: null, dueMs: null });
      return;
    }
    const token = this.chance.token();
    const attempt = before.attempts + 1;
    this.#put(frame, node.id, {
      ...before,
      status: 'running',
      attempts: attempt,
      token,
      dueMs: node.isInline ? null : this.#nowMs + node.timeoutMs,
      startedMs: before.startedMs ?? this.#nowMs,
      error: null,
    });
    this.#commands.push({ do: 'run', frame: frame.key, node: node.id, token, attempt });
  }

  #fail(frame: FrameState, node: PlanNode, state: NodeState, failure: NodeFailure, mayRetry = true): void {
    if (failure.reason === 'over_budget') {
      const resetsAt = 'resetsAt' in failure.refusal ? failure.refusal.resetsAt : null;
      this.#put(frame, node.id, {
        ...state,
        status: 'waiting',
        attempts: state.attempts - 1,
        token: null,
        dueMs: null,
      });
      const run = this.state.run();
      const paused = {
        status: 'paused_budget' as const,
        refusal: failure.refusal,
        resumeAtMs: resetsAt ? Math.max(Date.parse(resetsAt), this.#nowMs + 1000) : null,
      };
      if (run.status === 'running') this.#hold(run, paused);
      else if (!ENDED.includes(run.status)) this.state.putRun({ ...run, ...paused });
      return;
    }
    const error: RunError = {
      nodeId: node.id,
      ...(frame.path.length > 0 ? { itemPath: frame.path } : {}),
      reason: failure.reason,
      message: failure.message,
      ...(failure.field === undefined ? {} : { field: failure.field }),
      ...(failure.position === undefined ? {} : { position: failure.position }),
    };
    const safe = failure.reason === 'not_sent' || (failure.reason === 'unknown' && node.idempotent);
    if (safe && mayRetry && state.attempts < node.retry.maxAttempts) {
      const { intervalMs, rate, maxDelayMs } = node.retry;
      const spread = this.chance.dice() * Math.min(maxDelayMs, intervalMs * rate ** (state.attempts - 1));
      const waitMs = Math.ceil(Math.max(spread, failure.retryAfterMs ?? 0));
      this.#put(frame, node.id, {
        ...state,
        status: 'waiting',
        token: null,
        dueMs: this.#nowMs + waitMs,
        error,
      });
      return;
    }
    const settled = { ...state, token: null, dueMs: null, endedMs: this.#nowMs, error };
    if (failure.reason === 'unknown' && !node.idempotent) {
      this.#put(frame, node.id, { ...settled, status: 'needs_review' });
      return this.#advance(frame);
    }
    this.#put(frame, node.id, {
      ...settled,
      status: 'failed',
      handle: node.onError === 'error' ? 'error' : null,
    });
    if (node.onError !== 'stop') return this.#advance(frame);
    this.#stop(frame, 'failed', error);
    this.#ended(frame);
  }

  /** Ends a frame before its time: what runs is aborted, what waits is given up, what never began stays without a state. */
  #stop(frame: FrameState, status: 'failed' | 'cancelled', error: RunError | null): void {
    for (const [id, node] of frame.nodes) {
      if (SETTLED.has(node.status) || (node.status === 'needs_review' && status === 'failed')) continue;
      if (node.token) this.#commands.push({ do: 'abort', token: node.token });
      if (this.plan.nodes.get(id)!.isMap)
        for (const key of this.state.openFrames(frame.key, id))
          this.#stop(this.state.frame(key), 'cancelled', null);
      this.#put(frame, id, {
        ...node,
        status: node.startedMs === null ? 'skipped' : 'cancelled',
        token: null,
        dueMs: null,
        endedMs: this.#nowMs,
      });
    }
    frame.status = status;
    frame.error = error;
    this.state.putFrame(frame);
  }

  /** A frame has ended: the run with it when it is the top, else its map learns of it. */
  #ended(frame: FrameState): void {
    if (frame.parent === null) {
      const status = frame.status === 'succeeded' ? 'completed' : frame.status;
      if (status === 'running') return;
      this.state.putRun({
        ...this.state.run(),
        status,
        error: frame.error,
        endedMs: this.#nowMs,
        refusal: null,
        resumeAtMs: null,
      });
      this.#commands.push({ do: 'end' });
      return;
    }
    const parent = this.state.frame(frame.parent);
    const map = this.state.map(parent.key, frame.scope)!;
    const inDoubt = map.inDoubt || frame.status === 'needs_review';
    this.state.putMap(parent.key, frame.scope, { ...map, active: map.active - 1, inDoubt });
    if (frame.status === 'failed' && map.onItemError === 'stop') {
      const node = parent.nodes.get(frame.scope)!;
      for (const key of this.state.openFrames(parent.key, frame.scope))
        this.#stop(this.state.frame(key), 'cancelled', null);
      this.state.putMap(parent.key, frame.scope, { ...map, active: 0, next: map.total, inDoubt });
      return this.#settleMapFailure(parent, this.plan.nodes.get(frame.scope)!, node, frame.error);
    }
    this.#fill(parent, frame.scope);
  }

  /** A map fails with its item's error; nothing of it is tried again. */
  #settleMapFailure(frame: FrameState, node: PlanNode, state: NodeState, error: RunError | null): void {
    this.#put(frame, node.id, {
      ...state,
      status: 'failed',
      token: null,
      dueMs: null,
      endedMs: this.#nowMs,
      error,
      handle: node.onError === 'error' ? 'error' : null,
    });
    if (node.onError !== 'stop') return this.#advance(frame);
    this.#stop(frame, 'failed', error);
    this.#ended(frame);
  }

  /** Begins items up to the map's concurrency; gathers when the last has ended. */
  #fill(frame: FrameState, nodeId: string): void {
    for (;;) {
      const node = frame.nodes.get(nodeId);
      const map = this.state.map(frame.key, nodeId);
      if (!map || node?.status !== 'running') return;
      if (map.next >= map.total) {
        if (map.active > 0) return;
        if (map.inDoubt) {
          this.#put(frame, nodeId, {
            ...node,
            status: 'needs_review',
            token: null,
            dueMs: null,
            endedMs: this.#nowMs,
          });
          return this.#advance(frame);
        }
        this.#commands.push({ do: 'gather', frame: frame.key, node: nodeId, token: node.token! });
        return;
      }
      if (map.active >= map.concurrency || this.state.run().status !== 'running') return;
      const begun = { ...map, next: map.next + 1, active: map.active + 1 };
      this.state.putMap(frame.key, nodeId, begun);
      this.#open(nodeId, frame.key, [...frame.path, map.next]);
    }
  }

  #hold(run: RunState, how: Pick<RunState, 'status' | 'refusal' | 'resumeAtMs'>): void {
    this.state.putRun({
      ...run,
      ...how,
      remainingMs: Math.max(0, run.deadlineMs - this.#nowMs),
      deadlineMs: this.#nowMs + PAUSE_MS,
    });
  }

  #resume(run: RunState): void {
    this.state.putRun({
      ...run,
      status: 'running',
      deadlineMs: this.#nowMs + (run.remainingMs ?? DEFAULT_RUN_MS),
      remainingMs: null,
      refusal: null,
      resumeAtMs: null,
    });
    this.#goOn();
  }

  /** Begins what stood still: queued nodes, nodes the budget refused, items not yet begun. */
  #goOn(): void {
    if (this.state.run().status !== 'running') return;
    for (const { frame: key, node } of this.state.nodesIn('queued', 'waiting')) {
      const frame = this.state.frame(key);
      const state = frame.nodes.get(node);
      if (state?.status === 'queued' || (state?.status === 'waiting' && state.dueMs === null))
        this.#begin(frame, this.plan.nodes.get(node)!, state);
    }
    for (const { frame, node } of this.state.openMaps()) this.#fill(this.state.frame(frame), node);
  }
}

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
