/** What passes between a run's object and the rest of the house: the order it starts from, what it reports, what it is asked. */
import type { Caller } from '../budget/budget.ts';
import type { LiveMessage } from '../budget/team.ts';
import type { NodeSpend } from '../contracts/node.ts';
import type { Definition } from './definition.ts';
import type { Expressions } from './expression.ts';
import type { NodeKinds } from './graph.ts';
import type { Alone, EarlierItemNode, EarlierNode } from './replay.ts';
import type { Result } from '../result.ts';
import type { ExecutionStatus, NodeStatus, NodeWait, RunError } from './state.ts';

/** Everything a run is pinned to when it starts. */
export interface RunOrder {
  executionId: string;
  teamId: string;
  workflowId: string;
  /** null = the draft */
  version: number | null;
  definition: Definition;
  input: unknown;
  trigger: string;
  keyId: string | null;
  memberId: string | null;
  /** absent in runs begun before there were groups */
  groupIds?: string[];
  tags: string[];
  budgetNanoUsd: number | null;
  /** how many workflows called each other down to this one; absent = 0, nobody called it */
  depth?: number;
  /** its workflow limits its runs: until when it was granted a slot, null = it stands in line. Absent = no limit */
  slotUntilMs?: number | null;
  /** definitions of the workflows it may call, pinned when it began */
  pins?: Pins;
  /** who called it, and who called them: nearest first, with what each may spend */
  callers?: Caller[];
  /** whose results it takes over, and from which node on it runs anew; null = from what had not succeeded */
  replay?: { executionId: string; fromNodeId: string | null };
  /** it ended long ago and stands in the archive; absent = no */
  isArchived?: true;
  /** one node runs alone, with these things given */
  alone?: Alone;
}

/** By workflow id, the version that was published when the run began, and its definition's hash. */
export type Pins = Record<string, { version: number; hash: string }>;

/** One output on its way to D1; unique by (execution, node, itemKey). */
export interface StoredOutput {
  id: string;
  nodeId: string;
  itemKey: string;
  itemIndex: number | null;
  /** JSON text */
  value: string;
  tags: string[];
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  durationMs: number;
  createdAt: string;
}

/** How a run stands, for its index row. Times are ISO. */
export interface RunRecord {
  executionId: string;
  teamId: string;
  workflowId: string;
  status: ExecutionStatus;
  error: RunError | null;
  budgetNanoUsd: number | null;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  startedAt: string | null;
  endedAt: string | null;
  wakeAt: string | null;
  /** of its time, how long no node ran or waited; null = it has not ended, or has too many nodes to tell */
  engineMs?: number | null;
  /** it goes on holding a slot of its workflow */
  holdsSlot: boolean;
  /** nodes that wait for a person */
  questions: number;
  outputs: StoredOutput[];
}

