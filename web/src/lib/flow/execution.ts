/** An execution as GET /api/executions/:id answers it, and what the pages read off it. Pure. */
import type { FlowDefinition, FlowNode } from './definition.ts';
import { outline } from './graph.ts';

export type ExecutionStatus =
  'queued' | 'running' | 'paused' | 'paused_budget' | 'completed' | 'failed' | 'cancelled' | 'needs_review';
export type NodeStatus =
  | 'pending'
  | 'queued'
  | 'running'
  | 'waiting'
  | 'succeeded'
  | 'failed'
  | 'skipped'
  | 'cancelled'
  | 'needs_review';

export interface RunFault {
  message: string;
  nodeId?: string;
  field?: string;
  code?: string;
  [detail: string]: unknown;
}

/** What a waiting node waits for, and until when (null = until it comes). */
export interface NodeWait {
  for: 'retry' | 'budget' | 'delay' | 'approval' | 'workflow';
  /** approval: what the person is asked */
  message?: string;
  /** workflow: the execution it waits for */
  executionId?: string;
  until: string | null;
}

export interface NodeRun {
  nodeId: string;
  itemIndex?: number | null;
  /** inside maps: the index in each, outermost first */
  itemPath?: number[];
  wait?: NodeWait;
  /** the output its successors hang on */
  handle?: string;
  status: NodeStatus;
  attempts: number;
  startedAt: string | null;
  endedAt: string | null;
  input?: unknown;
  output?: unknown;
  /** the beginning of an output that is too large to be sent whole */
  outputPreview?: string;
  logs?: string[];
  error?: RunFault | null;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
}

export interface Execution {
  id: string;
  workflowId: string;
  workflowName?: string;
  version: number | null;
  status: ExecutionStatus;
  trigger: string;
  input: unknown;
  createdAt?: string;
  startedAt: string | null;
  endedAt: string | null;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  budgetNanoUsd?: number | null;
  error?: RunFault | null;
  /** the execution that called it as a step of its own */
  parentExecutionId?: string | null;
  /** the execution whose results it took over, and from which step on it ran anew */
  replayOf?: string | null;
  fromNodeId?: string | null;
  /** when its steps were removed, since the team keeps them no longer */
  detailsRemovedAt?: string | null;
  /** paused by a person, or because all that is left only waits */
  pausedFor?: 'person' | 'wait' | null;
  /** the 402 that paused it at a budget */
  refusal?: Record<string, unknown> | null;
  /** per node, how many of its items stand where; more than there are rows while items are still to come */
  counts?: Record<string, Partial<Record<NodeStatus, number>>>;
  /** rows of nodes beyond this page */
  nextCursor?: string | null;
  /** what was run, when the server sends it: the pinned version */
  definition?: FlowDefinition;
  nodes: NodeRun[];
}

/** Ended for good; nothing more will change by itself. */
export const isFinal = (status: ExecutionStatus): boolean =>
  status === 'completed' || status === 'failed' || status === 'cancelled';

/** Worth asking again every second. */
export const isMoving = (status: ExecutionStatus): boolean => status === 'queued' || status === 'running';

/** It waits for a person: to be approved, or to be told whether it happened. */
export const asksPerson = (run: Pick<NodeRun, 'status' | 'wait'>): boolean =>
  run.status === 'needs_review' || (run.status === 'waiting' && run.wait?.for === 'approval');

/** An earlier run gave its result: it was not begun in this one, and cost nothing. */
export const isKept = (run: Pick<NodeRun, 'status' | 'attempts'>): boolean =>
  run.status === 'succeeded' && run.attempts === 0;

/** Where the whole output of a run of a node is had as a file. */
export const outputAddress = (
  executionId: string,
  run: Pick<NodeRun, 'nodeId' | 'itemIndex' | 'itemPath'>,
): string => {
  const path = run.itemPath ?? (typeof run.itemIndex === 'number' ? [run.itemIndex] : []);
  return `/api/executions/${executionId}/nodes/${encodeURIComponent(run.nodeId)}/output${path.length ? `?itemPath=${path.join('.')}` : ''}`;
};

