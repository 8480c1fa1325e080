/** What a run will cost, before it is made: per paid node the cost of one call, how often it is made, and the sum with the share that is guesswork. */
import type { Range } from '../cost/estimate.ts';
import { TOP, type Plan, type PlanNode } from './plan.ts';

/** One call of a paid node. */
export interface CallEstimate {
  costNanoUsd: Range;
  /** past calls of this node that the range rests on; 0 = it never ran */
  runs: number;
}

export interface NodeEstimate {
  nodeId: string;
  /** calls in one run: not at all, as expected, at most; null = nobody knows how many items there will be */
  calls: { low: number; expected: number; high: number } | null;
  perCallNanoUsd: Range | null;
  costNanoUsd: Range | null;
  /** past calls it rests on */
  runs: number;
}

export interface RunEstimate {
  costNanoUsd: Range;
  nodes: NodeEstimate[];
  /** ids of paid nodes whose cost nobody can tell yet */
  unknown: string[];
  /** the part of the expected cost that rests on no past run, 0 to 1 */
  guessShare: number;
  basis: { kind: 'runs' | 'rough'; runs: number };
}

/** What a branch that nobody has counted yet is expected to be worth. */
const EVEN = 0.5;

/** How many of the ways to a node hang on a decision: nodes behind a condition may never run. */
function reachOf(node: PlanNode, plan: Plan, kept = new Map<string, number>()): number {
  const known = kept.get(node.id);
  if (known !== undefined) return known;
  const around = node.scope === TOP ? 1 : reachOf(plan.nodes.get(node.scope)!, plan, kept);
  const ways = node.incoming.map((edge) => {
    const source = plan.nodes.get(edge.source)!;
    const before = reachOf(source, plan, kept) / (node.scope === TOP ? 1 : around);
    return edge.sourceHandle ? before * (edge.sourceHandle === 'error' ? 0 : EVEN) : before;
  });
  const reach = around * (ways.length === 0 ? 1 : Math.min(1, Math.max(...ways)));
  kept.set(node.id, reach);
  return reach;
}

/** `items` tells how many items a map will have, `call` what one call of a paid node costs; null where it cannot be told. */
export function estimateRun(
  plan: Plan,
  items: ReadonlyMap<string, number | null>,
  calls: ReadonlyMap<string, CallEstimate | null>,
): RunEstimate {
  const nodes = [...plan.nodes.values()]
    .filter((node) => node.paid)
    .map((node): NodeEstimate => {
      const call = calls.get(node.id) ?? null;
      let times: number | null = 1;
      for (let scope = node.scope; scope !== TOP; scope = plan.nodes.get(scope)!.scope) {
        const count = items.get(scope) ?? null;
        times = times === null || count === null ? null : times * count;
      }
      const reach = reachOf(node, plan);
      const often =
        times === null
          ? null
          : { low: reach < 1 ? 0 : times, expected: Math.round(times * reach), high: times };
      return {
        nodeId: node.id,
        calls: often,
        perCallNanoUsd: call?.costNanoUsd ?? null,
        costNanoUsd:
          call && often && times !== null
            ? {
                low: call.costNanoUsd.low * often.low,
                expected: call.costNanoUsd.expected * often.expected,
                high: call.costNanoUsd.high * often.high,
                max: call.costNanoUsd.max * times,
              }
            : null,
        runs: call?.runs ?? 0,
      };
    });
  const sum = (field: keyof Range, of = nodes) =>
    of.reduce((total, node) => total + (node.costNanoUsd?.[field] ?? 0), 0);
  const expected = sum('expected');
  const guessed = sum(
    'expected',
    nodes.filter((node) => node.runs === 0),
  );
  const fewest = nodes.length === 0 ? 0 : Math.min(...nodes.map((node) => node.runs));
  return {
    costNanoUsd: { low: sum('low'), expected, high: sum('high'), max: sum('max') },
    nodes,
    unknown: nodes.filter((node) => node.costNanoUsd === null).map((node) => node.nodeId),
    guessShare: expected === 0 ? 0 : guessed / expected,
    basis: { kind: fewest > 0 ? 'runs' : 'rough', runs: fewest },
  };
}
