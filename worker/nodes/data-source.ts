/** The rows of an uploaded file. */
import { z } from 'zod';
import { defineNode, type NodeContext, type NodeFailure } from '../domain/contracts/node.ts';
import { err, ok, type Result } from '../domain/result.ts';
import { truth } from '../domain/workflow/truth.ts';

export interface DataSourceDeps {
  /** Rows from `offset`, at most `limit`, with how many there are in all; null when the team has no such source. */
  readRows(query: {
    teamId: string;
    dataSourceId: string;
    offset: number;
    limit: number;
  }): Promise<{ rows: Record<string, unknown>[]; total: number } | null>;
}

/** Rows that one run may take in. */
export const MAX_ROWS = 100_000;
const WINDOW = 1_000;
/** Rows of more than this are handed on piece by piece. */
const AT_HAND_CHARS = 1_000_000;
/** As JSON, where each row names its columns anew, a file of 50 MB may be several times as large. */
const MAX_CHARS = 512 * 1024 * 1024;

type Row = Record<string, unknown>;

export const dataSource = defineNode({
  kind: 'data_source',
  label: 'Data source',
  description: 'Reads the rows of an uploaded CSV or JSON file.',
  category: 'data',
  icon: 'database',
  configSchema: z.strictObject({
    dataSourceId: z.string().min(1).max(100),
    /** an expression over one row; rows for which it is not true are left out */
    query: z.string().trim().max(20_000).optional(),
    limit: z.int().min(1).max(MAX_ROWS).optional(),
  }),
  defaultConfig: { dataSourceId: '' },
  expressionFields: ['query'],
  handles: [],
  ignoresInput: () => true,
  execution: 'io',
  idempotent: true,
  paid: false,
  async run(config, { teamId, deps, expressions, signal }) {
    const rows: string[] = [];
    let chars = 0;
    const read = rowsOf(config, { teamId, deps: deps as DataSourceDeps, expressions, signal });
    for (;;) {
      const next = await read.next();
      if (next.done)
        return ok({ output: { rows: rows.map((row) => JSON.parse(row) as Row), count: rows.length } });
      if (!next.value.ok) return next.value;
      rows.push(next.value.value);
      chars += next.value.value.length;
      if (chars > AT_HAND_CHARS) return ok({ output: null, json: inPieces(rows, read) });
    }
  },
});

type Rows = AsyncGenerator<Result<string, NodeFailure>, void>;

/** `{rows, count}` as JSON: the first rows are at hand, the others are read as they are wanted. */
async function* inPieces(first: string[], rest: Rows): AsyncGenerator<Result<string, NodeFailure>> {
  let count = first.length;
  let chars = 0;
  yield ok(`{"rows":[${first.join(',')}`);
  for await (const row of rest) {
    if (!row.ok) return yield row;
    count++;
    chars += row.value.length;
    if (chars > MAX_CHARS)
      return yield err({
        reason: 'refused',
        field: 'limit',
        message: `the rows are larger than ${MAX_CHARS / 1024 / 1024} MB; set a limit or a query`,
      });
    yield ok(`,${row.value}`);
  }
  yield ok(`],"count":${count}}`);
}

/** The JSON of each row that is wanted, read a window at a time. */
async function* rowsOf(
  { dataSourceId, query, limit = MAX_ROWS }: z.infer<typeof dataSource.configSchema>,
  {
    teamId,
    deps,
    expressions,
    signal,
  }: Pick<NodeContext<DataSourceDeps>, 'teamId' | 'deps' | 'expressions' | 'signal'>,
): Rows {
  let count = 0;
  for (let offset = 0; count < limit && !signal.aborted; offset += WINDOW) {
    const window = await deps.readRows({
      teamId,
      dataSourceId,
      offset,
      limit: query ? WINDOW : Math.min(WINDOW, limit - count),
    });
    if (!window)
      return yield err({
        reason: 'refused',
        field: 'dataSourceId',
        message: `there is no data source "${dataSourceId}"`,
      });
    for (const row of window.rows) {
      if (count === limit) break;
      const kept = await matches(row, query, expressions);
      if (!kept.ok) return yield err({ reason: 'refused', field: 'query', ...kept.error });
      if (!kept.value) continue;
      count++;
      yield ok(JSON.stringify(row));
    }
    if (offset + WINDOW >= window.total) break;
  }
}

async function matches(
  row: Row,
  query: string | undefined,
  expressions: NodeContext['expressions'],
): Promise<Result<boolean, { message: string; position?: number }>> {
  if (!query) return ok(true);
  const value = await expressions.evaluate(query, row);
  return value.ok ? ok(truth(value.value)) : value;
}
