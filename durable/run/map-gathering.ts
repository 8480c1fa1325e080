/** When all items of a map have ended, their results become the map's own: at once or, when they are large, piece by piece in R2. */
import { logLine } from '../../worker/domain/log-line.ts';
import { pathOf } from '../../worker/domain/workflow/plan.ts';
import type { Command } from '../../worker/domain/workflow/progress.ts';
import { gatheredPieces, gatheredText } from './gathered.ts';
import type { LivingRun } from './living-run.ts';

export type Gather = Extract<Command, { do: 'gather' }>;

/** Within the event's transaction; what is large is left as a command. */
export function gather(run: LivingRun, command: Gather, nowMs: number): Command[] {
  const { frame, node, token } = command;
  const json = gatheredText(run.store, { frame, node });
  if (json === null) return [command];
  run.store.outputs.putWhole(frame, node, { json });
  const commands = run.machine().finished(nowMs, { frame, node, token }, null) ?? [];
  run.reporter.node(frame, node);
  return commands.flatMap((next) => (next.do === 'gather' ? gather(run, next, nowMs) : [next]));
}

/** What is large never stands in memory. What does not get to R2 is tried again by the alarm. */
export async function gatherLarge(run: LivingRun, { frame, node, token }: Gather): Promise<void> {
  const { store, deps, attempts } = run;
  const order = store.order();
  if (!order || attempts.isLive(token)) return;
  const signal = attempts.open(token);
  try {
    const ref = await deps.putOutput(
      { executionId: order.executionId, nodeId: node, itemPath: pathOf(frame) },
      gatheredPieces(store, { frame, node }, deps.readOutputText, signal),
    );
    attempts.close(token);
    run.change(
      (progress, nowMs) => progress.finished(nowMs, { frame, node, token }, null),
      () => store.outputs.putRef(frame, node, ref),
    );
    run.reporter.node(frame, node);
  } catch (error) {
    if (!signal.aborted)
      console.error(logLine({ level: 'error', at: 'WorkflowRun.gather', node, message: String(error) }));
  } finally {
    attempts.close(token);
    if (store.order()) run.alarm.arm();
  }
}
