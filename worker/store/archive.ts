/**
 * Ended runs in R2, one compressed file each (engine.md rule 20): a line with what is known of the run, then a line per row of a node, in
 * their order, with whole outputs. Written and read as a stream, so that a run of 100,000 items never stands whole in memory.
 */
import { and, asc, eq, isNotNull, isNull, lt, ne } from 'drizzle-orm';
import type { EarlierNode } from '../domain/workflow/replay.ts';
import {
  cursorOf,
  pageOfRun,
  type NodeRow,
  type PageAsk,
  type RunHead,
} from '../domain/workflow/run-page.ts';
import type { EarlierRun, RunView } from '../domain/workflow/run.ts';
import type { Db } from '../services.ts';
import { execution } from './schema.ts';

export const archiveKey = (executionId: string) => `executions/${executionId}/run.jsonl.gz`;

/** R2 wants parts of one size, at least 5 MB. */
const PART_BYTES = 8 * 1024 * 1024;
/** An output of more characters is shown by its beginning, as a living run does. */
const SHOWN_CHARS = 500_000;

/** Writes what may be of any length: at once when it is small, else in parts. */
export async function putArchive(
  files: R2Bucket,
  executionId: string,
  lines: AsyncIterable<string>,
): Promise<void> {
  const key = archiveKey(executionId);
  let upload: R2MultipartUpload | null = null;
  const parts: R2UploadedPart[] = [];
  let chunks: Uint8Array[] = [];
  let size = 0;
  const take = (bytes: number): Uint8Array => {
    const whole = new Uint8Array(size);
    let at = 0;
    for (const chunk of chunks) {
      whole.set(chunk, at);
      at += chunk.length;
    }
    const rest = whole.subarray(bytes);
    chunks = rest.length > 0 ? [rest] : [];
    size = rest.length;
    return whole.subarray(0, bytes);
  };
  const reader = compressed(lines).getReader();
  for (;;) {
    const { value, done } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.length;
    while (size >= PART_BYTES) {
      upload ??= await files.createMultipartUpload(key);
      parts.push(await upload.uploadPart(parts.length + 1, take(PART_BYTES)));
    }
  }
  if (!upload) return void (await files.put(key, take(size)));
  if (size > 0) parts.push(await upload.uploadPart(parts.length + 1, take(size)));
  await upload.complete(parts);
}

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
  const rows: NodeRow[] = [];
  for await (const line of linesOf(files, executionId)) {
    if (!head) {
      head = JSON.parse(line) as RunHead;
      continue;
    }
    const row = JSON.parse(line) as NodeRow;
    if (!begun) begun = row.frame === after![1] && row.nodeId === after![2];
    else if (page.nodeId === undefined || page.nodeId === row.nodeId) rows.push(shown(row, line.length));
    if (rows.length > page.limit) break;
  }
  return head && pageOfRun(head, rows, page);
}

function shown(row: NodeRow, chars: number): NodeRow {
  if (chars <= SHOWN_CHARS) return row;
  const { output, ...rest } = row;
  const text = JSON.stringify(output);
  return text.length <= SHOWN_CHARS ? row : { ...rest, outputPreview: text.slice(0, 1000) };
}

/** Its outermost nodes, for a run that takes over from it. */
export function archivedRun(files: R2Bucket, executionId: string): EarlierRun {
  const top = async function* () {
    let isHead = true;
    for await (const line of linesOf(files, executionId)) {
      const row = isHead ? null : (JSON.parse(line) as NodeRow);
      isHead = false;
      // the top stands before all items
      if (row?.itemPath) return;
      if (row) yield row;
    }
  };
  return {
    async nodes() {
      const nodes: EarlierNode[] = [];
      for await (const { nodeId, status, handle = null } of top()) nodes.push({ nodeId, status, handle });
      return nodes;
    },
    async output(nodeId) {
      for await (const row of top()) if (row.nodeId === nodeId) return row.output ?? null;
      return null;
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
