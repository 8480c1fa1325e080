/** Every change a person can make to a workflow, as functions definition -> definition. Pure; undo is keeping the old value. */
import {
  casesOf,
  type FlowDefinition,
  type FlowEdge,
  type FlowNode,
  type FlowSettings,
  type SwitchCase,
} from './definition.ts';
import { childrenOf, whyNotConnect, withDescendants } from './graph.ts';
import { contentSize, GAP, MAP_PADDING, sizeOf } from './size.ts';

/** A readable, free id, because expressions say `nodes.<id>`: prompt_1, prompt_2 ... */
export function freeId(taken: Iterable<string>, stem: string): string {
  const used = new Set(taken);
  for (let number = 1; ; number++) if (!used.has(`${stem}_${number}`)) return `${stem}_${number}`;
}

const nodeIds = (flow: FlowDefinition) => flow.nodes.map((node) => node.id);
const edgeIds = (flow: FlowDefinition) => flow.edges.map((edge) => edge.id);

/** Adds the edge, or answers why not. */
export function connect(
  flow: FlowDefinition,
  edge: { source: string; sourceHandle?: string; target: string },
): { flow: FlowDefinition; refused: null } | { flow: FlowDefinition; refused: string } {
  const refused = whyNotConnect(flow, edge);
  if (refused) return { flow, refused };
  const added: FlowEdge = {
    id: freeId(edgeIds(flow), 'edge'),
    source: edge.source,
    ...(edge.sourceHandle ? { sourceHandle: edge.sourceHandle } : {}),
    target: edge.target,
  };
  return { flow: { ...flow, edges: [...flow.edges, added] }, refused: null };
}

export interface NewNode {
  kind: string;
  config: Record<string, unknown>;
  name?: string;
}

/** Where the new node goes. `after` joins it to that node; `inside` makes it the map's next body step; `at` only places it. */
export type Place =
  | { after: string; handle?: string }
  | { inside: string }
  | { at: { x: number; y: number }; parentId?: string };

/** Puts a new node into the workflow; answers its id too. */
export function addNode(
  flow: FlowDefinition,
  fresh: NewNode,
  place: Place,
): { flow: FlowDefinition; id: string } {
  const id = freeId(nodeIds(flow), fresh.kind);
  const base = { id, kind: fresh.kind, ...(fresh.name ? { name: fresh.name } : {}), config: fresh.config };
  if ('at' in place) {
    const node: FlowNode = {
      ...base,
      position: place.at,
      ...(place.parentId ? { parentId: place.parentId } : {}),
    };
    return { flow: { ...flow, nodes: [...flow.nodes, node] }, id };
  }
  if ('inside' in place) {
    const body = childrenOf(flow, place.inside);
    const last = body.filter((node) => !flow.edges.some((edge) => edge.source === node.id)).at(-1);
    if (last) return addNode(flow, fresh, { after: last.id });
    const node: FlowNode = {
      ...base,
      parentId: place.inside,
      position: { x: MAP_PADDING.left, y: MAP_PADDING.top },
    };
    return { flow: { ...flow, nodes: [...flow.nodes, node] }, id };
  }
  const before = flow.nodes.find((node) => node.id === place.after);
  if (!before) return addNode(flow, fresh, { at: { x: 0, y: 0 } });
  const node: FlowNode = {
    ...base,
    ...(before.parentId ? { parentId: before.parentId } : {}),
    position: freeSpotAfter(flow, before),
  };
  const grown = { ...flow, nodes: [...flow.nodes, node] };
  const joined = connect(grown, {
    source: before.id,
    ...(place.handle ? { sourceHandle: place.handle } : {}),
    target: id,
  });
  return { flow: joined.flow, id };
}

/** Right of `before`, and below whatever stands there already. */
function freeSpotAfter(flow: FlowDefinition, before: FlowNode): { x: number; y: number } {
  const x = before.position.x + contentSize(flow, before.id).width + GAP.x;
  let y = before.position.y;
  const siblings = childrenOf(flow, before.parentId);
  const size = sizeOf('prompt');
  for (let moved = true; moved;) {
    moved = false;
    for (const other of siblings) {
      const taken = contentSize(flow, other.id);
      const overlaps =
        other.position.x < x + size.width &&
        other.position.x + taken.width > x &&
        other.position.y < y + size.height &&
        other.position.y + taken.height > y;
      if (overlaps) {
        y = other.position.y + taken.height + GAP.y;
        moved = true;
      }
    }
  }
  return { x, y };
}

