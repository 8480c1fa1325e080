/** A definition made ready to run: per scope the nodes in an order that respects the edges, and per node what the engine asks of it. */
import {
  DEFAULT_RETRY,
  type Definition,
  type RetryPolicy,
  type WorkflowEdge,
  type WorkflowNode,
} from './definition.ts';
import type { NodeKinds } from './graph.ts';

/** The scope outside every map. */
export const TOP = '';
/** The name of a frame: the top, or one item of a map by the indexes of all maps around. */
export const frameKey = (scope: string, path: readonly number[]): string =>
  scope === TOP ? TOP : `${scope}@${path.join('.')}`;
/** The scope in a frame's name. */
export const scopeOfFrame = (key: string): string => (key === TOP ? TOP : key.slice(0, key.lastIndexOf('@')));
/** The indexes in a frame's name. */
export const pathOf = (key: string): number[] =>
  key === TOP
    ? []
    : key
        .slice(key.lastIndexOf('@') + 1)
        .split('.')
        .map(Number);
export const DEFAULT_TIMEOUT_MS = 300_000;
export const DEFAULT_CONCURRENCY = 5;

export interface PlanNode {
  id: string;
  node: WorkflowNode;
  /** '' outside a map, else the map's id */
  scope: string;
  isTrigger: boolean;
  isMap: boolean;
  /** pure and cheap: needs no lease deadline */
  isInline: boolean;
  /** begins with the first live way that leads to it, not with the last */
  joinsAny: boolean;
  /** needs of what leads to it only what its config names */
  ignoresInput: boolean;
  idempotent: boolean;
  paid: boolean;
  onError: 'stop' | 'continue' | 'error';
  retry: RetryPolicy;
  timeoutMs: number;
  incoming: WorkflowEdge[];
  outgoing: WorkflowEdge[];
}

export interface Plan {
  nodes: ReadonlyMap<string, PlanNode>;
  /** ids of a scope's nodes, each after all that lead to it */
  order(scope: string): readonly string[];
  sequential: boolean;
}

/** Throws on an unknown kind: only sound definitions are planned. */
export function planOf(definition: Definition, kinds: NodeKinds): Plan {
  const { settings } = definition;
  const nodes = new Map<string, PlanNode>();
  for (const node of definition.nodes) {
    const kind = kinds.get(node.kind);
    if (!kind) throw new Error(`no node kind "${node.kind}"`);
    nodes.set(node.id, {
      id: node.id,
      node,
      scope: node.parentId ?? TOP,
      isTrigger: kind.category === 'trigger',
      isMap: kind.execution === 'scope',
      isInline: kind.execution !== 'io',
      joinsAny: kind.joinsAny?.(node.config) ?? false,
      ignoresInput: kind.ignoresInput?.(node.config) ?? false,
      idempotent: typeof kind.idempotent === 'function' ? kind.idempotent(node.config) : kind.idempotent,
      paid: kind.paid,
      onError: node.onError ?? settings.onError ?? 'stop',
      retry: { ...DEFAULT_RETRY, ...node.retry },
      timeoutMs: node.timeoutMs ?? DEFAULT_TIMEOUT_MS,
      incoming: [],
      outgoing: [],
    });
  }
  for (const edge of definition.edges) {
    nodes.get(edge.source)!.outgoing.push(edge);
    nodes.get(edge.target)!.incoming.push(edge);
  }
  const orders = new Map<string, string[]>();
  const waitingFor = new Map([...nodes.values()].map((node) => [node.id, node.incoming.length]));
  const ready = [...nodes.values()].filter((node) => node.incoming.length === 0);
  for (let node = ready.shift(); node; node = ready.shift()) {
    const order = orders.get(node.scope);
    if (order) order.push(node.id);
    else orders.set(node.scope, [node.id]);
    for (const { target } of node.outgoing) {
      const left = waitingFor.get(target)! - 1;
      waitingFor.set(target, left);
      if (left === 0) ready.push(nodes.get(target)!);
    }
  }
  return {
    nodes,
    order: (scope) => orders.get(scope) ?? [],
    sequential: settings.mode === 'sequential',
  };
}
