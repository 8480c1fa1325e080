/** A run as people see it: the top's nodes in their order, then the items' of every map, page by page. */
import { type Plan } from '../worker/domain/workflow/plan.ts';
import type { NodeView, RunView } from '../worker/domain/workflow/run.ts';
import { ENDED } from '../worker/domain/workflow/state.ts';
import type { WorkflowRunStore } from './workflow-run.store.ts';

export function runView(
  store: WorkflowRunStore,
  plan: Plan,
  page: { nodeId?: string; limit: number; cursor?: string },
): RunView {
  const run = store.run();
  const rows = store.nodeRows({
    nodeId: page.nodeId,
    limit: page.limit + 1,
    after: page.cursor ? cursorOf(page.cursor) : undefined,
  });
  const shown = rows.slice(0, page.limit);
  const last = shown.at(-1);
  const ended = ENDED.includes(run.status);
  const counts = store.counts();
  // nodes that have no row yet stand once, so that every node of the definition is there from the start
  const unbegun: NodeView[] = page.cursor
    ? []
    : [...plan.nodes.values()]
        .filter(({ id }) => (page.nodeId === undefined || page.nodeId === id) && !counts[id])
        .map(({ id }) => ({
          nodeId: id,
          status: ended ? 'skipped' : 'pending',
          attempts: 0,
          startedAt: null,
          endedAt: null,
          inputTokens: 0,
          outputTokens: 0,
          costNanoUsd: 0,
        }));
  const order = new Map(
    [...plan.nodes.values()].flatMap(({ scope }) => plan.order(scope)).map((id, index) => [id, index]),
  );
  const place = (node: NodeView) =>
    [node.itemPath ? 1 : 0, node.itemIndex ?? -1, order.get(node.nodeId) ?? 0] as const;
  const nodes = [...shown.map(({ frame: _, ...node }) => node), ...unbegun].sort((a, b) => {
    const [x, y] = [place(a), place(b)];
    return x[0] - y[0] || x[1] - y[1] || x[2] - y[2];
  });
  return {
    status: run.status,
    error: run.error,
    refusal: run.refusal,
    pausedFor: run.status === 'paused' ? (run.pausedFor ?? 'person') : null,
    budgetNanoUsd: store.order()!.budgetNanoUsd,
    startedAt: new Date(run.startedMs).toISOString(),
    endedAt: run.endedMs === null ? null : new Date(run.endedMs).toISOString(),
    ...store.spend(),
    nodes,
    counts,
    nextCursor:
      rows.length > page.limit && last
        ? JSON.stringify([last.itemIndex ?? -1, last.frame, last.nodeId])
        : null,
  };
}

/** A cursor that was not ours begins from the start. */
function cursorOf(text: string): [number, string, string] | undefined {
  try {
    const [item, frame, node] = JSON.parse(text) as unknown[];
    return typeof item === 'number' && typeof frame === 'string' && typeof node === 'string'
      ? [item, frame, node]
      : undefined;
  } catch {
    return undefined;
  }
}
