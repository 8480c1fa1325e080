/** An upload on its way into R2: text is read piece by piece, rows are written chunk by chunk; on any fault nothing of it is left. */
import { CsvFault, CsvReader } from '../domain/data/csv.ts';
import { headerNames, TypeGuess, type Column } from '../domain/data/columns.ts';
import { JsonArrayReader, JsonFault } from '../domain/data/json-array.ts';
import type { Refusal } from '../domain/refusal.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { deleteFiles, RowWriter } from './data-sources.ts';

export const MAX_UPLOAD_BYTES = 50 * 1024 * 1024;
const MAX_COLUMNS = 500;

export interface ImportedTable {
  columns: Column[];
  rowCount: number;
  bytes: number;
}

class TooLarge extends Error {}
class NotText extends Error {}

/** Reads the body to its end. Refusals: `invalid` naming line and column, `too_large`. */
export async function importTable(
  files: R2Bucket,
  upload: { kind: 'csv' | 'json'; fileKey: string; body: AsyncIterable<Uint8Array> },
): Promise<Result<ImportedTable, Refusal>> {
  const writer = new RowWriter(files, upload.fileKey);
  const text = new CountedText(upload.body);
  try {
    const columns = await (upload.kind === 'csv' ? readCsv(text, writer) : readJson(text, writer));
    await writer.finish();
    return ok({ columns, rowCount: writer.rowCount, bytes: text.bytes });
  } catch (error) {
    await deleteFiles(files, upload.fileKey);
    if (error instanceof TooLarge)
      return err({
        reason: 'too_large',
        message: `The file is larger than ${MAX_UPLOAD_BYTES / 1024 / 1024} MB.`,
        limitBytes: MAX_UPLOAD_BYTES,
      });
    if (error instanceof CsvFault || error instanceof JsonFault || error instanceof NotText)
      return err({ reason: 'invalid', issues: [{ path: 'file', message: error.message }] });
    throw error;
  }
}

/** The body as text, its bytes counted, refused when it is too long or not UTF-8. */
class CountedText {
  bytes = 0;
  constructor(readonly body: AsyncIterable<Uint8Array>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const decode = (chunk?: Uint8Array) => {
      try {
        return chunk ? decoder.decode(chunk, { stream: true }) : decoder.decode();
      } catch {
        throw new NotText('the file is not UTF-8 text; save it as "CSV UTF-8"');
      }
    };
    for await (const chunk of this.body) {
      this.bytes += chunk.byteLength;
      if (this.bytes > MAX_UPLOAD_BYTES) throw new TooLarge();
      const text = decode(chunk);
      if (text !== '') yield text;
    }
    yield decode();
  }
}

async function readCsv(text: CountedText, writer: RowWriter): Promise<Column[]> {
  const reader = new CsvReader();
  let names: string[] | null = null;
  const guesses: TypeGuess[] = [];
  const take = (line: number, cells: string[]): boolean => {
    if (!names) {
      const header = headerNames(cells);
      if (!('names' in header)) throw new CsvFault(line, header.column, header.message);
      if (header.names.length > MAX_COLUMNS)
        throw new CsvFault(line, MAX_COLUMNS + 1, `there are more than ${MAX_COLUMNS} columns`);
      names = header.names;
      guesses.push(...names.map(() => new TypeGuess()));
      return false;
    }
    if (cells.length !== names.length)
      throw new CsvFault(
        line,
        Math.min(cells.length, names.length) + 1,
        `the row has ${cells.length} cells, the header has ${names.length}`,
      );
    cells.forEach((cell, index) => guesses[index]!.see(cell));
    return writer.add(cells);
  };
  for await (const piece of text)
    for (const { line, cells } of reader.push(piece)) if (take(line, cells)) await writer.flush();
  for (const { line, cells } of reader.end()) if (take(line, cells)) await writer.flush();
  if (!names) throw new CsvFault(1, 1, 'the file is empty; its first line must name the columns');
  return (names as string[]).map((name, index) => ({ name, type: guesses[index]!.type }));
}

async function readJson(text: CountedText, writer: RowWriter): Promise<Column[]> {
  const reader = new JsonArrayReader();
  const types = new Map<string, Set<string>>();
  for await (const piece of text)
    for (const { line, value } of reader.push(piece)) {
      if (value === null || typeof value !== 'object' || Array.isArray(value))
        throw new JsonFault(line, 'every element must be an object');
      for (const [name, cell] of Object.entries(value)) {
        if (!types.has(name) && types.size >= MAX_COLUMNS)
          throw new JsonFault(line, `there are more than ${MAX_COLUMNS} different fields`);
        const seen = types.get(name) ?? types.set(name, new Set()).get(name)!;
        if (cell !== null) seen.add(typeof cell);
      }
      if (writer.add(value)) await writer.flush();
    }
  reader.end();
  return [...types].map(([name, seen]) => {
    const [only] = seen.size === 1 ? [...seen] : [];
    return { name, type: only === 'number' || only === 'boolean' ? only : 'string' };
  });
}