/** "item 3", "item 2.7" in nested maps, '' outside; counted from 1. */
export const itemWords = (run: Pick<NodeRun, 'itemIndex' | 'itemPath'>): string => {
  const path = run.itemPath ?? (typeof run.itemIndex === 'number' ? [run.itemIndex] : []);
  return path.length ? `item ${path.map((index) => index + 1).join('.')}` : '';
};

/** What happens by itself: delays, further attempts, called workflows; never what a person or a budget must settle. */
export const waitsAlone = (execution: Execution): (NodeRun & { wait: NodeWait })[] =>
  execution.nodes.filter(
    (run): run is NodeRun & { wait: NodeWait } =>
      run.status === 'waiting' &&
      run.wait !== undefined &&
      ['delay', 'retry', 'workflow'].includes(run.wait.for),
  );

/** Every run of one node, all items together. */
export interface NodeSummary {
  status: NodeStatus;
  runs: number;
  succeeded: number;
  failed: number;
  attempts: number;
  inputTokens: number;
  outputTokens: number;
  costNanoUsd: number;
  startedAt: string | null;
  endedAt: string | null;
}

/** What is going on outranks what went wrong, which outranks what went well. */
const RANK: readonly NodeStatus[] = [
  'running',
  'waiting',
  'queued',
  'pending',
  'needs_review',
  'failed',
  'cancelled',
  'succeeded',
  'skipped',
];

/** Sums a node's runs; null when it has none. `counts` also knows the items that have no row yet. Costs are whole nano-USD. */
export function summarise(
  runs: readonly NodeRun[],
  counts: Partial<Record<NodeStatus, number>> = {},
): NodeSummary | null {
  const counted = Object.values(counts).reduce((total, count) => total + count, 0);
  if (!runs.length && !counted) return null;
  const trustCounts = counted >= runs.length;
  const number = (status: NodeStatus) =>
    trustCounts ? (counts[status] ?? 0) : runs.filter((run) => run.status === status).length;
  const status = RANK.find((one) => number(one) > 0) ?? 'pending';
  const begun = number('succeeded') + number('failed') > 0;
  const moving = status === 'pending' || status === 'queued';
  const starts = runs.flatMap((run) => (run.startedAt ? [run.startedAt] : [])).sort();
  const ends = runs.flatMap((run) => (run.endedAt ? [run.endedAt] : [])).sort();
  return {
    status: begun && moving ? 'running' : status,
    runs: trustCounts ? counted : runs.length,
    succeeded: number('succeeded'),
    failed: number('failed'),
    attempts: Math.max(0, ...runs.map((run) => run.attempts)),
    inputTokens: sum(runs, 'inputTokens'),
    outputTokens: sum(runs, 'outputTokens'),
    costNanoUsd: sum(runs, 'costNanoUsd'),
    startedAt: starts[0] ?? null,
    endedAt: moving || runs.some((run) => !run.endedAt) ? null : (ends.at(-1) ?? null),
  };
}

/** Every node that has something to show, by id. */
export function summariesOf(execution: Execution): Map<string, NodeSummary> {
  const byNode = runsByNode(execution);
  const found = new Map<string, NodeSummary>();
  for (const id of new Set([...byNode.keys(), ...Object.keys(execution.counts ?? {})])) {
    const summary = summarise(byNode.get(id) ?? [], execution.counts?.[id]);
    if (summary) found.set(id, summary);
  }
  return found;
}

const sum = (runs: readonly NodeRun[], field: 'inputTokens' | 'outputTokens' | 'costNanoUsd'): number =>
  runs.reduce((total, run) => total + run[field], 0);

