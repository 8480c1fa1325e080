/** What is known of a run while it goes: the run, its frames (the top, and one per item of a map), the nodes in them. Kept piece by piece, never as one lump. */
import type { Refusal } from '../refusal.ts';

export const NODE_STATUSES = [
  'pending',
  'queued',
  'running',
  'waiting',
  'succeeded',
  'failed',
  'skipped',
  'cancelled',
  'needs_review',
] as const;
export type NodeStatus = (typeof NODE_STATUSES)[number];

export const EXECUTION_STATUSES = [
  'queued',
  'running',
  'paused',
  'paused_budget',
  'completed',
  'failed',
  'cancelled',
  'needs_review',
] as const;
export type ExecutionStatus = (typeof EXECUTION_STATUSES)[number];
export const ENDED: readonly ExecutionStatus[] = ['completed', 'failed', 'cancelled', 'needs_review'];

/** Why a node, an item or a run failed. */
export interface RunError {
  nodeId?: string;
  /** position in the enclosing maps, outermost first */
  itemPath?: number[];
  reason: string;
  message: string;
  field?: string;
  position?: number;
}

/** A node that has no state is `pending`; in a frame that has ended, it was never started and is shown as `skipped`. */
export interface NodeState {
  status: Exclude<NodeStatus, 'pending'>;
  /** attempts begun; one that the budget refused does not count */
  attempts: number;
  /** the lease: results are taken only with the current one. null when nothing runs */
  token: string | null;
  /** running: when the lease ends (null = never). waiting: when that is over by itself (null = never) */
  dueMs: number | null;
  /** the output its successors hang on */
  handle: string | null;
  startedMs: number | null;
  endedMs: number | null;
  error: RunError | null;
  /** what it waits for; null or absent unless it waits (in rows from before: for another try, or for money) */
  wait?: NodeWait | null;
}

/** What a waiting node waits for. Only a retry and money mean another attempt; the others are settled without one. */
export type NodeWait =
  | { for: 'retry' }
  | { for: 'budget' }
  | { for: 'delay' }
  /** a person; `message` is what they are asked */
  | { for: 'approval'; message: string }
  /** the execution of another workflow */
  | { for: 'workflow'; executionId: string };

/** A result that an earlier run gave: this one never began it. */
export const keptNode = (handle: string | null, nowMs: number): NodeState => ({
  status: 'succeeded',
  attempts: 0,
  token: null,
  dueMs: null,
  handle,
  startedMs: null,
  endedMs: nowMs,
  error: null,
});

export interface FrameState {
  /** '' for the top, else `<map id>@<path>` */
  key: string;
  /** '' or the map's id */
  scope: string;
  /** the frame the map stands in; null for the top */
  parent: string | null;
  path: number[];
  status: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'needs_review';
  /** whose output is the frame's result, once it succeeded */
  resultNode: string | null;
  error: RunError | null;
  nodes: Map<string, NodeState>;
}

/** A map that knows its items. */
export interface MapState {
  total: number;
  /** the first item not yet begun */
  next: number;
  /** items going on */
  active: number;
  concurrency: number;
  onItemError: 'stop' | 'continue' | 'remove';
  /** an earlier run gave results of its items, which are taken over item by item; absent = no */
  resumes?: boolean;
}

export interface RunState {
  status: ExecutionStatus;
  error: RunError | null;
  startedMs: number;
  endedMs: number | null;
  /** when the run (or its pause) ends by itself */
  deadlineMs: number;
  /** while paused or in the queue: what was left of the run's own time */
  remainingMs: number | null;
  /** status `paused`: by a person, or because all that is left only waits. Absent in runs from before: a person */
  pausedFor?: 'person' | 'wait';
  /** whose workflow limits its runs: until when this one's slot is leased, null = it has none. Absent = there is no limit */
  slotUntilMs?: number | null;
  /** paused_budget: what said no */
  refusal: Refusal | null;
  /** paused_budget: when the budget begins a new period */
  resumeAtMs: number | null;
}

/** Where the state stands: maps in tests, rows in the run's object. Everything is synchronous, so one event is one transaction. */
export interface ProgressState {
  run(): RunState;
  putRun(run: RunState): void;
  frame(key: string): FrameState;
  putFrame(frame: FrameState): void;
  putNode(frame: FrameState, nodeId: string, node: NodeState): void;
  map(frameKey: string, nodeId: string): MapState | null;
  putMap(frameKey: string, nodeId: string, map: MapState): void;
  /** nodes in any of these statuses, oldest frame first */
  nodesIn(...statuses: NodeStatus[]): { frame: string; node: string }[];
  /** frames of this map that still run */
  openFrames(frameKey: string, nodeId: string): string[];
  /** the earliest dueMs of any node; null when none has one */
  minDueMs(): number | null;
  /** maps that run and have items not yet begun */
  openMaps(): { frame: string; node: string }[];
  /** does an item of this map wait for a person's decision? */
  isInDoubt(frameKey: string, nodeId: string): boolean;
  /**
   * Is any attempt under way (a map whose items are known is none), what is waited for, and does a map busy itself with items of which none
   * goes on: it takes over an earlier run's, or gathers its own?
   */
  motion(): { running: boolean; handling: boolean; waits: NodeWait['for'][] };
  /** Moves what an earlier run gave in this item (of a map that `resumes`) into its frame: rows with outputs, each as keptNode(). */
  takeOver(frame: FrameState, nowMs: number): void;
}
