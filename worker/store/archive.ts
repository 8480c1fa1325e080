/**
 * Ended runs in R2, one compressed file each (engine.md rule 20): a line with what is known of the run, then a line per row of a node, in
 * their order, with whole outputs. Written and read as a stream, so that a run of 100,000 items never stands whole in memory.
 */
import { and, asc, eq, isNotNull, isNull, lt, ne } from 'drizzle-orm';
import { frameKey } from '../domain/workflow/plan.ts';
import type { EarlierItemNode, EarlierNode } from '../domain/workflow/replay.ts';
import {
  cursorOf,
  PAGE_CHARS,
  pageOfRun,
  type NodeRow,
  type PageAsk,
  type RunHead,
} from '../domain/workflow/run-page.ts';
import type { EarlierRun, NodePlace, RunObject, RunView, WholeOutput } from '../domain/workflow/run.ts';
import type { Db } from '../services.ts';
import { putPieces } from './put-pieces.ts';
import { runObject } from './run-object.ts';
import { execution } from './schema.ts';

export const archiveKey = (executionId: string) => `executions/${executionId}/run.jsonl.gz`;

/** An output of more characters is shown by its beginning, as a living run does. */
const SHOWN_CHARS = 500_000;
const PAGE_ROWS = 500;

export const putArchive = (
  files: R2Bucket,
  executionId: string,
  lines: AsyncIterable<string>,
): Promise<void> => putPieces(files, archiveKey(executionId), compressed(lines));

function compressed(lines: AsyncIterable<string>): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  const iterator = lines[Symbol.asyncIterator]();
  const source = new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value, done } = await iterator.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(`${value}\n`));
    },
  });
  // the pages are checked with a browser's types, in which it takes any bytes
  return source.pipeThrough(
    new CompressionStream('gzip') as unknown as ReadableWritablePair<Uint8Array, Uint8Array>,
  );
}

/** Nothing when there is no such file. */
async function* linesOf(files: R2Bucket, executionId: string): AsyncGenerator<string> {
  const file = await files.get(archiveKey(executionId));
  if (!file) return;
  const text = file.body.pipeThrough(new DecompressionStream('gzip')).pipeThrough(new TextDecoderStream());
  let rest = '';
  for await (const piece of text as unknown as AsyncIterable<string>) {
    const pieces = (rest + piece).split('\n');
    rest = pieces.pop()!;
    yield* pieces;
  }
}

/** One page, as the living run would have answered it; null when all that was left of it is its index row. */
export async function archivedView(
  files: R2Bucket,
  executionId: string,
  page: PageAsk,
): Promise<RunView | null> {
  const after = cursorOf(page.cursor);
  let head: RunHead | null = null;
  let begun = after === undefined;
  let more = false;
  let chars = 0;
  const rows: NodeRow[] = [];
  for await (const line of linesOf(files, executionId)) {
    if (!head) {
      head = JSON.parse(line) as RunHead;
      continue;
    }
    const row = JSON.parse(line) as NodeRow;
    if (!begun) {
      begun = row.frame === after![1] && row.nodeId === after![2];
      continue;
    }
    if (page.nodeId !== undefined && page.nodeId !== row.nodeId) continue;
    if (line.length <= SHOWN_CHARS) chars += line.length;
    more = rows.length === page.limit || (rows.length > 0 && chars > PAGE_CHARS);
    if (more) break;
    rows.push(shown(row, line.length));
  }
  return head && pageOfRun(head, { rows, more }, page);
}

function shown(row: NodeRow, chars: number): NodeRow {
  if (chars <= SHOWN_CHARS) return row;
  const { output, ...rest } = row;
  const text = JSON.stringify(output);
  return text.length <= SHOWN_CHARS ? row : { ...rest, outputPreview: text.slice(0, 1000) };
}

/** What a node gave: its line has it whole, or says where it stands. */
const wholeOf = ({ output, outputRef, status }: NodeRow): WholeOutput | null =>
  outputRef
    ? { ref: outputRef }
    : output === undefined && status !== 'succeeded'
      ? null
      : { json: JSON.stringify(output ?? null) };

async function* rowsOf(files: R2Bucket, executionId: string): AsyncGenerator<NodeRow> {
  let isHead = true;
  for await (const line of linesOf(files, executionId)) {
    if (!isHead) yield JSON.parse(line) as NodeRow;
    isHead = false;
  }
}