export function runsByNode(execution: Execution): Map<string, NodeRun[]> {
  const byNode = new Map<string, NodeRun[]>();
  for (const run of execution.nodes) {
    const runs = byNode.get(run.nodeId);
    if (runs) runs.push(run);
    else byNode.set(run.nodeId, [run]);
  }
  for (const runs of byNode.values()) runs.sort((a, b) => (a.itemIndex ?? 0) - (b.itemIndex ?? 0));
  return byNode;
}

export interface RunRow {
  node: FlowNode;
  depth: number;
  summary: NodeSummary | null;
  runs: NodeRun[];
}

/** The execution as a tree: the workflow's outline with what each node did. Nodes the definition no longer has come last. */
export function runRows(flow: FlowDefinition, execution: Execution): RunRow[] {
  const byNode = runsByNode(execution);
  const rows = outline(flow).map(({ node, depth }): RunRow => {
    const runs = byNode.get(node.id) ?? [];
    byNode.delete(node.id);
    return { node, depth, runs, summary: summarise(runs, execution.counts?.[node.id]) };
  });
  for (const [id, runs] of byNode)
    rows.push({
      node: { id, kind: 'removed', position: { x: 0, y: 0 }, config: {}, name: id },
      depth: 0,
      runs,
      summary: summarise(runs),
    });
  return rows;
}

/** Milliseconds between start and end, or until `now` while it goes on; null before it began. */
export function elapsedMs(
  times: { startedAt: string | null; endedAt: string | null },
  now: number,
): number | null {
  if (!times.startedAt) return null;
  return Math.max(0, (times.endedAt ? Date.parse(times.endedAt) : now) - Date.parse(times.startedAt));
}

/** What went into a run: as recorded, else the output of the one step before it (of the same item), else several by id. */
export function inputOf(flow: FlowDefinition, execution: Execution, run: NodeRun): unknown {
  if (run.input !== undefined) return run.input;
  const node = flow.nodes.find((one) => one.id === run.nodeId);
  if (node?.kind === 'trigger') return execution.input;
  const sources = flow.edges.filter((edge) => edge.target === run.nodeId).map((edge) => edge.source);
  const outputs = sources.flatMap((id) => {
    const found = execution.nodes.find(
      (one) => one.nodeId === id && (one.itemIndex ?? null) === (run.itemIndex ?? null),
    );
    return found && found.output !== undefined ? [[id, found.output] as const] : [];
  });
  if (outputs.length === 1) return outputs[0]![1];
  if (outputs.length > 1) return Object.fromEntries(outputs);
  if (node?.parentId && !sources.length) {
    const map = execution.nodes.find((one) => one.nodeId === node.parentId);
    const items = map?.input;
    if (Array.isArray(items) && typeof run.itemIndex === 'number') return items[run.itemIndex];
  }
  return undefined;
}

export interface PauseReason {
  /** the scope of the budget that is full; 'execution' is the run's own; null when it is not said */
  scope: string | null;
  name: string | null;
  limitNanoUsd: number | null;
  spentNanoUsd: number | null;
  askedNanoUsd: number | null;
}

/** Which budget stopped a run: the details of the 402 refusal. */
export function pauseReason(execution: Execution): PauseReason {
  const details = (execution.refusal ?? execution.error ?? {}) as Record<string, unknown>;
  const scope = details.scope as { type?: string; id?: string; name?: string } | string | undefined;
  const number = (value: unknown) => (typeof value === 'number' ? value : null);
  return {
    scope: typeof scope === 'string' ? scope : (scope?.type ?? null),
    name:
      (typeof details.name === 'string' && details.name) ||
      (typeof scope === 'object'
        ? (scope.name ?? ([scope.type, scope.id].filter(Boolean).join(' ') || null))
        : null),
    limitNanoUsd: number(details.limitNanoUsd),
    spentNanoUsd: number(details.spentNanoUsd),
    askedNanoUsd: number(details.askedNanoUsd),
  };
}
