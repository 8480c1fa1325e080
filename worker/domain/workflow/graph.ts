/** Is a definition sound? Structure first (never stored broken), then what a draft may still lack (reported, and refused at publish and trigger). */
import type { NodeType } from '../contracts/node.ts';
import type { Issue } from '../refusal.ts';
import type { Definition, WorkflowEdge, WorkflowNode } from './definition.ts';
import { configFaults, hasTemplate, type Expressions } from './expression.ts';

export type NodeKinds = ReadonlyMap<string, NodeType>;

export interface Soundness {
  /** a definition with one of these is never stored */
  errors: Issue[];
  /** a draft may have these; it can be neither published nor run */
  problems: Issue[];
}

/** Handles of a node's outgoing edges: the kind's own, and `error` where failures are wired. */
export function handlesOf(node: WorkflowNode, kind: NodeType): readonly string[] {
  const own = kind.handlesOf?.(node.config) ?? kind.handles;
  return node.onError === 'error' ? [...own, 'error'] : own;
}

/** Everything that is wrong with a definition, each issue with the place it stands at, like `nodes.2.config.expression`. */
export function checkDefinition(
  definition: Definition,
  kinds: NodeKinds,
  expressions: Expressions,
): Soundness {
  const errors: Issue[] = [];
  const problems: Issue[] = [];
  const byId = new Map<string, { node: WorkflowNode; index: number }>();
  definition.nodes.forEach((node, index) => {
    const first = byId.get(node.id);
    if (first)
      errors.push({
        path: `nodes.${index}.id`,
        message: `"${node.id}" is already the id of nodes.${first.index}`,
      });
    else byId.set(node.id, { node, index });
  });
  definition.nodes.forEach((node, index) => {
    const kind = kinds.get(node.kind);
    if (!kind) {
      errors.push({
        path: `nodes.${index}.kind`,
        message: `there is no node kind "${node.kind}"; known: ${[...kinds.keys()].join(', ')}`,
      });
      return;
    }
    errors.push(...parentFaults(node, index, byId, kinds));
    const config = checkConfig(node, kind, expressions);
    errors.push(...config.errors.map((issue) => at(`nodes.${index}.config`, issue)));
    problems.push(...config.problems.map((issue) => at(`nodes.${index}.config`, issue)));
  });
  errors.push(...edgeFaults(definition.edges, byId, kinds));
  if (errors.length === 0) {
    const cycle = findCycle(definition);
    if (cycle)
      errors.push({
        path: 'edges',
        message: `the nodes ${cycle.map((id) => `"${id}"`).join(' -> ')} form a cycle; use a map for repetition`,
      });
  }
  if (errors.length === 0) problems.push(...reachFaults(definition, kinds));
  return { errors, problems };
}

const at = (path: string, issue: Issue): Issue => ({
  path: issue.path ? `${path}.${issue.path}` : path,
  message: issue.message,
});

type ById = ReadonlyMap<string, { node: WorkflowNode; index: number }>;

function parentFaults(node: WorkflowNode, index: number, byId: ById, kinds: NodeKinds): Issue[] {
  const path = `nodes.${index}.parentId`;
  if (node.parentId === undefined) return [];
  const parent = byId.get(node.parentId)?.node;
  if (!parent) return [{ path, message: `there is no node "${node.parentId}"` }];
  if (kinds.get(parent.kind)?.execution !== 'scope')
    return [
      {
        path,
        message: `"${node.parentId}" is a ${parent.kind}; only a map can hold other nodes`,
      },
    ];
  if (kinds.get(node.kind)?.category === 'trigger')
    return [{ path, message: 'a trigger cannot stand inside a map' }];
  const seen = new Set([node.id]);
  for (
    let up: WorkflowNode | undefined = parent;
    up;
    up = up.parentId ? byId.get(up.parentId)?.node : undefined
  ) {
    if (seen.has(up.id)) return [{ path, message: `"${node.id}" stands inside itself` }];
    seen.add(up.id);
  }
  return [];
}

