/** How a run begins: with results of the run that it replays, or what is given to a node that runs alone; else with nothing. */
import { planOf, TOP } from '../../worker/domain/workflow/plan.ts';
import type { Command, Progress } from '../../worker/domain/workflow/progress.ts';
import { keptIn, type EarlierNode } from '../../worker/domain/workflow/replay.ts';
import { DEFAULT_RUN_MS } from '../../worker/domain/workflow/run-time.ts';
import type { RunDeps, RunOrder, WholeOutput } from '../../worker/domain/workflow/run.ts';
import { bringOutput } from './earlier-items.ts';
import type { LivingRun } from './living-run.ts';

/** Results, and maps that may find items of the earlier run. */
export interface TakenOver {
  kept: { nodeId: string; handle: string | null; output: WholeOutput }[];
  resumed: EarlierNode[];
}

/** What is there before anything runs. */
export async function takenOver(deps: RunDeps, order: RunOrder): Promise<TakenOver> {
  const { executionId, replay, alone, definition } = order;
  if (alone) {
    const given = Object.entries(alone.nodes);
    const kept = given.map(([nodeId, output]) => ({
      nodeId,
      handle: null,
      output: { json: JSON.stringify(output ?? null) },
    }));
    return { kept, resumed: [] };
  }
  if (!replay) return { kept: [], resumed: [] };
  const earlier = await deps.earlierRun(replay.executionId);
  const { kept, resumed } = keptIn(planOf(definition, deps.kinds), TOP, {
    earlier: await earlier.nodes(),
    fromNodeId: replay.fromNodeId,
    completed: earlier.completed,
  });
  const nodes: TakenOver['kept'] = [];
  for (const { nodeId, handle } of kept) {
    const place = { nodeId, itemPath: [] };
    const output = await bringOutput(deps, { executionId, ...place }, await earlier.output(place));
    nodes.push({ nodeId, handle, output });
  }
  return { kept: nodes, resumed };
}

/** The first event of a run, with what it takes over. */
export function started(
  { store, large }: Pick<LivingRun, 'store' | 'large'>,
  { order, taken }: { order: RunOrder; taken: TakenOver },
  { progress, nowMs }: { progress: Progress; nowMs: number },
): Command[] {
  const handles = taken.kept.map(({ nodeId, handle }): [string, string | null] => [nodeId, handle]);
  const commands = progress.start(nowMs, { ...startOptions(order, nowMs), kept: handles });
  for (const { nodeId, output } of taken.kept) large.keepWhole(TOP, nodeId, output);
  for (const { nodeId, itemsHash } of taken.resumed)
    if (itemsHash) store.kept.mayResume(TOP, nodeId, itemsHash);
  return commands;
}

function startOptions({ definition, slotUntilMs }: RunOrder, nowMs: number) {
  const { timeoutMs = DEFAULT_RUN_MS } = definition.settings;
  const slot = typeof slotUntilMs === 'number' && slotUntilMs <= nowMs ? null : slotUntilMs;
  return { timeoutMs, ...(slot === undefined ? {} : { slotUntilMs: slot }) };
}
