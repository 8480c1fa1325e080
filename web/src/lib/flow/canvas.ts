/** The workflow as xyflow draws it. Objects of nodes that look the same are kept, so that only what changed is drawn again. Pure. */
import type { Edge, Node } from '@xyflow/svelte';
import { handlesOf, labelOf, type FlowDefinition, type FlowNode, type NodeTypeInfo } from './definition.ts';
import { contentSize } from './size.ts';

/** Everything a card shows; primitives and stable references only, compared field by field. */
export interface CardData extends Record<string, unknown> {
  kind: string;
  icon: string;
  category: NodeTypeInfo['category'];
  kindLabel: string;
  label: string;
  summary: string;
  status: string;
  statusText: string;
  /** "7 of 50" for nodes inside a map, '' elsewhere */
  progress: string;
  /** nano-USD; null when nothing was spent or nothing is known */
  costNanoUsd: number | null;
  estimateNanoUsd: number | null;
  problem: string;
  dirty: boolean;
  handles: string;
  empty: boolean;
}

export type CanvasNode = Node<CardData, 'step' | 'map'>;
export type CanvasEdge = Edge<Record<string, unknown>>;

/** What is known about a node beside its definition. */
export interface NodeView {
  status: string;
  statusText: string;
  progress: string;
  costNanoUsd: number | null;
  estimateNanoUsd: number | null;
  problem: string;
  dirty: boolean;
  summary: string;
}

/** "<kind>: <label>, <status>[, estimated $x]": what assistive technology hears (WB-3). */
export const nodeName = (data: CardData, money: (nano: number) => string): string =>
  `${data.kindLabel}: ${data.label}, ${data.statusText}${data.estimateNanoUsd === null ? '' : `, estimated ${money(data.estimateNanoUsd)}`}`;

export interface CanvasInput {
  flow: FlowDefinition;
  types: readonly NodeTypeInfo[];
  selection: ReadonlySet<string>;
  view: (node: FlowNode) => NodeView;
  money: (nano: number) => string;
}

/** Parents stand before their children, as xyflow wants it. */
export function toCanvasNodes(input: CanvasInput, previous: readonly CanvasNode[]): CanvasNode[] {
  const { flow, types, selection } = input;
  const before = new Map(previous.map((node) => [node.id, node]));
  const byDepth = [...flow.nodes].sort((a, b) => depthOf(flow, a) - depthOf(flow, b));
  return byDepth.map((node) => {
    const type = types.find((one) => one.kind === node.kind);
    const data: CardData = {
      kind: node.kind,
      icon: type?.icon ?? 'box',
      category: type?.category ?? 'logic',
      kindLabel: type?.label ?? node.kind,
      label: labelOf(node, types),
      handles: handlesOf(node, types).join('\n'),
      empty: node.kind === 'map' && !flow.nodes.some((child) => child.parentId === node.id),
      ...input.view(node),
    };
    const { width, height } = contentSize(flow, node.id);
    const old = before.get(node.id);
    const selected = selection.has(node.id);
    if (
      old &&
      !old.dragging &&
      old.selected === selected &&
      old.parentId === node.parentId &&
      old.position.x === node.position.x &&
      old.position.y === node.position.y &&
      old.width === width &&
      old.height === height &&
      sameData(old.data, data)
    )
      return old;
    return {
      id: node.id,
      type: node.kind === 'map' ? 'map' : 'step',
      position: old?.dragging ? old.position : node.position,
      ...(old?.dragging ? { dragging: true } : {}),
      ...(node.parentId ? { parentId: node.parentId } : {}),
      width,
      height,
      ...(old?.measured ? { measured: { width, height } } : {}),
      selected,
      data,
      ariaLabel: nodeName(data, input.money),
      domAttributes: {
        'data-testid': 'canvas-node',
        'data-kind': node.kind,
        'data-status': data.status,
        'data-dirty': data.dirty ? 'true' : undefined,
      } as CanvasNode['domAttributes'],
    } satisfies CanvasNode;
  });
}

export function toCanvasEdges(
  flow: FlowDefinition,
  selected: ReadonlySet<string>,
  statusOf: (nodeId: string) => string,
): CanvasEdge[] {
  return flow.edges.map((edge) => {
    const source = statusOf(edge.source);
    const target = statusOf(edge.target);
    return {
      id: edge.id,
      type: 'flow',
      source: edge.source,
      target: edge.target,
      ...(edge.sourceHandle ? { sourceHandle: edge.sourceHandle } : {}),
      selected: selected.has(edge.id),
      animated: target === 'running',
      data: {
        done: source === 'succeeded' && target !== 'skipped' && target !== 'not_run',
        handle: edge.sourceHandle ?? '',
      },
      focusable: false,
      zIndex: 1,
    };
  });
}

function depthOf(flow: FlowDefinition, node: FlowNode): number {
  let depth = 0;
  for (let up = node.parentId; up && depth < 32; depth++)
    up = flow.nodes.find((one) => one.id === up)?.parentId;
  return depth;
}

const sameData = (a: CardData, b: CardData): boolean =>
  (Object.keys(b) as (keyof CardData)[]).every((key) => a[key] === b[key]);

/** The innermost map under a point of the canvas, with the point relative to it; null over the open canvas. */
export function mapAt(
  flow: FlowDefinition,
  point: { x: number; y: number },
): { id: string; x: number; y: number } | null {
  let found: { id: string; x: number; y: number; depth: number } | null = null;
  for (const node of flow.nodes) {
    if (node.kind !== 'map') continue;
    let { x, y } = node.position;
    for (let up = node.parentId; up;) {
      const parent = flow.nodes.find((one) => one.id === up);
      x += parent?.position.x ?? 0;
      y += parent?.position.y ?? 0;
      up = parent?.parentId;
    }
    const { width, height } = contentSize(flow, node.id);
    const depth = depthOf(flow, node);
    if (point.x >= x && point.x <= x + width && point.y >= y && point.y <= y + height)
      if (!found || depth > found.depth) found = { id: node.id, x: point.x - x, y: point.y - y, depth };
  }
  return found && { id: found.id, x: found.x, y: found.y };
}
