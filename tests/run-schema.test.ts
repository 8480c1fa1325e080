import { DatabaseSync } from 'node:sqlite';
import { describe, expect, it } from 'vitest';
import { NEWEST, VERSIONS } from '../durable/run/run.schema.ts';

/** Tables by their columns, indexes by what they index: how the text is broken and in which order columns came is no matter. */
function shapeOf(...sqls: readonly string[]) {
  const db = new DatabaseSync(':memory:');
  for (const sql of sqls) db.exec(sql);
  const all = (sql: string, ...values: string[]) =>
    db.prepare(sql).all(...values) as Record<string, unknown>[];
  const shape: Record<string, unknown> = {};
  for (const { name, type, sql, strict, wr } of all(
    `SELECT m.name, m.type, m.sql, t.strict, t.wr FROM sqlite_schema m LEFT JOIN pragma_table_list t USING (name) WHERE m.name NOT LIKE 'sqlite_%'`,
  ))
    shape[String(name)] =
      type === 'index'
        ? String(sql).replace(/\s+/g, ' ')
        : {
            strict,
            wr,
            checks: String(sql).match(/CHECK \(.*?\)/g),
            columns: all(
              'SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_info(?) ORDER BY name',
              String(name),
            ),
          };
  return shape;
}

describe('the schema of a run', () => {
  it('is the same for a new object as for one that has lived through all versions', () => {
    const lived = shapeOf(...VERSIONS);
    expect(Object.keys(lived).length).toBeGreaterThan(10);
    expect(shapeOf(NEWEST)).toEqual(lived);
  });
});
