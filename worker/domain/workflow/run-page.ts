/** A run as people see it, page by page: the top's nodes in their order, then the items' of every map. The same from the run's object and from the archive. */
import type { NodeView, RunView } from './run.ts';

/** `frame` tells items of nested maps apart. */
export type NodeRow = NodeView & { frame: string };

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

/** `rows`: those of this page, and one more where there are more. */
export function pageOfRun(
  { order, unbegun, ...head }: RunHead,
  rows: readonly NodeRow[],
  page: PageAsk,
): RunView {
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const rank = new Map(order.map((id, index) => [id, index]));
  const place = (node: NodeView) =>
    [node.itemPath ? 1 : 0, node.itemIndex ?? -1, rank.get(node.nodeId) ?? 0] as const;
  // nodes that have no row yet stand once, so that every node of the definition is there from the start
  const missing = page.cursor
    ? []
    : unbegun.filter(({ nodeId }) => page.nodeId === undefined || page.nodeId === nodeId);
  const nodes = [...shown.map(({ frame: _, ...node }) => node), ...missing].sort((a, b) => {
    const [x, y] = [place(a), place(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
  return {
    ...head,
    nodes,
    nextCursor:
      rows.length > page.limit && last
        ? JSON.stringify([last.itemIndex ?? -1, last.frame, last.nodeId])
        : null,
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
