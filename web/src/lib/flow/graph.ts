/** Questions about the graph: who follows whom, what may be connected, in which order it reads. Pure. */
import type { FlowDefinition, FlowEdge, FlowNode } from './definition.ts';

export const childrenOf = (flow: FlowDefinition, parentId: string | undefined): FlowNode[] =>
  flow.nodes.filter((node) => node.parentId === parentId);

export const outgoing = (flow: FlowDefinition, id: string): FlowEdge[] =>
  flow.edges.filter((edge) => edge.source === id);

export const incoming = (flow: FlowDefinition, id: string): FlowEdge[] =>
  flow.edges.filter((edge) => edge.target === id);

/** The ids given and everything that stands inside them, at any depth. */
export function withDescendants(flow: FlowDefinition, ids: Iterable<string>): Set<string> {
  const found = new Set(ids);
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const node of flow.nodes) if (node.parentId && found.has(node.parentId)) found.add(node.id);
  }
  return found;
}

/** Every node reachable from `id` along edges, `id` itself not included unless there is a cycle. */
export function downstreamOf(flow: FlowDefinition, id: string): Set<string> {
  const seen = new Set<string>();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop())
    for (const edge of outgoing(flow, next))
      if (!seen.has(edge.target)) {
        seen.add(edge.target);
        open.push(edge.target);
      }
  return seen;
}

/** Every node whose output `id` can read: all upstream nodes, and those upstream of the maps it stands in. */
export function upstreamOf(flow: FlowDefinition, id: string): FlowNode[] {
  const seen = new Set<string>();
  const open = [id];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const parent = flow.nodes.find((node) => node.id === next)?.parentId;
    if (parent) open.push(parent);
    for (const edge of incoming(flow, next))
      if (!seen.has(edge.source)) {
        seen.add(edge.source);
        open.push(edge.source);
      }
  }
  return flow.nodes.filter((node) => seen.has(node.id) && node.id !== id);
}

/** Why an edge may not be drawn, as a sentence for the person drawing it; null when it may. */
export function whyNotConnect(
  flow: FlowDefinition,
  edge: { source: string; sourceHandle?: string; target: string },
): string | null {
  const source = flow.nodes.find((node) => node.id === edge.source);
  const target = flow.nodes.find((node) => node.id === edge.target);
  if (!source || !target) return 'That step no longer exists.';
  if (source === target) return 'A step cannot follow itself.';
  if (target.kind === 'trigger') return 'A trigger starts the workflow; nothing comes before it.';
  if (source.parentId !== target.parentId)
    return 'Steps inside a map and steps outside it cannot be connected; the map hands its items in and its results out.';
  if (
    flow.edges.some(
      (other) =>
        other.source === edge.source &&
        other.target === edge.target &&
        (other.sourceHandle ?? '') === (edge.sourceHandle ?? ''),
    )
  )
    return 'These two are connected already.';
  if (downstreamOf(flow, edge.target).has(edge.source))
    return 'That would make a loop. Use a map to repeat steps.';
  return null;
}

/** Siblings in reading order: starts first, then topologically, ties by place on the canvas. Nodes of a (broken) cycle come last. */
export function readingOrder(flow: FlowDefinition, parentId?: string): FlowNode[] {
  const siblings = childrenOf(flow, parentId).sort(
    (a, b) => a.position.x - b.position.x || a.position.y - b.position.y,
  );
  const waiting = new Map(siblings.map((node) => [node.id, 0]));
  for (const edge of flow.edges)
    if (waiting.has(edge.source) && waiting.has(edge.target))
      waiting.set(edge.target, waiting.get(edge.target)! + 1);
  const ordered: FlowNode[] = [];
  const rest = new Set(siblings);
  while (rest.size) {
    const next = [...rest].find((node) => waiting.get(node.id) === 0) ?? [...rest][0]!;
    rest.delete(next);
    waiting.delete(next.id);
    ordered.push(next);
    for (const edge of outgoing(flow, next.id))
      if (waiting.has(edge.target)) waiting.set(edge.target, waiting.get(edge.target)! - 1);
  }
  return ordered;
}

/** The node a new one follows when nothing is selected: the last in reading order on the top level. */
export const lastNode = (flow: FlowDefinition): FlowNode | undefined => readingOrder(flow).at(-1);

export interface OutlineRow {
  node: FlowNode;
  depth: number;
  /** what follows, with the handle it hangs on */
  next: { id: string; handle?: string }[];
}

/** The workflow as a tree list: map bodies one level deeper, each level in reading order. */
export function outline(flow: FlowDefinition, parentId?: string, depth = 0): OutlineRow[] {
  return readingOrder(flow, parentId).flatMap((node) => [
    {
      node,
      depth,
      next: outgoing(flow, node.id).map(({ target, sourceHandle }) => ({
        id: target,
        ...(sourceHandle ? { handle: sourceHandle } : {}),
      })),
    },
    ...(node.kind === 'map' ? outline(flow, node.id, depth + 1) : []),
  ]);
}
