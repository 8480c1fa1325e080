/** A run as lines of text, for its archive: what is known of it, then its rows with whole outputs (or the files of the large ones), a page at a time. */
import type { Plan } from '../../worker/domain/workflow/plan.ts';
import type { NodeRow } from '../../worker/domain/workflow/run-page.ts';
import { runHead } from './run-view.ts';
import type { WorkflowRunStore } from './run.store.ts';

const AT_ONCE = 200;

export async function* archiveLines(store: WorkflowRunStore, plan: Plan): AsyncGenerator<string> {
  yield JSON.stringify(runHead(store, plan));
  let after: [number, string, string] | undefined;
  for (;;) {
    const { rows, more } = store.steps.page(plan, { limit: AT_ONCE, after });
    for (const row of rows) yield JSON.stringify(archived(store, plan, row));
    const last = rows.at(-1);
    if (!more || !last) return;
    after = [last.itemIndex ?? -1, last.frame, last.nodeId];
  }
}

function archived(store: WorkflowRunStore, plan: Plan, { outputPreview, ...row }: NodeRow): NodeRow {
  const { itemsHash = null, ...items } = plan.nodes.get(row.nodeId)?.isMap
    ? store.items.known(row.frame, row.nodeId)
    : {};
  const known = itemsHash === null ? row : { ...row, itemsHash, ...items };
  const whole = outputPreview === undefined ? null : store.outputs.whole(row.frame, row.nodeId);
  if (!whole) return known;
  return 'ref' in whole
    ? { ...known, outputPreview, outputRef: whole.ref }
    : { ...known, output: JSON.parse(whole.json) as unknown };
}