export interface NodeView {
  nodeId: string;
  /** index in the innermost map */
  itemIndex?: number;
  itemPath?: number[];
  status: NodeStatus;
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  handle?: string;
  output?: unknown;
  /** the output was too large to show; its beginning */
  outputPreview?: string;
  error?: RunError;
  /** what it waits for, and until when (null = until it comes) */
  wait?: NodeWait & { until: string | null };
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

export interface RunView {
  status: ExecutionStatus;
  error: RunError | null;
  /** why it is paused at a budget */
  refusal: unknown;
  /** status `paused`: by a person, or because all that is left only waits. Absent in views kept from before */
  pausedFor?: 'person' | 'wait' | null;
  budgetNanoUsd: number | null;
  startedAt: string;
  endedAt: string | null;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  nodes: NodeView[];
  /** per node, how many of its items stand where */
  counts: Record<string, Partial<Record<NodeStatus, number>>>;
  nextCursor: string | null;
}

/** A large output: the file it stands in, and how it begins. */
export interface OutputRef {
  key: string;
  preview: string;
  /** absent in rows from before */
  bytes?: number;
}
/** An output wherever it stands. */
export type WholeOutput = { json: string } | { ref: OutputRef };

export interface EarlierRun {
  /** did it end well? */
  completed: boolean;
  /** how its outermost nodes ended */
  nodes(): Promise<EarlierNode[]>;
  /** nodes of all items of these maps, a page at a time, those of one item together. Throws when not all of them can be had */
  items(mapIds: readonly string[]): AsyncIterable<EarlierItemNode[]>;
  /** null = there is none */
  output(place: NodePlace): Promise<WholeOutput | null>;
}

/** How an execution ended that another one called. */
export interface CalledRun {
  /** null = well */
  failure: { message: string } | null;
  /** by output node: its value, or those of all items in their order */
  outputs: Record<string, unknown>;
  spend: NodeSpend;
}

/** A node of a run: inside maps with the indexes of its items, outermost first. */
export interface NodePlace {
  nodeId: string;
  itemPath: number[];
}
export type OutputPlace = NodePlace & { executionId: string };
/** There is no such node (or item), or it waits for no such decision. */
export type NotDecided = 'no_node' | 'nothing_to_decide';

/** What a run's object answers over RPC. Every method may be called twice. */
export interface RunObject {
  /** Begins the run, or goes on with one that has begun; returns once the start is saved. */
  start(order: RunOrder): Promise<void>;
  /** null when the run has not begun */
  view(page: { nodeId?: string; limit: number; cursor?: string }): Promise<RunView | null>;
  cancel(order: RunOrder): Promise<ExecutionStatus>;
  pause(order: RunOrder): Promise<ExecutionStatus>;
  resume(order: RunOrder, change: { budgetNanoUsd?: number | null }): Promise<ExecutionStatus>;
  /** The nodes that wait for a person, oldest first. */
  questions(limit: number): Promise<NodeView[]>;
  /** A person's answer to an approval. */
  approve(
    answer: NodePlace & { decision: 'approved' | 'rejected' },
  ): Promise<Result<ExecutionStatus, NotDecided>>;
  /** What a person knows of a node in `needs_review`: it is `done` (with this output), or is to run once more. */
  review(
    answer: NodePlace & { decision: 'done' | 'retry'; output?: unknown },
  ): Promise<Result<ExecutionStatus, NotDecided>>;
  /** How the outermost nodes stand: for a run that takes over from this one. */
  topNodes(): Promise<EarlierNode[]>;
  /** One page of the items' nodes of these maps, and where the next begins (null = that was the last); null when it stands here no more. */
  itemNodes(query: {
    mapIds: readonly string[];
    after: string | null;
  }): Promise<{ nodes: EarlierItemNode[]; next: string | null } | null>;
  /** What a node gave; null when there is no such node or item, or it has given nothing. */
  output(place: NodePlace): Promise<WholeOutput | null>;
  /** Writes all that it holds to the archive; `nothing` when it never began. */
  archive(): Promise<'archived' | 'not_ended' | 'nothing'>;
  /** Forgets everything: only what was archived. */
  empty(): Promise<void>;
  /** An execution that this one called has ended. */
  called(executionId: string): Promise<void>;
  /** Looks after what is due and what was lost; false when the run has not begun. */
  poke(): Promise<boolean>;
}

/** What the object is given: the world outside, all of it handed in. */
export interface RunDeps {
  now(): number;
  dice(): number;
  token(): string;
  newOutputId(): string;
  kinds: NodeKinds;
  expressions: Expressions;
  /** for NodeContext.deps */
  nodeDeps: unknown;
  /** the callers of this run's attempts before `beforeAttempt` are known dead */
  abandon(teamId: string, runId: string, beforeAttempt: number): Promise<void>;
  /** index row and outputs, safe to run twice; answers until when the run's slot is leased now */
  record(record: RunRecord): Promise<{ slotUntilMs: number | null }>;
  /** gives free slots of this workflow to those who stand in line */
  grantSlots(workflowId: string): Promise<unknown>;
  /** keeps a large output outside the run; answers where */
  putOutput(at: OutputPlace, json: string | AsyncIterable<string>): Promise<OutputRef>;
  /** the same output, kept for another run; answers its key */
  copyOutput(key: string, at: OutputPlace): Promise<string>;
  readOutputText(key: string): AsyncIterable<string>;
  readOutput(key: string): Promise<unknown>;
  archive(executionId: string, lines: AsyncIterable<string>): Promise<void>;
  /** results of an execution that this one takes over from, also when it was archived */
  earlierRun(executionId: string): Promise<EarlierRun>;
  /** how an execution stands that this one called; null while it goes */
  calledRun(executionId: string): Promise<CalledRun | null>;
  /** tells the execution that called this one that it has ended; may be lost */
  tellCaller(callerId: string, executionId: string): Promise<void>;
  cancelRun(executionId: string): Promise<void>;
  /** tells the team's open pages; false when there are none */
  publish(teamId: string, message: LiveMessage): Promise<boolean>;
}
