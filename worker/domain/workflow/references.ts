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
