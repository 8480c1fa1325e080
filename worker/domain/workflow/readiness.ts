/** Which ways through a frame are gone: is a node ready, is it passed over, and whose output is the frame's own? */
import type { WorkflowEdge } from './definition.ts';
import { TOP, type Plan, type PlanNode } from './plan.ts';
import type { FrameState } from './state.ts';

/** A node in one of these changes no more, unless a person decides otherwise. */
export const SETTLED: ReadonlySet<string> = new Set(['succeeded', 'failed', 'skipped', 'cancelled']);

type Nodes = Pick<FrameState, 'nodes'>;

/** Edges into a node whose source has settled and went this way. */
export function liveEdges({ nodes }: Nodes, node: PlanNode, plan: Plan): WorkflowEdge[] {
  return node.incoming.filter((edge) => {
    const source = nodes.get(edge.source);
    const handle = edge.sourceHandle ?? '';
    if (source?.status === 'succeeded') return handle === (source.handle ?? '');
    if (source?.status !== 'failed') return false;
    const { onError } = plan.nodes.get(edge.source)!;
    return onError === 'error' ? handle === 'error' : onError === 'continue';
  });
}

/** A node waits for all that lead to it, or for the first live one where it says so; without a live one it is passed over. */
export function readiness(
  frame: Nodes & Pick<FrameState, 'scope'>,
  node: PlanNode,
  plan: Plan,
): 'ready' | 'skip' | 'not_yet' {
  if (node.incoming.length === 0) return frame.scope !== TOP || node.isTrigger ? 'ready' : 'skip';
  const live = liveEdges(frame, node, plan).length > 0;
  if (live && node.joinsAny) return 'ready';
  const settled = node.incoming.every(({ source }) => SETTLED.has(frame.nodes.get(source)?.status ?? ''));
  if (!settled) return 'not_yet';
  return live ? 'ready' : 'skip';
}

/** The last node of the frame that ends a way and was gone through; null when none was. */
export const resultOf = (frame: FrameState, plan: Plan): string | null =>
  plan
    .order(frame.scope)
    .findLast(
      (id) => plan.nodes.get(id)!.outgoing.length === 0 && frame.nodes.get(id)?.status === 'succeeded',
    ) ?? null;