function edgeFaults(edges: readonly WorkflowEdge[], byId: ById, kinds: NodeKinds): Issue[] {
  const issues: Issue[] = [];
  const ids = new Set<string>();
  const joined = new Set<string>();
  edges.forEach((edge, index) => {
    const fault = (field: string, message: string) =>
      issues.push({ path: `edges.${index}.${field}`, message });
    if (ids.has(edge.id)) fault('id', `"${edge.id}" is already the id of another edge`);
    ids.add(edge.id);
    const source = byId.get(edge.source)?.node;
    const target = byId.get(edge.target)?.node;
    if (!source) fault('source', `there is no node "${edge.source}"`);
    if (!target) fault('target', `there is no node "${edge.target}"`);
    if (!source || !target) return;
    const key = JSON.stringify([edge.source, edge.sourceHandle ?? '', edge.target]);
    if (joined.has(key)) fault('target', `"${edge.source}" and "${edge.target}" are already joined this way`);
    joined.add(key);
    if (source.parentId === target.id || target.parentId === source.id)
      fault(
        'target',
        `no edge joins the map "${source.parentId === target.id ? target.id : source.id}" to its own body`,
      );
    else if (source.parentId !== target.parentId)
      fault('target', `"${edge.source}" and "${edge.target}" do not stand in the same map`);
    if (kinds.get(target.kind)?.category === 'trigger') fault('target', 'nothing can lead into a trigger');
    const kind = kinds.get(source.kind);
    if (!kind) return;
    const handles = handlesOf(source, kind);
    const handle = edge.sourceHandle ?? '';
    const unnamed = (kind.handlesOf?.(source.config) ?? kind.handles).length === 0;
    if (handle === '' ? !unnamed : !handles.includes(handle))
      fault(
        'sourceHandle',
        handle === ''
          ? `"${edge.source}" has several outputs, say which: ${handles.join(', ')}`
          : `"${edge.source}" has no output "${handle}"${handles.length ? `; it has: ${handles.join(', ')}` : ''}`,
      );
  });
  return issues;
}

/** The ids along one cycle, the first repeated at the end; null when there is none. */
export function findCycle(definition: Pick<Definition, 'nodes' | 'edges'>): string[] | null {
  const next = new Map<string, string[]>();
  for (const edge of definition.edges) {
    const targets = next.get(edge.source);
    if (targets) targets.push(edge.target);
    else next.set(edge.source, [edge.target]);
  }
  const state = new Map<string, 'open' | 'done'>();
  for (const { id: root } of definition.nodes) {
    if (state.has(root)) continue;
    const path = [{ id: root, from: 0 }];
    state.set(root, 'open');
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      const target = next.get(top.id)?.[top.from++];
      if (target === undefined) {
        state.set(top.id, 'done');
        path.pop();
      } else if (state.get(target) === 'open') {
        const ids = path.map((step) => step.id);
        return [...ids.slice(ids.indexOf(target)), target];
      } else if (!state.has(target)) {
        state.set(target, 'open');
        path.push({ id: target, from: 0 });
      }
    }
  }
  return null;
}

/** What keeps a sound graph from running: no trigger, two of them, a node nothing leads to, an empty map. */
function reachFaults(definition: Definition, kinds: NodeKinds): Issue[] {
  const problems: Issue[] = [];
  const entered = new Set(definition.edges.map((edge) => edge.target));
  const triggers = definition.nodes.filter((node) => kinds.get(node.kind)?.category === 'trigger');
  if (triggers.length === 0)
    problems.push({ path: 'nodes', message: 'there is no trigger; add a node of kind "trigger"' });
  definition.nodes.forEach((node, index) => {
    const kind = kinds.get(node.kind);
    if (kind?.category === 'trigger' && node !== triggers[0])
      problems.push({
        path: `nodes.${index}`,
        message: `"${node.id}" is a second trigger beside "${triggers[0]?.id}"; a workflow has one`,
      });
    if (kind?.category !== 'trigger' && node.parentId === undefined && !entered.has(node.id))
      problems.push({
        path: `nodes.${index}`,
        message: `nothing leads to "${node.id}", so it would never run; connect it or remove it`,
      });
    if (kind?.execution === 'scope' && !definition.nodes.some((inner) => inner.parentId === node.id))
      problems.push({
        path: `nodes.${index}`,
        message: `the map "${node.id}" is empty; put at least one node into it`,
      });
  });
  return problems;
}

/** A config against its kind's schema. Wrong types and unknown fields are errors; what is missing or does not compile yet is a problem. */
export function checkConfig(node: WorkflowNode, kind: NodeType, expressions: Expressions): Soundness {
  const errors: Issue[] = [];
  const problems: Issue[] = [
    ...configFaults(node.config, kind, expressions),
    ...(kind.problemsOf?.(node.config) ?? []),
  ];
  const parsed = kind.configSchema.safeParse(node.config);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const value = valueAt(node.config, issue.path);
      if (typeof value === 'string' && hasTemplate(value)) continue;
      const path = issue.path.join('.');
      if (issue.code === 'unrecognized_keys')
        for (const key of issue.keys)
          errors.push({ path: path ? `${path}.${key}` : key, message: 'unknown field' });
      else if (value === undefined || value === '' || value === null || issue.code === 'custom')
        problems.push({ path, message: value === undefined ? 'is missing' : issue.message });
      else errors.push({ path, message: issue.message });
    }
  }
  return { errors, problems };
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  for (const key of path) {
    if (value === null || typeof value !== 'object' || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<PropertyKey, unknown>)[key];
  }
  return value;
}
