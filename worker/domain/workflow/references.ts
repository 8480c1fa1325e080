/** Which other nodes' outputs a node can ask for, and what of them, by what is written in its config: only that is brought to it (engine.md rule 19). */
import type { PlanNode } from './plan.ts';

/** Names of an output's members, or all of it. */
export type Members = ReadonlySet<string> | 'all';
/** By node id; 'all' where it cannot be told (`nodes` taken as a whole, or a name reckoned). Never too little. */
export type Needed = ReadonlyMap<string, Members> | 'all';

/** A member counts only where its name surely ends: others may have letters beyond these, or a hyphen. */
const NAMED =
  /\bnodes\s*\.\s*(?:`([^`]+)`|([A-Za-z_][\w-]*))(?:\s*\.\s*([A-Za-z_]\w*)(?![\w\u0080-\uffff-]))?/g;
const known = new WeakMap<PlanNode, Needed>();

export function neededBy(node: PlanNode): Needed {
  let needed = known.get(node);
  if (!needed) known.set(node, (needed = reckoned(node)));
  return needed;
}

function reckoned({ node, incoming, ignoresInput }: PlanNode): Needed {
  const text = JSON.stringify(node.config);
  const needed = new Map<string, Set<string> | 'all'>();
  const needs = (id: string, member: string | undefined): void => {
    const before = needed.get(id);
    if (member === undefined || RECKONED.includes(member)) needed.set(id, 'all');
    else if (before === undefined) needed.set(id, new Set([member]));
    else if (before !== 'all') before.add(member);
  };
  if (!ignoresInput) for (const { source } of incoming) needs(source, undefined);
  let mentions = 0;
  for (const [, quoted, bare, member] of text.matchAll(NAMED)) {
    mentions++;
    if (quoted !== undefined) {
      needs(quoted, member);
      continue;
    }
    // in an expression "nodes.a-b" may be the node "a-b", or "a" less something
    const pieces = (bare ?? '').split('-');
    for (let upTo = 1; upTo <= pieces.length; upTo++)
      needs(pieces.slice(0, upTo).join('-'), upTo === pieces.length ? member : undefined);
  }
  const all = text.match(/\bnodes\b/g)?.length ?? 0;
  return all > mentions || /\*\*|\$\$?(?![\w.$])/.test(text) ? 'all' : needed;
}

/** what Liquid reckons of a list or a text, where there is no such member */
const RECKONED = ['size', 'first', 'last'];

const NAME = '[A-Za-z_]\\w*';
/** a template may name a node with a hyphen; in an expression that would be a difference */
const TEMPLATE = new RegExp(`^\\s*\\{\\{-?\\s*nodes\\.([A-Za-z_][\\w-]*)((?:\\.${NAME})*)\\s*-?\\}\\}\\s*$`);
const EXPRESSION = new RegExp(`^\\s*nodes\\.(?:\`([\\w-]+)\`|(${NAME}))((?:\\.${NAME})*)\\s*$`);
/** Where a text that only names a place in a node's output points to, like `{{ nodes.read.rows }}`; null for any other text. */
export function placeNamed(text: string): { nodeId: string; path: string[] } | null {
  const template = TEMPLATE.exec(text);
  const expression = template ? null : EXPRESSION.exec(text);
  const nodeId = template?.[1] ?? expression?.[1] ?? expression?.[2];
  if (nodeId === undefined) return null;
  const path = (template?.[2] ?? expression?.[3] ?? '').split('.').slice(1);
  return path.some((name) => RECKONED.includes(name)) ? null : { nodeId, path };
}
