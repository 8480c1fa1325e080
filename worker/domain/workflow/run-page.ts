/** A run as people see it, page by page: the top's nodes in their order, then the items' of every map. The same from the run's object and from the archive. */
import type { NodeView, OutputRef, RunView } from './run.ts';

/** `frame` tells items of nested maps apart. Only in an archive: what is known of a map's items (domain/workflow/replay.ts), and the file of a large output. */
export type NodeRow = NodeView & {
  frame: string;
  itemsHash?: string;
  hasFailedItems?: boolean;
  outputRef?: OutputRef;
};

/** What is known of a run beside its rows. */
export interface RunHead extends Omit<RunView, 'nodes' | 'nextCursor'> {
  /** ids of all nodes, each after those that lead to it */
  order: string[];
  /** nodes without a row */
  unbegun: NodeView[];
}

export interface PageAsk {
  nodeId?: string;
  limit: number;
  cursor?: string;
}

/** Rows in the order in which they are turned over; `more` = others stand behind. */
export interface RowPage {
  rows: NodeRow[];
  more: boolean;
}

/** What the outputs of a page may hold together: it is one message, so it may be shorter than was asked for. */
export const PAGE_CHARS = 4_000_000;

export function pageOfRun(
  { order, unbegun, ...head }: RunHead,
  { rows: shown, more }: RowPage,
  page: PageAsk,
): RunView {
  const last = shown.at(-1);
  const rank = new Map(order.map((id, index) => [id, index]));
  const place = (node: NodeView) =>
    [node.itemPath ? 1 : 0, node.itemIndex ?? -1, rank.get(node.nodeId) ?? 0] as const;
  // nodes that have no row yet stand once, so that every node of the definition is there from the start
  const missing = page.cursor
    ? []
    : unbegun.filter(({ nodeId }) => page.nodeId === undefined || page.nodeId === nodeId);
  const nodes = [
    ...shown.map(
      ({ frame: _frame, itemsHash: _hash, hasFailedItems: _failed, outputRef: _ref, ...node }) => node,
    ),
    ...missing,
  ].sort((a, b) => {
    const [x, y] = [place(a), place(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
  return {
    ...head,
    nodes,
    nextCursor: more && last ? JSON.stringify([last.itemIndex ?? -1, last.frame, last.nodeId]) : null,
  };
}

/** The last (item, frame, node) seen. A cursor that was not ours begins from the start. */
export function cursorOf(text: string | undefined): [number, string, string] | undefined {
  try {
    const [item, frame, node] = JSON.parse(text ?? 'null') as unknown[];
    return typeof item === 'number' && typeof frame === 'string' && typeof node === 'string'
      ? [item, frame, node]
      : undefined;
  } catch {
    return undefined;
  }
}
