/** Which results of an earlier run a new one of the same definition takes over (engine.md rule 18). */
import type { Definition } from './definition.ts';
import { TOP, type Plan } from './plan.ts';

/** How the outermost nodes of a run ended. */
export interface EarlierNode {
  nodeId: string;
  status: string;
  handle: string | null;
}

/**
 * Kept is what succeeded and hangs on nothing that runs anew: `fromNodeId` (a node inside a map stands for the whole map) and all behind it, or
 * - null - what had not succeeded and all behind that. What was passed over is reckoned anew.
 */
export function keptOf(
  plan: Plan,
  earlier: readonly EarlierNode[],
  fromNodeId: string | null,
): EarlierNode[] {
  const before = new Map(earlier.map((node) => [node.nodeId, node]));
  const anew = new Set<string>();
  const from = fromNodeId === null ? null : outermost(plan, fromNodeId);
  // an order in which every node comes after all that lead to it
  for (const id of plan.order(TOP)) {
    const status = before.get(id)?.status;
    const again = from === null ? status !== 'succeeded' && status !== 'skipped' : id === from;
    if (again || plan.nodes.get(id)!.incoming.some(({ source }) => anew.has(source))) anew.add(id);
  }
  return earlier.filter(
    // in another definition a node may be gone, or stand inside a map now
    ({ nodeId, status }) =>
      status === 'succeeded' && plan.nodes.get(nodeId)?.scope === TOP && !anew.has(nodeId),
  );
}

function outermost(plan: Plan, nodeId: string): string {
  let id = nodeId;
  for (let node = plan.nodes.get(id); node && node.scope !== TOP; node = plan.nodes.get(id)) id = node.scope;
  return id;
}

/** What one node is run alone with. */
export interface Alone {
  input: unknown;
  /** outputs of other nodes, as if they had run */
  nodes: Record<string, unknown>;
  /** the item, as if it stood in a map */
  item?: unknown;
  index?: number;
}

/** The definition in which a node stands alone: a trigger, the nodes whose outputs are given, and itself with all that stands inside it. */
export function aloneDefinition(
  definition: Definition,
  nodeId: string,
  given: readonly string[],
): Definition {
  const target = definition.nodes.find(({ id }) => id === nodeId)!;
  const inside = new Set([nodeId]);
  for (let grown = true; grown;) {
    grown = false;
    for (const { id, parentId } of definition.nodes)
      if (parentId !== undefined && inside.has(parentId) && !inside.has(id)) grown = inside.add(id).size > 0;
  }
  const { parentId: _, ...outer } = target;
  const pinned = definition.nodes.filter(({ id }) => given.includes(id) && !inside.has(id));
  const triggerId = definition.nodes.some(({ id }) => id === 'trigger') ? 'trigger_of_this_run' : 'trigger';
  const sources = pinned.filter(({ id }) =>
    definition.edges.some(({ source, target: to }) => source === id && to === nodeId),
  );
  return {
    ...definition,
    nodes: [
      { id: triggerId, kind: 'trigger', position: { x: 0, y: 0 }, config: { on: 'manual' } },
      ...pinned.map(({ parentId: __, ...node }) => node),
      outer,
      ...definition.nodes.filter(({ id }) => id !== nodeId && inside.has(id)),
    ],
    edges: [
      ...(sources.length > 0 ? sources.map(({ id }) => id) : [triggerId]).map((source) => ({
        id: `${source}-${nodeId}`,
        source,
        target: nodeId,
      })),
      ...definition.edges.filter(
        ({ source, target: to }) =>
          inside.has(source) && inside.has(to) && source !== nodeId && to !== nodeId,
      ),
    ],
    settings: { ...definition.settings, maxConcurrent: undefined },
  };
}
