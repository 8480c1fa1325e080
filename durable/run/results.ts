/** What an attempt came to is written with the event it is, in one transaction; what comes too late leaves only what it cost. */
import type { NodeFailure } from '../../worker/domain/contracts/node.ts';
import type { Result } from '../../worker/domain/result.ts';
import type { RunCommand } from './attempts.ts';
import type { LivingRun } from './living-run.ts';
import type { Ran } from './node-attempt.ts';
import type { KeptItems } from './streamed-items.ts';
import type { Place } from './tables.ts';

/** `items`: of a map, whole or kept already. `resumes`: they are those of the earlier run, and what it gave in them is here. */
export interface Given extends Ran {
  items?: readonly unknown[] | KeptItems;
  resumes?: boolean;
}

export function take(run: LivingRun, command: RunCommand, outcome: Result<Given, NodeFailure>): void {
  const { frame, node } = command;
  const { store } = run;
  const spend = outcome.ok ? outcome.value.spend : 'spend' in outcome.error ? outcome.error.spend : undefined;
  const pay = () => spend && store.spend.add(frame, node, spend);
  let taken: boolean;
  if (!outcome.ok) {
    const failure = outcome.error;
    taken = run.change(
      (progress, nowMs) => progress.failed(nowMs, command, failure),
      () => {
        pay();
        keepError(run, command);
      },
    );
  } else if (outcome.value.items)
    taken = takeItems(run, command, { items: outcome.value.items, resumes: outcome.value.resumes === true });
  else {
    const { output, ref, handle, stored, wait } = outcome.value;
    taken = run.change(
      (progress, nowMs) =>
        wait && (wait.untilMs === null || wait.untilMs > nowMs)
          ? progress.waits(nowMs, command, wait.for, wait.untilMs)
          : progress.finished(nowMs, command, handle ?? null),
      () => {
        if (ref) store.outputs.putRef(frame, node, ref);
        else run.large.keep(frame, node, output);
        pay();
        if (stored) run.reporter.keep(frame, node, stored);
      },
    );
  }
  if (!taken && spend) {
    store.transaction(pay);
    run.reporter.changed();
  }
  run.reporter.node(frame, node);
}

/** A map's attempt tells its items. */
function takeItems(
  run: LivingRun,
  command: RunCommand,
  { items, resumes }: { items: readonly unknown[] | KeptItems; resumes: boolean },
): boolean {
  const { concurrency, onItemError } = run.plan.nodes.get(command.node)!.node.config as {
    concurrency?: number;
    onItemError?: 'stop';
  };
  return run.change((progress, nowMs) => {
    const isKept = 'total' in items;
    if (!isKept) run.store.items.put(command.frame, command.node, items);
    const total = isKept ? items.total : items.length;
    return progress.expanded(nowMs, command, { total, concurrency, onItemError, resumes });
  });
}

/** What a wired error hands on. */
export function keepError(run: LivingRun, { frame, node }: Place): void {
  const state = run.store.state.frame(frame).nodes.get(node);
  if (state?.status === 'failed' && run.plan.nodes.get(node)!.onError === 'error')
    run.store.outputs.put(frame, node, { error: state.error });
}
