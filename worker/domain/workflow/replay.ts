/** Which results of an earlier run a new one of the same definition takes over (engine.md rule 18): of the outermost nodes, and of the items of its maps. */
import type { Definition } from './definition.ts';
import type { Plan } from './plan.ts';
import type { OutputRef } from './run.ts';

/** How a node of a run ended: an outermost one, or one of an item. */
export interface EarlierNode {
  nodeId: string;
  status: string;
  handle: string | null;
  /** of a map: what its items are known by; absent or null where they are not known */
  itemsHash?: string | null;
  /** of a map: items of it failed, also where it went on all the same; absent = none did */
  hasFailedItems?: boolean;
}

/** A node of an item of a map. */
export interface EarlierItemNode extends EarlierNode {
  frame: string;
  /** as JSON; null = it has none, or it stands in a file (`ref`), or is asked for by itself (`isLarge`) */
  output: string | null;
  ref: OutputRef | null;
  isLarge: boolean;
}

export interface Kept<Node extends EarlierNode = EarlierNode> {
  /** taken over as they are */
  kept: Node[];
  /** maps that run again, but whose items are looked at one by one: what they kept is not done twice */
  resumed: Node[];
}

export interface Replayed<Node extends EarlierNode> {
  earlier: readonly Node[];
  fromNodeId: string | null;
  /** did the earlier run end well? */
  completed: boolean;
}

/**
 * What is kept of one scope: of the top, or of one item of a map. Kept is what succeeded and hangs on nothing that runs anew. Anew runs what
 * had not succeeded, what is begun with (`fromNodeId`) and all behind either; what was passed over is reckoned anew.
 *
 * A map that runs anew for its own sake, not for what stands before it, finds the items it had: a replay without `fromNodeId` runs again only
 * those that had not succeeded. One from a node inside the map runs that node and those behind it for all items: whoever names a node wants
 * it run, and whoever wants only the failed ones names none. Begun with the map itself, nothing of it is kept.
 *
 * A map that succeeded though items of it failed is kept, so that a failed run goes on from where it failed. Only of a run that `completed`
 * all the same are those items what its replay is for.
 */
export function keptIn<Node extends EarlierNode>(
  plan: Plan,
  scope: string,
  { earlier, fromNodeId, completed }: Replayed<Node>,
): Kept<Node> {
  const before = new Map(earlier.map((node) => [node.nodeId, node]));
  const anew = new Set<string>();
  const resumed: Node[] = [];
  const from = fromNodeId === null ? null : standsFor(plan, scope, fromNodeId);
  // an order in which every node comes after all that lead to it
  for (const id of plan.order(scope)) {
    const { isMap, incoming } = plan.nodes.get(id)!;
    const node = before.get(id);
    const hangsOnNew = incoming.some(({ source }) => anew.has(source));
    const isWell =
      (node?.status === 'succeeded' || node?.status === 'skipped') &&
      !(completed && fromNodeId === null && node.hasFailedItems);
    if (isWell && id !== from && !hangsOnNew) continue;
    anew.add(id);
    if (node && isMap && !hangsOnNew && id !== fromNodeId) resumed.push(node);
  }
  const kept = earlier.filter(
    // in another definition a node may be gone, or stand elsewhere now
    ({ nodeId, status }) =>
      status === 'succeeded' && plan.nodes.get(nodeId)?.scope === scope && !anew.has(nodeId),
  );
  return { kept, resumed };
}

/** Did all go well, so that there is nothing to go on from? */
export const isAllWell = (nodes: readonly EarlierNode[]): boolean =>
  nodes.every(({ status, hasFailedItems }) => status !== 'failed' && !hasFailedItems);

/** In a scope, the node itself or the map that it stands inside of; null where it stands elsewhere. */
function standsFor(plan: Plan, scope: string, nodeId: string): string | null {
  for (let node = plan.nodes.get(nodeId); node; node = plan.nodes.get(node.scope))
    if (node.scope === scope) return node.id;
  return null;
}

/** A map and all maps inside it. */
export function mapsWithin(plan: Plan, mapId: string): string[] {
  const maps = [mapId];
  for (const map of maps) maps.push(...plan.order(map).filter((id) => plan.nodes.get(id)!.isMap));
  return maps;
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
