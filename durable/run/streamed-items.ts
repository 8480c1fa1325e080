/**
 * Items of a map that stand in a file, as rows of a data source or another map's results do: read off it element by element and kept as rows,
 * so that however many and however large they are, never all of them stand in memory.
 */
import { JsonElements } from '../../worker/domain/data/json-elements.ts';
import type { NodeFailure } from '../../worker/domain/contracts/node.ts';
import { err, ok, type Result } from '../../worker/domain/result.ts';
import type { Plan } from '../../worker/domain/workflow/plan.ts';
import { placeNamed } from '../../worker/domain/workflow/references.ts';
import type { RunDeps } from '../../worker/domain/workflow/run.ts';
import { ItemChunks, ItemsHash, type ItemChunk } from './items.ts';
import type { WorkflowRunStore } from './run.store.ts';
import type { Place } from './tables.ts';

const MOST_ITEMS = 1_000_000;
/** An item is brought to its nodes whole. */
const MOST_ITEM_CHARS = 1_000_000;

/** Kept as rows; `hash`: what they are known by. */
export interface KeptItems {
  total: number;
  hash: string | null;
}

interface ReadingItems {
  store: WorkflowRunStore;
  plan: Plan;
  deps: Pick<RunDeps, 'readOutputText'>;
  signal: AbortSignal;
}

/** null = its items are not simply a list that stands in a file: then they are reckoned in memory. */
export async function streamedItems(
  { store, plan, deps, signal }: ReadingItems,
  { frame, node }: Place,
): Promise<Result<KeptItems, NodeFailure> | null> {
  const { items } = plan.nodes.get(node)!.node.config as { items?: unknown };
  const named = typeof items === 'string' ? placeNamed(items) : null;
  const file = named && fileOf(store, frame, named.nodeId);
  if (!file) return null;
  const elements = new JsonElements(named.path);
  const chunks = new ItemChunks();
  const hash = new ItemsHash();
  const keep = (full: ItemChunk[]): void => {
    for (const { text } of full) hash.add(text);
    store.transaction(() => {
      for (const chunk of full) store.items.putChunk(frame, node, chunk);
    });
  };
  const tooMuch = (message: string) => err({ reason: 'refused' as const, field: 'items', message });
  store.transaction(() => store.items.remove(frame, node));
  for await (const piece of deps.readOutputText(file)) {
    signal.throwIfAborted();
    const full: ItemChunk[] = [];
    for (const element of elements.push(piece)) {
      if (element.length > MOST_ITEM_CHARS)
        return tooMuch(`item ${chunks.total + 1} is longer than ${MOST_ITEM_CHARS} characters`);
      const chunk = chunks.add(element);
      if (chunk) full.push(chunk);
    }
    if (chunks.total > MOST_ITEMS) return tooMuch(`gives more than ${MOST_ITEMS} items`);
    if (full.length > 0) keep(full);
  }
  if (!elements.found) return null;
  signal.throwIfAborted();
  const rest = chunks.rest();
  if (rest) keep([rest]);
  return ok({ total: chunks.total, hash: hash.digest() });
}

/** The key of the file that a node's output stands in; null when it stands here, or there is none. */
function fileOf(store: WorkflowRunStore, frameKey: string, nodeId: string): string | null {
  for (let key: string | null = frameKey; key !== null; key = store.state.frame(key).parent)
    if (store.outputs.of(key).large.has(nodeId)) return store.outputs.fileOf(key, nodeId)?.key ?? null;
  return null;
}
