/** A run as lines of text, for its archive: what is known of it, then its rows with whole outputs, a page at a time. */
import type { Plan } from '../worker/domain/workflow/plan.ts';
import { runHead } from './run-view.ts';
import type { WorkflowRunStore } from './workflow-run.store.ts';

const AT_ONCE = 200;

export async function* archiveLines(
  store: WorkflowRunStore,
  plan: Plan,
  readOutput: (key: string) => Promise<unknown>,
): AsyncGenerator<string> {
  yield JSON.stringify(runHead(store, plan));
  let after: [number, string, string] | undefined;
  for (;;) {
    const rows = store.nodeRows({ limit: AT_ONCE, after });
    for (const { outputPreview, ...row } of rows)
      yield JSON.stringify(
        outputPreview === undefined
          ? row
          : { ...row, output: await store.output(row.frame, row.nodeId, readOutput) },
      );
    const last = rows.at(-1);
    if (rows.length < AT_ONCE || !last) return;
    after = [last.itemIndex ?? -1, last.frame, last.nodeId];
  }
}