/** What one node of an archived run gave; null when it has no such node or item, or that gave nothing. */
export async function archivedOutput(
  files: R2Bucket,
  executionId: string,
  { nodeId, itemPath }: NodePlace,
): Promise<WholeOutput | null> {
  for await (const row of rowsOf(files, executionId)) {
    // the top stands before all items
    if (itemPath.length === 0 && row.itemPath) return null;
    if (row.nodeId === nodeId && (row.itemPath ?? []).join('.') === itemPath.join('.')) return wholeOf(row);
  }
  return null;
}

/** What is said of a node to a run that takes over. */
const earlierOf = ({ nodeId, status, handle, itemsHash, hasFailedItems }: NodeRow): EarlierNode => ({
  nodeId,
  status,
  handle: handle ?? null,
  ...(itemsHash ? { itemsHash } : {}),
  ...(hasFailedItems ? { hasFailedItems } : {}),
});

/** An ended execution as one that takes over from it finds it, wherever it stands; `completed`: it ended well. */
export async function earlierRun(
  { db, env }: { db: Db; env: Pick<Env, 'FILES' | 'WORKFLOW_RUN'> },
  executionId: string,
): Promise<EarlierRun> {
  const row = await db.query.execution.findFirst({
    columns: { archivedAt: true, status: true },
    where: eq(execution.id, executionId),
  });
  const completed = row?.status === 'completed';
  const archived = { completed, ...archivedRun(env.FILES, executionId) };
  if ((row?.archivedAt ?? null) !== null) return archived;
  const isGone = () => isArchived(db, executionId);
  return { completed, ...livingRun(runObject(env as Env, executionId), { archived, isArchived: isGone }) };
}

function archivedRun(files: R2Bucket, executionId: string): Omit<EarlierRun, 'completed'> {
  return {
    async nodes() {
      const nodes: EarlierNode[] = [];
      for await (const row of rowsOf(files, executionId)) {
        if (row.itemPath) break;
        nodes.push(earlierOf(row));
      }
      return nodes;
    },
    output: (place) => archivedOutput(files, executionId, place),
    async *items(mapIds) {
      let page: EarlierItemNode[] = [];
      let chars = 0;
      for await (const row of rowsOf(files, executionId)) {
        const { frame, status, itemPath } = row;
        if (!itemPath || !mapIds.some((id) => frameKey(id, itemPath) === frame)) continue;
        const whole = status === 'succeeded' ? wholeOf(row) : null;
        const output = whole && 'json' in whole ? whole.json : null;
        const ref = whole && 'ref' in whole ? whole.ref : null;
        page.push({ ...earlierOf(row), frame, output, ref, isLarge: false });
        chars += output?.length ?? 0;
        if (page.length < PAGE_ROWS && chars < PAGE_CHARS) continue;
        yield page;
        page = [];
        chars = 0;
      }
      if (page.length > 0) yield page;
    },
  };
}

/** For a run that takes over from one that may be archived in the meantime. */
function livingRun(
  run: RunObject,
  { archived, isArchived }: { archived: EarlierRun; isArchived: () => Promise<boolean> },
): Omit<EarlierRun, 'completed'> {
  return {
    async nodes() {
      const nodes = await run.topNodes();
      return nodes.length === 0 && (await isArchived()) ? archived.nodes() : nodes;
    },
    async output(place) {
      return (await run.output(place)) ?? ((await isArchived()) ? archived.output(place) : null);
    },
    async *items(mapIds) {
      for (let after: string | null = null; ;) {
        const page = await run.itemNodes({ mapIds, after });
        if (!page && (await isArchived())) throw new Error('it was archived in the meantime; ask again');
        if (page && page.nodes.length > 0) yield page.nodes;
        after = page?.next ?? null;
        if (after === null) return;
      }
    },
  };
}

/** Runs that ended before then and still stand in their objects; those that wait for a decision stay. */
export async function runsToArchive(db: Db, endedBefore: string, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: execution.id })
    .from(execution)
    .where(
      and(
        isNotNull(execution.endedAt),
        isNull(execution.archivedAt),
        lt(execution.endedAt, endedBefore),
        ne(execution.status, 'needs_review'),
      ),
    )
    .orderBy(asc(execution.endedAt))
    .limit(limit);
  return rows.map(({ id }) => id);
}

export async function isArchived(db: Db, executionId: string): Promise<boolean> {
  const row = await db.query.execution.findFirst({
    columns: { archivedAt: true },
    where: eq(execution.id, executionId),
  });
  return (row?.archivedAt ?? null) !== null;
}

export async function markArchived(db: Db, executionId: string, at: string): Promise<void> {
  await db.update(execution).set({ archivedAt: at }).where(eq(execution.id, executionId));
}