/** Removes nodes with everything inside them, and heals the gap: a removed step's only predecessor joins its only successor. */
export function removeNodes(flow: FlowDefinition, ids: Iterable<string>): FlowDefinition {
  const gone = withDescendants(flow, ids);
  let edges = flow.edges;
  for (const id of gone) {
    const into = edges.filter((edge) => edge.target === id);
    const out = edges.filter((edge) => edge.source === id);
    const [a, b] = [into[0], out[0]];
    edges = edges.filter((edge) => edge.source !== id && edge.target !== id);
    if (into.length === 1 && out.length === 1 && a && b && a.source !== b.target)
      if (!edges.some((edge) => edge.source === a.source && edge.target === b.target))
        edges = [...edges, { ...a, target: b.target }];
  }
  return { ...flow, nodes: flow.nodes.filter((node) => !gone.has(node.id)), edges };
}

export const removeEdges = (flow: FlowDefinition, ids: Iterable<string>): FlowDefinition => {
  const gone = new Set(ids);
  return { ...flow, edges: flow.edges.filter((edge) => !gone.has(edge.id)) };
};

const changeNode = (
  flow: FlowDefinition,
  id: string,
  change: (node: FlowNode) => FlowNode,
): FlowDefinition => ({
  ...flow,
  nodes: flow.nodes.map((node) => (node.id === id ? change(node) : node)),
});

/** Sets some fields of a node's config; `undefined` removes the field. */
export const setConfig = (flow: FlowDefinition, id: string, patch: Record<string, unknown>): FlowDefinition =>
  changeNode(flow, id, (node) => {
    const config = { ...node.config, ...patch };
    for (const [key, value] of Object.entries(patch)) if (value === undefined) delete config[key];
    return { ...node, config };
  });

/** Sets the cases of a switch. `from` tells where each case stood before (null = it is new), so that edges follow a renamed case and go with a removed one. */
export function setCases(
  flow: FlowDefinition,
  id: string,
  cases: readonly (SwitchCase & { from: number | null })[],
): FlowDefinition {
  const node = flow.nodes.find((one) => one.id === id);
  if (!node) return flow;
  const before = casesOf(node);
  const now = new Map(
    before.map(({ name }, index) => [name, cases.find((one) => one.from === index)?.name ?? null]),
  );
  const edges = flow.edges.flatMap((edge) => {
    const handle = edge.sourceHandle ?? '';
    if (edge.source !== id || !now.has(handle)) return [edge];
    const renamed = now.get(handle);
    return renamed === null ? [] : [renamed === handle ? edge : { ...edge, sourceHandle: renamed! }];
  });
  return setConfig({ ...flow, edges }, id, {
    cases: cases.map(({ name, expression }) => ({ name, expression })),
  });
}

/** Sets fields beside the config (name, onError, retry, timeoutMs); `undefined` removes the field. Without an error output, its edges go. */
export function setNode(
  flow: FlowDefinition,
  id: string,
  patch: Partial<Pick<FlowNode, 'name' | 'onError' | 'retry' | 'timeoutMs'>>,
): FlowDefinition {
  const wired = 'onError' in patch && patch.onError !== 'error';
  const edges = wired
    ? flow.edges.filter((edge) => edge.source !== id || edge.sourceHandle !== 'error')
    : flow.edges;
  return changeNode({ ...flow, edges }, id, (node) => {
    const changed = { ...node, ...patch };
    for (const [key, value] of Object.entries(patch))
      if (value === undefined) delete (changed as unknown as Record<string, unknown>)[key];
    return changed;
  });
}

export function setSettings(flow: FlowDefinition, patch: Partial<FlowSettings>): FlowDefinition {
  const settings: FlowSettings = { ...flow.settings, ...patch };
  for (const [key, value] of Object.entries(patch))
    if (value === undefined) delete (settings as Record<string, unknown>)[key];
  return { ...flow, settings };
}

