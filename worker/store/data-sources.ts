/** Uploaded tables: columns in D1, rows in R2 as JSON lines in chunks, with an index of which rows stand where. */
import { and, desc, eq, lt } from 'drizzle-orm';
import { cellValue, type Column } from '../domain/data/columns.ts';
import type { Db } from '../services.ts';
import { pageFrom, type PageOptions } from './page.ts';
import { dataSource } from './schema.ts';

export type DataSourceRow = typeof dataSource.$inferSelect;

/** Rows of one chunk: enough that few reads are needed, little enough to hold in memory. */
const CHUNK_ROWS = 1_000;
const CHUNK_CHARS = 1_000_000;

export interface ChunkIndex {
  /** the number of each chunk's first row, ascending */
  firstRows: number[];
}
const chunkKey = (fileKey: string, chunk: number) => `${fileKey}/${String(chunk).padStart(6, '0')}.jsonl`;
const indexKey = (fileKey: string) => `${fileKey}/index.json`;

/** Writes rows as they come; nothing counts as imported until finish(). */
export class RowWriter {
  rowCount = 0;
  #lines: string[] = [];
  #chars = 0;
  #index: ChunkIndex = { firstRows: [] };

  constructor(
    readonly files: R2Bucket,
    readonly fileKey: string,
  ) {}

  /** True when a chunk is full: then await flush() before the next row. */
  add(row: unknown): boolean {
    const line = JSON.stringify(row);
    this.#lines.push(line);
    this.#chars += line.length;
    this.rowCount++;
    return this.#lines.length >= CHUNK_ROWS || this.#chars >= CHUNK_CHARS;
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return;
    await this.files.put(chunkKey(this.fileKey, this.#index.firstRows.length), this.#lines.join('\n'));
    this.#index.firstRows.push(this.rowCount - this.#lines.length);
    this.#lines = [];
    this.#chars = 0;
  }

  async finish(): Promise<void> {
    await this.flush();
    await this.files.put(indexKey(this.fileKey), JSON.stringify(this.#index));
  }
}

export async function deleteFiles(files: R2Bucket, fileKey: string): Promise<void> {
  for (;;) {
    const { objects } = await files.list({ prefix: `${fileKey}/`, limit: 1000 });
    if (objects.length === 0) return;
    await files.delete(objects.map((object) => object.key));
  }
}

export async function insertDataSource(db: Db, row: DataSourceRow): Promise<void> {
  await db.insert(dataSource).values(row);
}

export async function findDataSource(db: Db, teamId: string, id: string): Promise<DataSourceRow | null> {
  const row = await db.query.dataSource.findFirst({
    where: and(eq(dataSource.teamId, teamId), eq(dataSource.id, id)),
  });
  return row ?? null;
}

export async function listDataSources(db: Db, teamId: string, { limit, cursor }: PageOptions) {
  const rows = await db
    .select()
    .from(dataSource)
    .where(and(eq(dataSource.teamId, teamId), cursor ? lt(dataSource.id, cursor) : undefined))
    .orderBy(desc(dataSource.id))
    .limit(limit + 1);
  return pageFrom(rows, limit);
}

export async function renameDataSource(db: Db, teamId: string, id: string, name: string) {
  const [row] = await db
    .update(dataSource)
    .set({ name })
    .where(and(eq(dataSource.teamId, teamId), eq(dataSource.id, id)))
    .returning();
  return row ?? null;
}

/** The row goes first: a file without a row is only garbage, a row without a file would be a lie. */
export async function deleteDataSource({ db, files }: { db: Db; files: R2Bucket }, row: DataSourceRow) {
  await db.delete(dataSource).where(eq(dataSource.id, row.id));
  await deleteFiles(files, row.fileKey);
}

/** A window of rows as typed objects; null when the team has no such source. */
export async function readRows(
  { db, files }: { db: Db; files: R2Bucket },
  query: { teamId: string; dataSourceId: string; offset: number; limit: number },
): Promise<{ rows: Record<string, unknown>[]; total: number } | null> {
  const source = await findDataSource(db, query.teamId, query.dataSourceId);
  if (!source) return null;
  return { rows: await rowsOf(files, source, query), total: source.rowCount };
}

export async function rowsOf(
  files: R2Bucket,
  source: Pick<DataSourceRow, 'fileKey' | 'columns' | 'kind'>,
  { offset, limit }: { offset: number; limit: number },
): Promise<Record<string, unknown>[]> {
  const index = (await (await files.get(indexKey(source.fileKey)))?.json()) as ChunkIndex | undefined;
  if (!index) throw new Error(`the file ${source.fileKey} is missing`);
  const rows: Record<string, unknown>[] = [];
  let chunk = index.firstRows.findLastIndex((first) => first <= offset);
  for (; chunk >= 0 && chunk < index.firstRows.length && rows.length < limit; chunk++) {
    const file = await files.get(chunkKey(source.fileKey, chunk));
    if (!file) throw new Error(`the file ${source.fileKey} is missing`);
    const lines = (await file.text()).split('\n');
    const from = Math.max(0, offset - index.firstRows[chunk]!);
    for (const line of lines.slice(from, from + limit - rows.length)) rows.push(rowOf(line, source));
  }
  return rows;
}

/** A CSV's line is an array of cells, a JSON file's the object itself. */
function rowOf(
  line: string,
  { kind, columns }: { kind: string; columns: Column[] },
): Record<string, unknown> {
  const stored = JSON.parse(line) as unknown;
  if (kind !== 'csv') return stored as Record<string, unknown>;
  return Object.fromEntries(
    columns.map(({ name, type }, index) => [name, cellValue((stored as string[])[index] ?? '', type)]),
  );
}
