/** "Tidy": dagre lays out every map's body first, then the level above with the maps at their new size. */
import { Graph, layout as dagre } from '@dagrejs/dagre';
import type { FlowDefinition } from './definition.ts';
import { moveNodes } from './edit.ts';
import { childrenOf } from './graph.ts';
import { contentSize, GAP, MAP_PADDING } from './size.ts';

/** The same workflow, left to right, nothing overlapping. */
export function tidy(flow: FlowDefinition): FlowDefinition {
  return tidyLevel(flow, undefined);
}

function tidyLevel(flow: FlowDefinition, parentId: string | undefined): FlowDefinition {
  let inner = flow;
  const nodes = childrenOf(flow, parentId);
  for (const node of nodes) if (node.kind === 'map') inner = tidyLevel(inner, node.id);
  if (!nodes.length) return inner;
  const graph = new Graph();
  graph.setGraph({ rankdir: 'LR', nodesep: GAP.y, ranksep: GAP.x });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const node of nodes) graph.setNode(node.id, { ...contentSize(inner, node.id) });
  for (const edge of flow.edges)
    if (graph.hasNode(edge.source) && graph.hasNode(edge.target)) graph.setEdge(edge.source, edge.target);
  dagre(graph);
  const corners = nodes.map((node) => {
    const { x, y, width, height } = graph.node(node.id) as {
      x: number;
      y: number;
      width: number;
      height: number;
    };
    return { id: node.id, x: x - width / 2, y: y - height / 2 };
  });
  const origin = parentId ? { x: MAP_PADDING.left, y: MAP_PADDING.top } : { x: 0, y: 0 };
  const left = Math.min(...corners.map((corner) => corner.x));
  const top = Math.min(...corners.map((corner) => corner.y));
  return moveNodes(
    inner,
    new Map(corners.map(({ id, x, y }) => [id, { x: x - left + origin.x, y: y - top + origin.y }])),
  );
}
