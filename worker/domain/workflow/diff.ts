/** What differs between two definitions of a workflow: steps, their fields, lines, settings. Where a step stands on the canvas is no difference, only counted. */

interface ComparedNode {
  id: string;
  kind: string;
  position: { x: number; y: number };
}
interface ComparedEdge {
  source: string;
  sourceHandle?: string | null;
  target: string;
}
export interface Compared<Node extends ComparedNode = ComparedNode> {
  name: string;
  description?: string;
  nodes: readonly Node[];
  edges: readonly ComparedEdge[];
  settings: object;
}

/** `undefined` = it is not there. */
export interface FieldChange {
  path: readonly string[];
  before: unknown;
  after: unknown;
}
export interface NodeChange<Node> {
  change: 'added' | 'removed' | 'changed';
  /** as it is after, or was before it was removed */
  node: Node;
  /** of an added or removed one, all that is set in it */
  fields: FieldChange[];
}
export interface EdgeChange {
  change: 'added' | 'removed';
  source: string;
  handle: string | null;
  target: string;
}
export interface DefinitionDiff<Node> {
  /** name, description and settings */
  workflow: FieldChange[];
  nodes: NodeChange<Node>[];
  edges: EdgeChange[];
  /** steps that only stand elsewhere on the canvas */
  moved: number;
}

const isPlain = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** The same JSON, whatever order its fields were written in. */
export function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (Array.isArray(a) && Array.isArray(b))
    return a.length === b.length && a.every((item, at) => isSame(item, b[at]));
  if (!isPlain(a) || !isPlain(b)) return false;
  return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => isSame(a[key], b[key]));
}

/** Field by field down through objects; a list is one value, for its items have no names. */
function fieldsOf(before: unknown, after: unknown, path: readonly string[] = []): FieldChange[] {
  if (isSame(before, after)) return [];
  const objects = [before, after].every((value) => value === undefined || isPlain(value));
  if (!objects) return [{ path, before, after }];
  const [was, is] = [before ?? {}, after ?? {}] as Record<string, unknown>[];
  const keys = [...new Set([...Object.keys(was!), ...Object.keys(is!)])];
  if (keys.length === 0) return [{ path, before, after }];
  return keys.flatMap((key) => fieldsOf(was![key], is![key], [...path, key]));
}

const content = ({ id: _, kind: __, position: ___, ...rest }: ComparedNode) => rest;
const edgeKey = ({ source, sourceHandle, target }: ComparedEdge) =>
  JSON.stringify([source, sourceHandle ?? '', target]);

/** Steps are the same by their id; one that became another kind was removed and added. Removed ones come last. */
export function diffOf<Node extends ComparedNode>(
  before: Compared<Node>,
  after: Compared<Node>,
): DefinitionDiff<Node> {
  const was = new Map(before.nodes.map((node) => [node.id, node]));
  const stays = new Set<string>();
  const nodes: NodeChange<Node>[] = [];
  let moved = 0;
  for (const node of after.nodes) {
    const earlier = was.get(node.id);
    if (earlier?.kind !== node.kind) {
      nodes.push({ change: 'added', node, fields: fieldsOf(undefined, content(node)) });
      continue;
    }
    stays.add(node.id);
    const fields = fieldsOf(content(earlier), content(node));
    if (fields.length > 0) nodes.push({ change: 'changed', node, fields });
    else if (!isSame(earlier.position, node.position)) moved++;
  }
  for (const node of before.nodes)
    if (!stays.has(node.id))
      nodes.push({ change: 'removed', node, fields: fieldsOf(content(node), undefined) });

  const [linesBefore, linesAfter] = [before, after].map(({ edges }) => new Set(edges.map(edgeKey)));
  const linesOf = (
    edges: readonly ComparedEdge[],
    others: ReadonlySet<string>,
    change: EdgeChange['change'],
  ) =>
    edges
      .filter((edge) => !others.has(edgeKey(edge)))
      .map(({ source, sourceHandle, target }) => ({ change, source, handle: sourceHandle || null, target }));
  const head = ({ name, description, settings }: Compared) => ({
    name,
    // '' and none are one
    description: description || undefined,
    settings,
  });
  return {
    workflow: fieldsOf(head(before), head(after)),
    nodes,
    edges: [...linesOf(after.edges, linesBefore!, 'added'), ...linesOf(before.edges, linesAfter!, 'removed')],
    moved,
  };
}

export const isEmpty = ({ workflow, nodes, edges }: DefinitionDiff<unknown>): boolean =>
  workflow.length + nodes.length + edges.length === 0;