/** New places by id; whole numbers, so that a definition stays readable, and never above or left of the map's room. */
export const moveNodes = (
  flow: FlowDefinition,
  places: ReadonlyMap<string, { x: number; y: number }>,
): FlowDefinition => ({
  ...flow,
  nodes: flow.nodes.map((node) => {
    const to = places.get(node.id);
    if (!to) return node;
    const x = Math.max(node.parentId ? MAP_PADDING.left : -Infinity, Math.round(to.x));
    const y = Math.max(node.parentId ? MAP_PADDING.top : -Infinity, Math.round(to.y));
    return x === node.position.x && y === node.position.y ? node : { ...node, position: { x, y } };
  }),
});

/** Moves a node into a map (or out of all, `undefined`). Its edges to the old place go, for no edge crosses a map's border. */
export function setParent(flow: FlowDefinition, id: string, parentId: string | undefined): FlowDefinition {
  const node = flow.nodes.find((one) => one.id === id);
  if (!node || node.parentId === parentId || node.kind === 'trigger') return flow;
  if (parentId && withDescendants(flow, [id]).has(parentId)) return flow;
  const without = removeEdges(
    flow,
    flow.edges.filter((edge) => edge.source === id || edge.target === id).map((edge) => edge.id),
  );
  const area = parentId ? contentSize(without, parentId) : undefined;
  return changeNode(without, id, ({ parentId: _old, ...rest }) => ({
    ...rest,
    ...(parentId ? { parentId } : {}),
    position: area
      ? {
          x: childrenOf(without, parentId).length ? area.width - MAP_PADDING.right + GAP.x : MAP_PADDING.left,
          y: MAP_PADDING.top,
        }
      : { x: node.position.x, y: node.position.y + 160 },
  }));
}

export interface Clip {
  nodes: FlowNode[];
  edges: FlowEdge[];
}

/** The nodes with all that stands inside them and the edges among them. Triggers stay: a workflow starts once. */
export function copy(flow: FlowDefinition, ids: Iterable<string>): Clip {
  const chosen = withDescendants(flow, ids);
  const nodes = flow.nodes.filter((node) => chosen.has(node.id) && node.kind !== 'trigger');
  const kept = new Set(nodes.map((node) => node.id));
  return { nodes, edges: flow.edges.filter((edge) => kept.has(edge.source) && kept.has(edge.target)) };
}

/** Pastes with new ids, a little lower right; expressions in the copies that spoke of copied nodes speak of the copies. */
export function paste(
  flow: FlowDefinition,
  clip: Clip,
  offset = { x: 40, y: 40 },
): { flow: FlowDefinition; ids: string[] } {
  const names = new Map<string, string>();
  const taken = new Set(nodeIds(flow));
  for (const node of clip.nodes) {
    const id = freeId(taken, node.kind);
    taken.add(id);
    names.set(node.id, id);
  }
  const present = new Set(nodeIds(flow));
  const nodes = clip.nodes.map((node): FlowNode => {
    const { parentId, ...rest } = node;
    const parent = parentId && (names.get(parentId) ?? (present.has(parentId) ? parentId : undefined));
    const inCopiedMap = parentId !== undefined && names.has(parentId);
    return {
      ...rest,
      id: names.get(node.id)!,
      ...(parent ? { parentId: parent } : {}),
      config: rename(node.config, names) as Record<string, unknown>,
      position: inCopiedMap
        ? node.position
        : { x: node.position.x + offset.x, y: node.position.y + offset.y },
    };
  });
  const takenEdges = new Set(edgeIds(flow));
  const edges = clip.edges.map((edge) => {
    const id = freeId(takenEdges, 'edge');
    takenEdges.add(id);
    return { ...edge, id, source: names.get(edge.source)!, target: names.get(edge.target)! };
  });
  return {
    flow: { ...flow, nodes: [...flow.nodes, ...nodes], edges: [...flow.edges, ...edges] },
    ids: nodes.filter((node) => !node.parentId || present.has(node.parentId)).map((node) => node.id),
  };
}

function rename(value: unknown, names: ReadonlyMap<string, string>): unknown {
  if (typeof value === 'string')
    return value.replace(/\bnodes\.([A-Za-z_]\w*)/g, (all, id: string) =>
      names.has(id) ? `nodes.${names.get(id)}` : all,
    );
  if (Array.isArray(value)) return value.map((one) => rename(one, names));
  if (value && typeof value === 'object')
    return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, rename(one, names)]));
  return value;
}
