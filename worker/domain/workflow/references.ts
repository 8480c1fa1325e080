/** Which other nodes' outputs a node can ask for, by what is written in its config: only those are brought to it (engine.md rule 19). */
import type { PlanNode } from './plan.ts';

/** 'all' where it cannot be told (`nodes` taken as a whole, or a name reckoned). Never too few. */
export type Needed = ReadonlySet<string> | 'all';

const NAMED = /\bnodes\s*\.\s*(?:`([^`]+)`|([A-Za-z_][\w-]*))/g;
const known = new WeakMap<PlanNode, Needed>();

export function neededBy(node: PlanNode): Needed {
  let needed = known.get(node);
  if (!needed) known.set(node, (needed = reckoned(node)));
  return needed;
}

function reckoned({ node, incoming, ignoresInput }: PlanNode): Needed {
  const text = JSON.stringify(node.config);
  const needed = new Set(ignoresInput ? [] : incoming.map(({ source }) => source));
  let mentions = 0;
  for (const [, quoted, bare] of text.matchAll(NAMED)) {
    mentions++;
    if (quoted !== undefined) {
      needed.add(quoted);
      continue;
    }
    // in an expression "nodes.a-b" may be the node "a-b", or "a" less something
    const pieces = (bare ?? '').split('-');
    for (let upTo = 1; upTo <= pieces.length; upTo++) needed.add(pieces.slice(0, upTo).join('-'));
  }
  const all = text.match(/\bnodes\b/g)?.length ?? 0;
  return all > mentions || /\*\*|\$\$?(?![\w.$])/.test(text) ? 'all' : needed;
}

const NAME = '[A-Za-z_]\\w*';
/** a template may name a node with a hyphen; in an expression that would be a difference */
const TEMPLATE = new RegExp(`^\\s*\\{\\{-?\\s*nodes\\.([A-Za-z_][\\w-]*)((?:\\.${NAME})*)\\s*-?\\}\\}\\s*$`);
const EXPRESSION = new RegExp(`^\\s*nodes\\.(?:\`([\\w-]+)\`|(${NAME}))((?:\\.${NAME})*)\\s*$`);
/** what Liquid reckons of a list or a text, where there is no such member */
const RECKONED = ['size', 'first', 'last'];

/** Where a text that only names a place in a node's output points to, like `{{ nodes.read.rows }}`; null for any other text. */
export function placeNamed(text: string): { nodeId: string; path: string[] } | null {
  const template = TEMPLATE.exec(text);
  const expression = template ? null : EXPRESSION.exec(text);
  const nodeId = template?.[1] ?? expression?.[1] ?? expression?.[2];
  if (nodeId === undefined) return null;
  const path = (template?.[2] ?? expression?.[3] ?? '').split('.').slice(1);
  return path.some((name) => RECKONED.includes(name)) ? null : { nodeId, path };
}
