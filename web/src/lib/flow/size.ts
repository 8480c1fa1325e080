/** How large things are on the canvas: one place for layout, placing and drawing. Pixels at 100%. */
import { casesOf, type FlowDefinition, type FlowNode } from './definition.ts';

export const NODE_SIZE = { width: 232, height: 84 };
export const GAP = { x: 64, y: 28 };
/** room around the body of a map: its header on top, the "add a step" button below */
export const MAP_PADDING = { left: 24, right: 24, top: 92, bottom: 56 };
const EMPTY_MAP = { width: 296, height: 190 };

export interface Size {
  width: number;
  height: number;
}

export const sizeOf = (kind: string): Size => (kind === 'map' ? EMPTY_MAP : NODE_SIZE);

/** room for the name of a way on beside its dot */
const HANDLE_HEIGHT = 24;

/** A switch grows with its ways on, so that each of them can be read and hit. */
function switchSize(node: FlowNode): Size {
  const ways = casesOf(node).length + (node.onError === 'error' ? 2 : 1);
  return { ...NODE_SIZE, height: Math.max(NODE_SIZE.height, (ways + 1) * HANDLE_HEIGHT) };
}

/** A node's size on the canvas; a map is as large as its body needs. */
export function contentSize(flow: FlowDefinition, id: string): Size {
  const node = flow.nodes.find((one) => one.id === id);
  if (node?.kind === 'switch') return switchSize(node);
  if (node?.kind !== 'map') return NODE_SIZE;
  let { width, height } = EMPTY_MAP;
  for (const child of flow.nodes)
    if (child.parentId === id) {
      const size = contentSize(flow, child.id);
      width = Math.max(width, child.position.x + size.width + MAP_PADDING.right);
      height = Math.max(height, child.position.y + size.height + MAP_PADDING.bottom);
    }
  return { width, height };
}
