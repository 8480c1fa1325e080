/** Brings over what an earlier run gave in the items of a map, page by page: never all of it in memory or in one message. Safe to run twice. */
import { pathOf, scopeOfFrame, TOP, type Plan } from '../../worker/domain/workflow/plan.ts';
import { keptIn, mapsWithin, type EarlierItemNode } from '../../worker/domain/workflow/replay.ts';
import type { OutputPlace, OutputRef, RunDeps, WholeOutput } from '../../worker/domain/workflow/run.ts';
import type { WorkflowRunStore } from './run.store.ts';

/** What is longer is no row. */
const MOST_INLINE_CHARS = 500_000;

const wholeOf = ({ ref, output }: EarlierItemNode): WholeOutput =>
  ref ? { ref } : { json: output ?? 'null' };

export interface Bringing {
  store: WorkflowRunStore;
  plan: Plan;
  deps: RunDeps;
  /** those inside it come with the outermost map */
  mapId: string;
  signal: AbortSignal;
}

/**
 * Is what the earlier run gave in this map's items taken over? Only where they are the same items; then it is brought here first, for those
 * of maps within it as well.
 */
export async function takesOverItems(
  bringing: Bringing,
  { frame, hash }: { frame: string; hash: () => string | null },
): Promise<boolean> {
  const earlier = bringing.store.kept.itemsHash(frame, bringing.mapId);
  if (earlier === null || earlier !== hash()) return false;
  if (frame === TOP) await bringItems(bringing);
  return true;
}

async function bringItems({ store, plan, deps, mapId, signal }: Bringing): Promise<void> {
  const { executionId, replay } = store.order()!;
  const { executionId: earlierId, fromNodeId } = replay!;
  const earlier = await deps.earlierRun(earlierId);
  for await (const frames of framesOf(earlier.items(mapsWithin(plan, mapId)))) {
    signal.throwIfAborted();
    const chosen = frames.map((rows) =>
      keptIn(plan, scopeOfFrame(rows[0]!.frame), { earlier: rows, fromNodeId, completed: earlier.completed }),
    );
    const refs = new Map<EarlierItemNode, OutputRef>();
    for (const row of chosen.flatMap(({ kept }) => kept)) {
      const at = { executionId, nodeId: row.nodeId, itemPath: pathOf(row.frame) };
      const output = row.isLarge ? await earlier.output(at) : wholeOf(row);
      if (!output) throw new Error(`the output of ${row.frame}/${row.nodeId} is gone`);
      if ('ref' in output) refs.set(row, await ownFile(deps, at, output.ref));
      else if (output.json.length > MOST_INLINE_CHARS) refs.set(row, await deps.putOutput(at, output.json));
    }
    store.transaction(() => {
      for (const { kept, resumed } of chosen) {
        for (const row of kept) {
          const ref = refs.get(row) ?? null;
          store.kept.put({ ...row, output: ref ? null : row.output, ref });
        }
        for (const { frame, nodeId, itemsHash } of resumed)
          if (itemsHash) store.kept.mayResume(frame, nodeId, itemsHash);
      }
    });
  }
}

/** A file of its own: what becomes of the earlier run's does not touch it. */
const ownFile = async (
  deps: Pick<RunDeps, 'copyOutput'>,
  at: OutputPlace,
  ref: OutputRef,
): Promise<OutputRef> => ({ ...ref, key: await deps.copyOutput(ref.key, at) });

/** What an outermost node of the earlier run gave. */
export async function bringOutput(
  deps: Pick<RunDeps, 'copyOutput'>,
  at: OutputPlace,
  output: WholeOutput | null,
): Promise<WholeOutput> {
  if (!output) throw new Error(`the output of ${at.nodeId} is gone`);
  return 'json' in output ? output : { ref: await ownFile(deps, at, output.ref) };
}

/** Rows by the frames they stand in, as many whole frames at a time as a page holds. Those of one frame come one after the other. */
async function* framesOf(pages: AsyncIterable<EarlierItemNode[]>): AsyncGenerator<EarlierItemNode[][]> {
  let open: EarlierItemNode[] = [];
  for await (const page of pages) {
    const whole: EarlierItemNode[][] = [];
    for (const row of page) {
      if (open.length > 0 && open[0]!.frame !== row.frame) {
        whole.push(open);
        open = [];
      }
      open.push(row);
    }
    if (whole.length > 0) yield whole;
  }
  if (open.length > 0) yield [open];
}
