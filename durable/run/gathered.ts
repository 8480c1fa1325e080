/** The results of a map's items, in their order, as the map's own output (JSON): whole when that is small, else piece by piece. */
import { LARGE_CHARS } from './outputs.store.ts';
import type { WorkflowRunStore } from './run.store.ts';
import type { Place } from './tables.ts';

/** null when it is large. */
export function gatheredText(store: WorkflowRunStore, place: Place): string | null {
  const results: string[] = [];
  const failed: string[] = [];
  let chars = 0;
  for (const item of itemsOf(store, place)) {
    const json = item.json;
    if (json === null) return null;
    if (item.failed) failed.push(item.failed);
    if (item.counts) results.push(json);
    chars += json.length + (item.failed?.length ?? 0) + 1;
    if (chars > LARGE_CHARS) return null;
  }
  return `{"results":[${results.join(',')}],"failed":[${failed.join(',')}]}`;
}

/** The same text. `read`: what stands in a file. */
export async function* gatheredPieces(
  store: WorkflowRunStore,
  place: Place,
  read: (key: string) => AsyncIterable<string>,
  signal: AbortSignal,
): AsyncGenerator<string> {
  let comma = '';
  yield '{"results":[';
  for (const { key, resultNode, counts, json } of itemsOf(store, place)) {
    signal.throwIfAborted();
    if (!counts) continue;
    if (json !== null) yield `${comma}${json}`;
    else {
      if (comma) yield comma;
      const whole = store.outputs.fileOf(key, resultNode!);
      if (whole) yield* read(whole.key);
      else yield* store.outputs.partsOf(key, resultNode!);
    }
    comma = ',';
  }
  yield '],"failed":[';
  comma = '';
  for (const { failed } of itemsOf(store, place, 'failed')) {
    yield `${comma}${failed}`;
    comma = ',';
  }
  yield ']}';
}

/** A window at a time. `counts`: is it one of the results? `failed`: how it is told of among the failed ones. */
function* itemsOf(store: WorkflowRunStore, { frame, node }: Place, status?: 'failed') {
  const removes = store.state.map(frame, node)!.onItemError === 'remove';
  for (let from = 0; ;) {
    const rows = store.items.results(frame, node, { from, ...(status ? { status } : {}) });
    for (const row of rows) {
      const isFailed = row.status === 'failed';
      yield {
        ...row,
        counts: !isFailed || !removes,
        failed: isFailed ? `{"index":${row.index},"error":${row.error ?? 'null'}}` : null,
      };
    }
    if (rows.length === 0) return;
    from = rows.at(-1)!.index + 1;
  }
}
