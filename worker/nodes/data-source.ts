/** The rows of an uploaded file. */
import { z } from 'zod';
import { defineNode } from '../domain/contracts/node.ts';
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

/** Rows that one run may take in at once. */
export const MAX_ROWS = 100_000;
const WINDOW = 1_000;
const MAX_BYTES = 16 * 1024 * 1024;

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
  async run({ dataSourceId, query, limit = MAX_ROWS }, { teamId, deps, expressions, signal }) {
    const { readRows } = deps as DataSourceDeps;
    const rows: Record<string, unknown>[] = [];
    let bytes = 0;
    for (let offset = 0; rows.length < limit && !signal.aborted; offset += WINDOW) {
      const window = await readRows({
        teamId,
        dataSourceId,
        offset,
        limit: query ? WINDOW : Math.min(WINDOW, limit - rows.length),
      });
      if (!window)
        return err({
          reason: 'refused',
          field: 'dataSourceId',
          message: `there is no data source "${dataSourceId}"`,
        });
      for (const row of window.rows) {
        if (rows.length === limit) break;
        const kept = await matches(row, query, expressions);
        if (!kept.ok) return err({ reason: 'refused', field: 'query', ...kept.error });
        if (!kept.value) continue;
        rows.push(row);
        bytes += JSON.stringify(row).length;
        if (bytes > MAX_BYTES)
          return err({
            reason: 'refused',
            field: 'limit',
            message: `the rows are larger than ${MAX_BYTES / 1024 / 1024} MB; set a limit or a query`,
          });
      }
      if (offset + WINDOW >= window.total) break;
    }
    return ok({ output: { rows, count: rows.length } });
  },
});

async function matches(
  row: Record<string, unknown>,
  query: string | undefined,
  expressions: Parameters<typeof dataSource.run>[1]['expressions'],
): Promise<Result<boolean, { message: string; position?: number }>> {
  if (!query) return ok(true);
  const value = await expressions.evaluate(query, row);
  return value.ok ? ok(truth(value.value)) : value;
}
